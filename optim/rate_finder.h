// The learning-rate range test (Smith 2017): a short run at rising rates, which is then undone.
#pragma once

#include <joist/optim/optimizer.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace joist {

struct RateFinderOptions {
  double from = 1e-7, to = 10;
  std::int64_t steps = 100;
  double smoothing = 0.98;  ///< of the moving mean of the losses, corrected for its start
  double divergence = 4;    ///< the test ends where the smoothed loss is so many times the lowest, or is not finite
};

struct RateTest {
  std::vector<double> rates{}, losses{}, smoothed{};
  /// Where the smoothed loss falls fastest per factor of the rate, before its lowest point; 0 where it never falls.
  double suggestion = 0;
  bool diverged = false;
};

/// `loss(step)` computes the loss of batch `step` and its gradients, as a Closure does. Afterwards the parameters, the
/// buffers among `fields`, the optimizer and the thread's random numbers are bit for bit what they were; gradients are
/// cleared. Layers with running statistics do not update them meanwhile. Same model, data and seed: same result.
RateTest find_rate(Optimizer& optimizer, std::span<const Field> fields,
                   const std::function<double(std::int64_t step)>& loss, const RateFinderOptions& options = {});

}  // namespace joist
