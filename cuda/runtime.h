// What the kernels need of the machine around them.
#pragma once

namespace joist::cuda {

/// The stream that this thread's kernels go to (a cudaStream_t); nullptr on the emulator.
void* current_stream();

}  // namespace joist::cuda
