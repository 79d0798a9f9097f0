#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/optim/rate_finder.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace joist {
namespace {

// Puts everything back when the test is over, also by an exception.
class Undo {
 public:
  Undo(Optimizer& optimizer, std::span<const Field> fields)
      : optimizer_(optimizer), groups_(optimizer.groups()), state_(optimizer.state()) {
    for (NamedState& one : state_.arrays) one.array = copy_of(one.array);
    values_ = copy_of(optimizer.parameters().values());
    for (const Field& field : fields)
      if (!field.trainable) buffers_.push_back({field.tensor.value(), copy_of(field.tensor.value())});
  }
  ~Undo() {
    optimizer_.load(state_);
    optimizer_.groups() = groups_;
    assign(values_, optimizer_.parameters().values());
    for (const auto& [living, saved] : buffers_) {
      assign(saved, living);
      living.bump_version();
    }
    optimizer_.parameters().values_written();
    optimizer_.parameters().clear_gradients();
  }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;

 private:
  Optimizer& optimizer_;
  std::vector<GroupSettings> groups_;
  OptimizerState state_;
  Array values_{};
  std::vector<std::pair<Array, Array>> buffers_{};
};

double steepest(const RateTest& test) {
  const auto lowest =
      static_cast<std::size_t>(std::min_element(test.smoothed.begin(), test.smoothed.end()) - test.smoothed.begin());
  double best = 0, rate = 0;
  for (std::size_t i = 1; i < lowest; ++i) {
    const double slope = test.smoothed[i + 1] - test.smoothed[i - 1];  // the rates' logarithms are evenly spaced
    if (slope < best) {
      best = slope;
      rate = test.rates[i];
    }
  }
  return rate;
}

}  // namespace

RateTest find_rate(Optimizer& optimizer, std::span<const Field> fields,
                   const std::function<double(std::int64_t step)>& loss, const RateFinderOptions& options) {
  if (!(options.from > 0) || !(options.to > options.from) || options.steps < 2 || !below_one.holds(options.smoothing) ||
      !(options.divergence > 1))
    throw UsageError({.where = "find_rate",
                      .what = "rates from " + std::to_string(options.from) + " to " + std::to_string(options.to) +
                              " in " + std::to_string(options.steps) + " steps",
                      .expected = "0 < from < to, at least 2 steps, 0 ≤ smoothing < 1, divergence above 1"});
  const Recomputing same_random_numbers_afterwards(run_context());
  const Undo undo(optimizer, fields);
  RateTest test;
  double mean = 0, lowest = std::numeric_limits<double>::infinity();
  for (std::int64_t step = 0; step < options.steps; ++step) {
    const double share = static_cast<double>(step) / static_cast<double>(options.steps - 1);
    const double rate = options.from * std::pow(options.to / options.from, share);
    for (GroupSettings& group : optimizer.groups()) group.lr = rate;
    const double value = optimizer.step([&] { return loss(step); });
    mean = options.smoothing * mean + (1 - options.smoothing) * value;
    const double smoothed = mean / (1 - std::pow(options.smoothing, static_cast<double>(step + 1)));
    test.diverged = !std::isfinite(smoothed) || (lowest > 0 && smoothed > options.divergence * lowest);
    if (test.diverged) break;
    test.rates.push_back(rate);
    test.losses.push_back(value);
    test.smoothed.push_back(smoothed);
    lowest = std::min(lowest, smoothed);
  }
  test.suggestion = steepest(test);
  return test;
}

}  // namespace joist
