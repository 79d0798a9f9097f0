// Instruction sets of our own SIMD kernels: AVX-512, AVX2 and, as the least that is asked of an x86-64 processor,
// SSE4.2 (2008). The best that the machine has is chosen at run time. A file with kernels includes this first, then
// <hwy/foreach_target.h> and simd-inl.h; more sets would cost their share of its compile time.
#pragma once

#ifdef __x86_64__
#define HWY_BASELINE_TARGETS HWY_SSE4  // Highway's own choice with g++ 12 is one number at a time
#endif
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
