#include <joist/tools/lab/tuning.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace joist::lab {
namespace {

// 0 … n - 1 by bisection, so that the first few lie evenly: what is tuned by seconds may see no more than those.
std::vector<std::int64_t> middle_first(std::int64_t n) {
  std::vector<std::pair<std::int64_t, std::int64_t>> parts{{0, n}};
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [first, end] = parts[i];
    if (first >= end) continue;
    const std::int64_t middle = (first + end - 1) / 2;
    order.push_back(middle);
    parts.insert(parts.end(), {{first, middle}, {middle + 1, end}});
  }
  return order;
}

}  // namespace

std::vector<double> next_rates(const std::vector<Trial>& made, std::int64_t all, double low, double high) {
  const std::int64_t wide = std::min(all, std::max<std::int64_t>(3, (all + 1) / 2));
  const auto count = static_cast<std::int64_t>(made.size());
  const double step = wide > 1 ? std::log10(high / low) / static_cast<double>(wide - 1) : 0;
  // Four digits, so that a rate reads as what it is and has the same text on every machine.
  const auto rounded = [](double rate) { return std::strtod(fmt::format("{:.3e}", rate).c_str(), nullptr); };
  std::vector<double> rates;
  if (count < wide) {
    const std::vector<std::int64_t> order = middle_first(wide);
    for (std::int64_t i = count; i < wide; ++i)
      rates.push_back(rounded(low * std::pow(10.0, step * static_cast<double>(order[static_cast<std::size_t>(i)]))));
    return rates;
  }
  const std::optional<Trial> best = best_trial(made);
  if (count >= all || !best) return {};
  const double distance = step / std::exp2(static_cast<double>((count - wide) / 2 + 1));
  for (const double sign : {1.0, -1.0})
    if (count + static_cast<std::int64_t>(rates.size()) < all)
      rates.push_back(rounded(best->rate * std::pow(10.0, sign * distance)));
  return rates;
}

std::optional<Trial> best_trial(const std::vector<Trial>& trials) {
  std::optional<Trial> best;
  for (const Trial& one : trials)
    if (std::isfinite(one.result) &&
        (!best || one.result < best->result || (one.result == best->result && one.rate < best->rate)))
      best = one;
  return best;
}

std::optional<Trial> best_within(const std::vector<Trial>& trials, double seconds) {
  std::vector<Trial> finished;
  double used = 0;
  for (const Trial& one : trials) {
    used += one.seconds;
    if (used <= seconds) finished.push_back(one);
  }
  return best_trial(finished);
}

}  // namespace joist::lab
