// How many cores the kernels use.
#pragma once

namespace joist {

/// Threads that a kernel uses: what set_threads() said, else OMP_NUM_THREADS, else the cores this process may use.
int threads();
/// For the whole process. Throws UsageError below 1.
void set_threads(int count);

}  // namespace joist
