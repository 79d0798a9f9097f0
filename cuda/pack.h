// Neighbouring elements that travel by one access to memory.
#pragma once

namespace joist::cuda {

template <class T, int n>
struct Pack {
  T at[n];
};

}  // namespace joist::cuda

/// Loops whose indices must be constants, so that small arrays stay in registers.
#ifdef __CUDACC__
#define JOIST_UNROLL _Pragma("unroll")
#else
#define JOIST_UNROLL
#endif
