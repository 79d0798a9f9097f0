#include <joist/core/plain/plain.h>
#include <joist/tests/support/reference_backend.h>

namespace joist {

Device use_reference() { return plain::device; }

}  // namespace joist
