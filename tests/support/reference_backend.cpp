#include <joist/tests/reference/reference.h>
#include <joist/tests/support/reference_backend.h>

namespace joist {

Device use_reference() {
  static const bool registered = (register_kernels(Device::Kind::reference, reference_kernels()), true);
  static_cast<void>(registered);
  return reference::device;
}

}  // namespace joist
