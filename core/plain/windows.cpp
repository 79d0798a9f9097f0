#include <joist/core/plain/plain.h>

namespace joist::plain {

void fill(WindowKernels&) {}

}  // namespace joist::plain
