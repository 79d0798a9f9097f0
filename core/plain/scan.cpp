#include <joist/core/plain/plain.h>

namespace joist::plain {

void fill(ScanKernels&) {}

}  // namespace joist::plain
