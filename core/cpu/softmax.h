// Softmax over gapless rows, for the losses.
#pragma once

#include <cstdint>

namespace joist {

/// log(sum of exp(x)) = maximum + rest, kept apart because the maximum is exact.
struct LogSumExp {
  float maximum;
  double rest;
};
LogSumExp log_sum_exp(const float* x, std::int64_t count);

/// y = factor * exp(x - offset) + shift. y may be x.
void scaled_exponentials(const float* x, std::int64_t count, float offset, float factor, float shift, float* y);

}  // namespace joist
