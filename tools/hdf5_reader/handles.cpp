#include <joist/tools/hdf5_reader/handles.h>

namespace joist::helper {
namespace {

herr_t keep_description(unsigned, const H5E_error2_t* error, void* text) noexcept {
  if (error && error->desc) *static_cast<const char**>(text) = error->desc;
  return 0;
}

}  // namespace

void fail(const std::string& what) {
  const char* reason = nullptr;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_description, &reason);  // the last one visited is the innermost
  throw Failure(reason ? what + ": " + reason : what);
}

}  // namespace joist::helper
