#include <joist/core/cpu/kernels.h>

namespace joist {

void fill_adaptive_pool(Kernels&) {}

}  // namespace joist
