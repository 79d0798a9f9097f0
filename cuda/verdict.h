// Whether a step is taken, decided by the GPU: the host need not wait for the norm of its gradients.
#pragma once

#include <joist/core/array.h>

#include <cstdint>

namespace joist::cuda {

/// Places of a verdict, float64.
enum VerdictPlace : std::int64_t {
  verdict_loss,
  verdict_norm,   ///< of the gradients, before they were scaled
  verdict_taken,  ///< 1 where both are finite, else 0
  verdict_scale,  ///< of the gradients; 0: they stay as they are
  verdict_places
};

/// What StepCapture::clip() asks for; `verdict` [verdict_places] is filled in.
void clip_by_norm(const Array& gradients, double limit, const Array& loss, const Array& verdict);

}  // namespace joist::cuda
