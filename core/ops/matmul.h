// Matrix products.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

/// a [..., m, k] · b [..., k, n] -> [..., m, n]; leading axes broadcast.
Tensor matmul(const Tensor& a, const Tensor& b);
/// x [..., in] · weight[out, in]ᵀ + bias[out] (undefined: none) -> [..., out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace joist
