// Which learning rate an optimizer gets: every one has the same number of trials of the same length.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace joist::lab {

struct Trial {
  double rate = 0;
  double result = 0;  ///< infinite where the run diverged
  double seconds = 0;
};

/// Rates to try next: first half of the trials evenly (in the logarithm) between low and high, the middle first, then
/// two at a time around the best so far, each pair at half the distance of the one before. Empty when `all` trials are
/// made. Trials that lie in `made` are not repeated.
std::vector<double> next_rates(const std::vector<Trial>& made, std::int64_t all, double low, double high);

/// The lowest result; of equals the smaller rate. None where all diverged.
std::optional<Trial> best_trial(const std::vector<Trial>& trials);
/// The same of the trials, in the order in which they were made, that were finished within so many seconds.
std::optional<Trial> best_within(const std::vector<Trial>& trials, double seconds);

}  // namespace joist::lab
