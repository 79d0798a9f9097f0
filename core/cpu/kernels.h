// The CPU's kernel tables. Each file of this folder fills its part.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

/// float32 kernels for host memory; lives until the process ends.
const Kernels& cpu_kernels();
/// float64: the plain loops of core/plain, with faster kernels where this folder has them for double.
const Kernels& double_kernels();
/// float16 and bfloat16, by way of float32.
const Kernels& half_kernels();
/// Integers and bool.
const Kernels& integer_kernels();

void fill_elementwise(Kernels& table);
void fill_comparison(Kernels& table);
void fill_reduction(Kernels& table);
void fill_scan(Kernels& table);
void fill_sorting(Kernels& table);
void fill_matmul(Kernels& table);
void fill_linalg(Kernels& table);
void fill_fourier(Kernels& table);
void fill_convolution(Kernels& table);
void fill_windows(Kernels& table);
void fill_batch_norm(Kernels& table);
void fill_layer_norm(Kernels& table);
void fill_pool(Kernels& table);
void fill_adaptive_pool(Kernels& table);
void fill_resize(Kernels& table);
void fill_resample(Kernels& table);
void fill_softmax(Kernels& table);
void fill_sparsemax(Kernels& table);  ///< called by fill_softmax
void fill_attention(Kernels& table);
void fill_recurrent(Kernels& table);
void fill_loss(Kernels& table);
void fill_ctc(Kernels& table);
void fill_indexing(Kernels& table);
void fill_random(Kernels& table);
void fill_optimizer(Kernels& table);

/// core/kernels/fused_convolution.h's for host memory.
void register_convolutions();

/// Over the float32 table: what integers compute otherwise.
void fill_integers(Kernels& table);

}  // namespace joist
