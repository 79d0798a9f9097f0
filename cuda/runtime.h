// What the kernels need of the machine around them.
#pragma once

#include <joist/core/memory.h>

namespace joist::cuda {

/// The stream that kernels go to (a cudaStream_t on a GPU): one for the process, so that memory that was given back may
/// be given out again while earlier kernels still run.
void* current_stream();

/// Keeps segments of the GPU's memory.
Allocator& memory();
/// What arrays may still take of it.
std::size_t free_bytes();

}  // namespace joist::cuda
