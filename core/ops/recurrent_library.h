// Whole recurrent layers as a device's library computes them, the product with their inputs included: cuDNN's. A
// backend registers a library when it is loaded. What it does not take is computed by core/kernels/recurrent.h.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/core/kernels/recurrent.h>
#include <joist/core/ops/recurrent.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace joist {

/// The weights of a layer in one direction, shapes as in RecurrentWeights; b_ih, b_hh and w_hr may be undefined.
template <class T>
struct LayerWeights {
  T w_ih{}, w_hh{}, b_ih{}, b_hh{}, w_hr{};
  static constexpr std::array members{&LayerWeights::w_ih, &LayerWeights::w_hh, &LayerWeights::b_ih,
                                      &LayerWeights::b_hh, &LayerWeights::w_hr};
};
/// One layer over whole sequences, in D = 1 direction (forwards) or 2. x [T, B, in], h0 [D, B, P] and c0 [D, B, H]
/// (LSTM only) or undefined: zero; lengths int64 [B] on the host or undefined: all T.
struct LayerArguments {
  Array x{};
  std::vector<LayerWeights<Array>> weights{};  ///< of each direction
  Array h0{}, c0{}, lengths{};
};
/// y [T, B, D·P], 0 beyond a sequence's length; h_last [D, B, P], c_last [D, B, H] (LSTM only). Memory of its own,
/// row-major.
struct LayerResults {
  Array y{}, h_last{}, c_last{};
};
/// Undefined arrays: not wanted.
struct LayerOuts {
  Out dx{}, dh0{}, dc0{};
  std::vector<LayerWeights<Out>> weights{};
};

/// A layer that a library has agreed to compute. One forward, then at most one backward, if planned for training.
class LayerPlan {
 public:
  LayerPlan() = default;
  LayerPlan(const LayerPlan&) = delete;
  LayerPlan& operator=(const LayerPlan&) = delete;
  virtual ~LayerPlan() = default;
  /// What backward needs beside arguments and results; undefined if planned without.
  virtual Array forward(const LayerArguments& arguments, const LayerResults& results) const = 0;
  /// `gradients` of the results, undefined: zero. Changes `reserve`.
  virtual void backward(const LayerArguments& arguments, const LayerResults& results, const Array& reserve,
                        const LayerResults& gradients, const LayerOuts& outs) const = 0;
};
class LayerLibrary {
 public:
  LayerLibrary() = default;
  LayerLibrary(const LayerLibrary&) = delete;
  LayerLibrary& operator=(const LayerLibrary&) = delete;
  virtual ~LayerLibrary() = default;
  /// training: with a backward. nullptr: not a layer for this library.
  virtual std::shared_ptr<const LayerPlan> plan(Cell cell, const LayerArguments& arguments, bool training) const = 0;
};
/// `library` lives until the process ends.
void register_layer_library(Device::Kind kind, const LayerLibrary& library);

/// y, h_last and c_last (undefined but for an LSTM) of a layer by the library of x's device, or nothing where there is
/// none, where it does not take this layer, and under Autocast, whose float32 states no library keeps. All arguments
/// have been checked.
std::optional<std::array<Tensor, 3>> layer_by_library(Cell cell, const Tensor& x,
                                                      std::span<const RecurrentWeights> weights, const Tensor& h0,
                                                      const Tensor& c0, const Tensor& lengths);
/// Whether x's device has a library at all.
bool has_layer_library(const Tensor& x) noexcept;

}  // namespace joist
