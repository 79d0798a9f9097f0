// What the kernels need of the machine around them.
#pragma once

#include <joist/core/segment_allocator.h>

namespace joist::cuda {

/// The stream that kernels go to (a cudaStream_t on a GPU): one for the process, so that memory that was given back may
/// be given out again while earlier kernels still run.
void* current_stream();

/// Sizes that suit a GPU's memory.
inline constexpr SegmentAllocator::Sizes gpu_segments{.alignment = 256,
                                                      .small_limit = std::size_t{1} << 20,
                                                      .small_segment = std::size_t{2} << 20,
                                                      .large_segment = std::size_t{32} << 20,
                                                      .page = std::size_t{2} << 20};
/// Keeps segments of the GPU's memory.
Allocator& memory();
/// What arrays may still take of it.
std::size_t free_bytes();

}  // namespace joist::cuda
