#include <joist/tests/reference/reference.h>

namespace joist {

const Kernels& reference_kernels() {
  static const Kernels table = [] {
    Kernels kernels;
    reference::fill(kernels.elementwise);
    reference::fill(kernels.reduction);
    reference::fill(kernels.matmul);
    reference::fill(kernels.convolution);
    reference::fill(kernels.batch_norm);
    reference::fill(kernels.pool);
    reference::fill(kernels.resize);
    reference::fill(kernels.softmax);
    reference::fill(kernels.loss);
    reference::fill(kernels.indexing);
    reference::fill(kernels.random);
    reference::fill(kernels.optimizer);
    return kernels;
  }();
  return table;
}

}  // namespace joist
