// What bounds computation here: how fast this machine multiplies and copies at this moment.
#pragma once

namespace joist {

struct Roofline {
  double fma_gflops = 0;          ///< multiply-adds in registers, 2 per multiply-add; 0 where it is not measured
  double gemm_gflops = 0;         ///< float32 matrix product 2048 × 2048 × 2048 as the kernels compute it
  double copy_gb_per_second = 0;  ///< memory to memory, 2 · 128 MiB; bytes read plus bytes written
};

/// With threads() threads and the instructions of instruction_set(); the best of several tries, about a second.
Roofline measure_roofline();

}  // namespace joist
