// Sums of probabilities that are kept as logarithms; an infinite one is the logarithm of 0.
#pragma once

#include <joist/core/random.h>

#include <cmath>
#include <limits>

namespace joist {

JOIST_HOST_DEVICE inline double log_sum(double a, double b) {
  const double large = a < b ? b : a, small = a < b ? a : b;
  return small == -std::numeric_limits<double>::infinity() ? large : large + std::log1p(std::exp(small - large));
}
JOIST_HOST_DEVICE inline double log_sum(double a, double b, double c) {
  constexpr double none = -std::numeric_limits<double>::infinity();
  if (c == none) return log_sum(a, b);
  const double larger = a < b ? b : a, top = larger < c ? c : larger;
  return top + std::log(std::exp(a - top) + std::exp(b - top) + std::exp(c - top));
}

}  // namespace joist
