#include <joist/core/cpu/double_product.h>
#include <joist/core/cpu/instruction_set.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/plain/plain.h>

namespace joist {

const Kernels& cpu_kernels() {
  static const Kernels table = [] {
    limit_instruction_set();
    Kernels filled;
    for (const auto fill :
         {fill_elementwise, fill_comparison,    fill_reduction,   fill_scan,     fill_sorting,    fill_matmul,
          fill_linalg,      fill_fourier,       fill_convolution, fill_windows,  fill_batch_norm, fill_layer_norm,
          fill_pool,        fill_adaptive_pool, fill_resize,      fill_resample, fill_softmax,    fill_attention,
          fill_recurrent,   fill_loss,          fill_ctc,         fill_indexing, fill_random,     fill_optimizer})
      fill(filled);
    register_convolutions();
    return filled;
  }();
  return table;
}

const Kernels& double_kernels() {
  static const Kernels table = [] {
    Kernels filled = plain_kernels();
    // Kernels that are written for float and double alike.
    for (const auto fill : {fill_comparison, fill_scan, fill_sorting, fill_linalg, fill_fourier, fill_windows,
                            fill_adaptive_pool, fill_resample, fill_ctc, fill_optimizer, fill_double_matmul})
      fill(filled);
    filled.elementwise.fill = cpu_kernels().elementwise.fill.pointer();
    filled.elementwise.copy = cpu_kernels().elementwise.copy.pointer();
    filled.indexing.take_rows = cpu_kernels().indexing.take_rows.pointer();
    filled.indexing.gather = cpu_kernels().indexing.gather.pointer();
    filled.indexing.scatter = cpu_kernels().indexing.scatter.pointer();
    filled.reduction.product = cpu_kernels().reduction.product.pointer();
    filled.reduction.product_backward = cpu_kernels().reduction.product_backward.pointer();
    return filled;
  }();
  return table;
}

const Kernels& integer_kernels() {
  static const Kernels table = [] {
    Kernels filled = cpu_kernels();
    fill_integers(filled);
    return filled;
  }();
  return table;
}

}  // namespace joist
