// The kernel table of Device::Kind::cuda. Each file of this folder fills its part.
#pragma once

#include <joist/core/kernels.h>

#include <cstdint>
#include <string_view>

namespace joist::cuda {

/// Lives until the process ends.
const Kernels& cuda_kernels();

void fill_elementwise(Kernels& table);
void fill_comparison(Kernels& table);
void fill_reduction(Kernels& table);
void fill_scan(Kernels& table);
void fill_softmax(Kernels& table);
void fill_loss(Kernels& table);
void fill_layer_norm(Kernels& table);
void fill_batch_norm(Kernels& table);
void fill_indexing(Kernels& table);
void fill_pool(Kernels& table);
void fill_resize(Kernels& table);
void fill_windows(Kernels& table);
void fill_random(Kernels& table);
void fill_optimizer(Kernels& table);
void fill_matmul(Kernels& table);
void fill_convolution(Kernels& table);
void fill_attention(Kernels& table);

/// How an entry of the table is computed, and so how its tests run where no GPU is.
enum class Coverage : std::uint8_t {
  functor,   ///< own kernel whose threads are independent: run as they are
  emulator,  ///< own kernel whose threads work together: run on the emulator
  library,   ///< a library's, between kernels of its own where need be: a recording fake carries out what it is told
  host       ///< declared: arrays go to the CPU and back
};
/// Throws InternalError for an entry that coverage.cpp does not list.
Coverage coverage_of(std::string_view kernel);

}  // namespace joist::cuda
