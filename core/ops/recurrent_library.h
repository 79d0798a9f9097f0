// Recurrent layers by a device's library of them (core/kernels/recurrent_library.h).
#pragma once

#include <joist/core/kernels/recurrent.h>
#include <joist/core/ops/recurrent.h>

#include <array>
#include <optional>
#include <span>

namespace joist {

/// y, h_last and c_last (undefined but for an LSTM) of a layer by the library of x's device, or nothing where there is
/// none, where it does not take this layer, and under Autocast, whose float32 states no library keeps. h0 and c0 of all
/// directions, [D, batch, …]; all arguments have been checked.
std::optional<std::array<Tensor, 3>> layer_by_library(Cell cell, const Tensor& x,
                                                      std::span<const RecurrentWeights> weights, const Tensor& h0,
                                                      const Tensor& c0, const Tensor& lengths);

}  // namespace joist
