// Gradient clipping: by the norm of all, by value, by unit.
#pragma once

#include <joist/optim/flat.h>

namespace joist {

/// torch.nn.utils.clip_grad_norm_: the Euclidean norm of all gradients together; where it exceeds `max_norm`, all are
/// scaled by max_norm / (norm + 1e-6). A norm that is not finite is returned as it is and nothing is scaled: the caller
/// decides whether to skip the step. The norm is summed in double precision.
double clip_gradient_norm(FlatParameters& parameters, double max_norm);

/// torch.nn.utils.clip_grad_value_: every number into [-limit, limit].
void clip_gradient_value(FlatParameters& parameters, double limit);

/// Adaptive gradient clipping (Brock et al. 2021): the gradient of each unit (row of the first axis; a parameter of one
/// axis is one unit) is scaled to the norm clip · max(norm of the unit's weights, eps) where it is longer.
void clip_gradient_units(FlatParameters& parameters, double clip = 0.01, double eps = 1e-3);

}  // namespace joist
