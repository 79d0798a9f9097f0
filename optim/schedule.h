// Rates as pure functions of how far training has come: no state, so nothing to save and nothing to forget on resume.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace joist::schedule {

/// From `from` at progress 0 to `to` at 1, in a straight line. Progress outside [0, 1] is clamped, here and below.
inline double linear(double progress, double from, double to) {
  const double p = std::clamp(progress, 0.0, 1.0);
  return from * (1 - p) + to * p;
}

/// Half a cosine wave (Loshchilov and Hutter 2017): flat at both ends.
inline double cosine(double progress, double from, double to) {
  const double p = std::clamp(progress, 0.0, 1.0);
  return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * p));
}

/// The fraction of a warm-up of `steps` steps that step `step` (from 0) has done: 1/steps, 2/steps, … 1.
inline double warmed_up(std::int64_t step, std::int64_t steps) {
  return steps <= 0 ? 1.0 : std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(steps));
}

}  // namespace joist::schedule
