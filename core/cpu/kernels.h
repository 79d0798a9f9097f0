// The CPU's kernel table. Each file of this folder fills its part.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

/// float32 kernels for host memory; lives until the process ends.
const Kernels& cpu_kernels();

void fill_elementwise(Kernels& table);
void fill_reduction(Kernels& table);
void fill_matmul(Kernels& table);
void fill_convolution(Kernels& table);
void fill_batch_norm(Kernels& table);
void fill_pool(Kernels& table);
void fill_resize(Kernels& table);
void fill_softmax(Kernels& table);
void fill_loss(Kernels& table);
void fill_indexing(Kernels& table);
void fill_random(Kernels& table);
void fill_optimizer(Kernels& table);

}  // namespace joist
