#include <joist/core/plain/plain.h>

namespace joist::plain {

void fill(AttentionKernels&) {}

}  // namespace joist::plain
