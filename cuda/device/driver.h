// Which GPU is this process's.
#pragma once

namespace joist::cuda::driver {

/// Numbered as CUDA does, before anything else is asked; the first one otherwise.
void choose_gpu(int number);

}  // namespace joist::cuda::driver
