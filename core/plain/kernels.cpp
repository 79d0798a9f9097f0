#include <joist/core/plain/plain.h>

namespace joist {

const Kernels& plain_kernels() {
  static const Kernels table = [] {
    Kernels kernels;
    plain::fill(kernels.elementwise);
    plain::fill(kernels.comparison);
    plain::fill(kernels.reduction);
    plain::fill(kernels.scan);
    plain::fill(kernels.sorting);
    plain::fill(kernels.matmul);
    plain::fill(kernels.linalg);
    plain::fill(kernels.fourier);
    plain::fill(kernels.convolution);
    plain::fill(kernels.windows);
    plain::fill(kernels.batch_norm);
    plain::fill(kernels.layer_norm);
    plain::fill(kernels.pool);
    plain::fill(kernels.resize);
    plain::fill(kernels.softmax);
    plain::fill(kernels.attention);
    plain::fill(kernels.recurrent);
    plain::fill(kernels.loss);
    plain::fill(kernels.indexing);
    plain::fill(kernels.random);
    plain::fill(kernels.optimizer);
    return kernels;
  }();
  return table;
}

}  // namespace joist
