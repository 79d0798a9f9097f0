// Conversions between element types.
#pragma once

#include <joist/core/gradient.h>

#include <initializer_list>
#include <utility>

namespace joist {

/// The same numbers in another element type; the tensor itself when it has that type. Gradients flow between floating
/// types, converted back.
Tensor to(const Tensor& x, Dtype dtype);
/// x on another device; the tensor itself when it is there. Gradients come back.
Tensor to(const Tensor& x, Device device);

/// The element type that an operation on both computes in: promoted(a, b), except that a tensor without axes, like a
/// plain number, changes only the category (bool, integer, floating), never the width (PyTorch's torch.result_type).
Dtype result_type(const Tensor& a, const Tensor& b);
/// Both operands in result_type(a, b).
std::pair<Tensor, Tensor> promote(const Tensor& a, const Tensor& b);

/// Whether an operation on these shall compute in bfloat16 now (Autocast): all that are defined are float32.
bool wants_autocast(std::initializer_list<Tensor> operands) noexcept;
/// Whether an operation on these shall have all of them, and its result, in bfloat16 now (Autocast on a GPU): float32
/// is among them, and nothing but float32 and bfloat16.
bool wants_halves(std::initializer_list<Tensor> operands) noexcept;
/// A float32 tensor in bfloat16; others as they are.
Tensor halved(const Tensor& x);
/// Under Autocast on a GPU a bfloat16 tensor in float32, as losses and normalizations of rows want it; else as it is.
Tensor unhalved(const Tensor& x);

}  // namespace joist
