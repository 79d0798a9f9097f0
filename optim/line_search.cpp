#include <joist/optim/line_search.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace joist {
namespace {

constexpr double retreat = 0.1;  // of the way back from a point that is not finite, what remains

struct Search {
  const LineFunction& function;
  const LinePoint& start;
  const WolfeOptions& options;
  std::int64_t evaluations = 0;

  LinePoint at(double t) {
    ++evaluations;
    LinePoint point = function(t);
    if (!point.finite()) point.value = std::numeric_limits<double>::infinity();
    return point;
  }
  // Above the line that the value must stay below.
  bool too_high(const LinePoint& point) const {
    return point.value > start.value + options.sufficient * point.at * start.slope;
  }
  bool flat_enough(const LinePoint& point) const { return std::abs(point.slope) <= -options.curvature * start.slope; }
};

// Where to look next in a bracket. `slow` remembers that the last trial was close to an end.
double next_trial(const std::array<LinePoint, 2>& bracket, std::size_t low, bool& slow) {
  const std::size_t high = 1 - low;
  if (!bracket[high].finite()) return bracket[low].at + retreat * (bracket[high].at - bracket[low].at);
  const double left = std::min(bracket[0].at, bracket[1].at), right = std::max(bracket[0].at, bracket[1].at);
  double t = cubic_minimum(bracket[0], bracket[1], left, right);
  const double margin = 0.1 * (right - left);
  if (std::min(right - t, t - left) >= margin) {
    slow = false;
    return t;
  }
  if (slow || t >= right || t <= left) {
    t = std::abs(t - right) < std::abs(t - left) ? right - margin : left + margin;
    slow = false;
  } else {
    slow = true;
  }
  return t;
}

}  // namespace

bool LinePoint::finite() const noexcept { return std::isfinite(value) && std::isfinite(slope); }

double cubic_minimum(const LinePoint& a, const LinePoint& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.at - b.at);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double t = a.at <= b.at ? b.at - (b.at - a.at) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
                                : a.at - (a.at - b.at) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return std::min(std::max(t, low), high);
}

LineResult strong_wolfe(const LineFunction& function, const LinePoint& start, double first,
                        const WolfeOptions& options) {
  Search search{function, start, options};
  LinePoint previous = start, current = search.at(first);
  std::array<LinePoint, 2> bracket{start, current};  // what there is when the evaluations run out
  bool done = false;
  std::int64_t round = 0;
  for (; round < options.evaluations; ++round) {
    bracket = {previous, current};
    if (search.too_high(current) || (round > 1 && current.value >= previous.value)) break;
    if (search.flat_enough(current)) {
      done = true;
      break;
    }
    if (current.slope >= 0) break;
    const double t = cubic_minimum(previous, current, current.at + 0.01 * (current.at - previous.at), current.at * 10);
    previous = std::exchange(current, search.at(t));
  }
  if (done) return {current, search.evaluations};
  if (round == options.evaluations) bracket = {start, current};

  const auto lower = [&] { return bracket[0].value <= bracket[1].value ? std::size_t{0} : std::size_t{1}; };
  std::size_t low = lower();
  bool slow = false;
  for (; !done && round < options.evaluations; ++round) {
    if (std::abs(bracket[1].at - bracket[0].at) * options.length < options.tolerance_change) break;
    LinePoint trial = search.at(next_trial(bracket, low, slow));
    const std::size_t high = 1 - low;
    if (search.too_high(trial) || trial.value >= bracket[low].value) {
      bracket[high] = std::move(trial);
      low = lower();
      continue;
    }
    if (search.flat_enough(trial))
      done = true;
    else if (trial.slope * (bracket[high].at - bracket[low].at) >= 0)
      bracket[high] = bracket[low];
    bracket[low] = std::move(trial);
  }
  return {bracket[low], search.evaluations};
}

}  // namespace joist
