// Penalties on parameters, to be added to a loss. Weight decay inside an optimizer costs less than l2_penalty.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <span>
#include <vector>

namespace joist {

/// Σ |w| over all elements of all tensors; 0 for none.
Tensor l1_penalty(std::span<const Tensor> parameters);
inline Tensor l1_penalty(const Tensor& parameter) { return l1_penalty(std::span(&parameter, 1)); }
/// Σ w² / 2: its gradient is w.
Tensor l2_penalty(std::span<const Tensor> parameters);
inline Tensor l2_penalty(const Tensor& parameter) { return l2_penalty(std::span(&parameter, 1)); }
/// ‖W Wᵀ - I‖² for the rows, or ‖Wᵀ W - I‖² for the columns of W = weight [n, ...] as a matrix, whichever are fewer:
/// 0 when they are orthogonal and of length 1 (Brock et al. 2017). Throws ShapeError below two axes.
Tensor orthogonality_penalty(const Tensor& weight);

/// The trainable tensors of a model; weights_only: those with two axes or more, no biases and no normalization.
template <class Model>
std::vector<Tensor> trainable(Model& model, bool weights_only = false) {
  std::vector<Tensor> found;
  for (const Field& field : fields_of(model))
    if (field.trainable && (!weights_only || field.tensor.rank() >= 2)) found.push_back(field.tensor);
  return found;
}

}  // namespace joist
