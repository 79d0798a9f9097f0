// Classic surfaces of two variables: what an optimizer does is seen at a glance.
#pragma once

#include <joist/core/tensor.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace joist::lab {

struct Surface {
  std::string name{};
  std::string formula{};
  std::string lesson{};                         ///< what it shows
  std::array<double, 4> domain{};               ///< x from, x to, y from, y to
  std::array<double, 2> start{};                ///< the usual one
  std::vector<std::array<double, 2>> minima{};  ///< global ones
  double lowest = 0;                            ///< -infinity where there is none
  double rate = 1e-3;                           ///< of plain gradient descent, that does not diverge from the start
  std::function<Tensor(const Tensor& x, const Tensor& y)> value{};  ///< elementwise

  /// At the point of a tensor [2].
  Tensor operator()(const Tensor& point) const;
};

/// rosenbrock, rastrigin, beale, himmelblau, ackley, booth, ravine, saddle, monkey_saddle, styblinski_tang,
/// goldstein_price, three_hump_camel, bowl.
const std::vector<Surface>& surfaces();

}  // namespace joist::lab
