// Bytes between the host and the GPU.
#pragma once

#include <cstddef>

namespace joist::cuda {

/// Copies after all work of the calling thread's stream, and waits for the end.
void copy_to_host(void* to, const void* from, std::size_t bytes);
void copy_to_device(void* to, const void* from, std::size_t bytes);

}  // namespace joist::cuda
