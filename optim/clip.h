// Gradient clipping over the flat buffer.
#pragma once

#include <joist/optim/flat.h>

namespace joist {

/// torch.nn.utils.clip_grad_norm_: the Euclidean norm of all gradients together; where it exceeds `max_norm`, all are
/// scaled by max_norm / (norm + 1e-6). A norm that is not finite is returned as it is and nothing is scaled: the caller
/// decides whether to skip the step. The norm is summed in double precision.
double clip_gradient_norm(FlatParameters& parameters, double max_norm);

}  // namespace joist
