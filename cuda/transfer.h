// Bytes between the host and the GPU.
#pragma once

#include <cstddef>

namespace joist::cuda {

/// After all work given so far; waits for the bytes.
void copy_to_host(void* to, const void* from, std::size_t bytes);
/// Returns when `from` may be changed; the bytes are there for all work that is given afterwards.
void copy_to_device(void* to, const void* from, std::size_t bytes);

}  // namespace joist::cuda
