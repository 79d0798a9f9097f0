#include <joist/core/cpu/kernels.h>

namespace joist {

void fill_layer_norm(Kernels&) {}

}  // namespace joist
