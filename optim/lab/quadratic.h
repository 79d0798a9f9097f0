// DeepOBS' quadratic_deep: a noisy quadratic whose Hessian is known, to calibrate what measures curvature and noise.
#pragma once

#include <joist/core/array.h>

#include <cstdint>

namespace joist::lab {

/// 100 dimensions; loss of a sample x at θ is (θ - x)ᵀ Q (θ - x) / 2. Q has 90 eigenvalues in [0, 1] and 10 in
/// [30, 60], turned by a random rotation; samples are normal with deviation 0.6, 1000 to train and 1000 to test.
/// Numbers are those of DeepOBS 1.1.2 (Schneider, Balles and Hennig 2019), which takes numpy's RandomState(42) and
/// (43).
struct QuadraticDeep {
  static constexpr std::int64_t dimensions = 100, samples = 1000, batch = 128, test_rows = 896;
  Array hessian{};      ///< float64 [100, 100]
  Array eigenvalues{};  ///< float64 [100], as drawn
  Array train{};        ///< float64 [1000, 100], rounded to float32
  Array test{};         ///< float64 [896, 100]: what whole batches of 128 hold
};
const QuadraticDeep& quadratic_deep();

}  // namespace joist::lab
