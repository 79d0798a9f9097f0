#include <joist/core/cpu/kernels.h>

namespace joist {

const Kernels& cpu_kernels() {
  static const Kernels table = [] {
    Kernels filled;
    for (const auto fill : {fill_elementwise, fill_reduction, fill_matmul, fill_convolution, fill_batch_norm, fill_pool,
                            fill_resize, fill_softmax, fill_loss, fill_indexing, fill_random, fill_optimizer})
      fill(filled);
    return filled;
  }();
  return table;
}

}  // namespace joist
