// The optimizers' inner loops over dense memory, for several instruction sets.
#pragma once

#include <cstdint>
#include <joist/core/kernels.h>

namespace joist {

struct SgdFactors {
  float rate;
  float momentum;  ///< of the old velocity; 0 at the first step, when that is not read
  float nesterov_momentum;
  float undamped;  ///< 1 - dampening; 1 at the first step
  float weight_decay;
  bool nesterov;
};
void sgd_range(const SgdFactors& factors, std::int64_t count, float* parameter, const float* gradient, float* velocity);

struct AdamFactors {
  float beta1, beta2, epsilon;
  float rest1, rest2;  ///< 1 - beta, rounded once
  float decay;         ///< decoupled: 1 - rate * weight_decay, the parameter's factor before the step; else 1
  float coupled;       ///< weight decay that is added to the gradient; else 0
  float step;          ///< rate / (1 - beta1^step)
  float correction;    ///< 1 / sqrt(1 - beta2^step)
};
void adam_range(const AdamFactors& factors, std::int64_t count, float* parameter, const float* gradient,
                float* first_moment, float* second_moment);

void interpolate_range(float weight, std::int64_t count, const float* x, float* y);

}  // namespace joist
