// The scalar functions of core/elementwise.h for device code.
#pragma once

#include <joist/core/elementwise.h>

#ifdef __CUDACC__
namespace joist::scalar {
// The host's is the C library's; the device has one of its own.
template <>
JOIST_HOST_DEVICE inline float lgamma<float>(float x) {
#ifdef __CUDA_ARCH__
  return ::lgammaf(x);
#else
  return static_cast<float>(special::lgamma(static_cast<double>(x)));
#endif
}
}  // namespace joist::scalar
#endif
