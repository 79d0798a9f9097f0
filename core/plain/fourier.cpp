#include <joist/core/plain/plain.h>

namespace joist::plain {

void fill(FourierKernels&) {}

}  // namespace joist::plain
