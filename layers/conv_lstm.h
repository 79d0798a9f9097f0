// Convolutional LSTM (Shi et al. 2015, "Convolutional LSTM Network"): an LSTM whose states are pictures.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/convolution.h>
#include <joist/layers/init.h>
#include <joist/layers/required.h>

#include <vector>

namespace joist {

struct ConvLSTMOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> hidden;
  std::int64_t kernel = 3;  ///< odd: states keep the input's size
  bool bias = true;
  std::int64_t height = 0, width = 0;  ///< given: with the paper's peephole weights, for inputs of that size only
};

/// One step: x [batch, in, height, width], h and c [batch, hidden, height, width] (undefined: zero) -> {h, c}.
///   i, f = σ(W_x x + W_h h + w_c ∘ c + b)      c' = f ∘ c + i ∘ tanh(W_x x + W_h h + b)
///   o = σ(W_x x + W_h h + w_c ∘ c' + b)        h' = o ∘ tanh(c')
/// (products with W are convolutions; w_c, the peephole weights, only where their size is given)
struct ConvLSTMCell {
  explicit ConvLSTMCell(const ConvLSTMOptions& options);

  CellState operator()(const Tensor& x, const Tensor& h = {}, const Tensor& c = {}) const;
  /// The same from input_gates = conv_x(x), which a sequence computes for all steps at once.
  CellState step(const Tensor& input_gates, const Tensor& h, const Tensor& c) const;
  auto fields() {
    return joist::fields("conv_x", conv_x, "conv_h", conv_h, "weight_ci", weight_ci, "weight_cf", weight_cf,
                         "weight_co", weight_co);
  }

  std::int64_t hidden;
  Conv2d conv_x, conv_h;                            // to [batch, 4 · hidden, height, width]: i f g o
  Parameter weight_ci{}, weight_cf{}, weight_co{};  // [hidden, height, width]
};

/// x [time, batch, in, height, width] -> output [time, batch, hidden, height, width] and the last step's h and c.
struct ConvLSTM {
  explicit ConvLSTM(const ConvLSTMOptions& options) : cell(options) {}

  SequenceOutput operator()(const Tensor& x, const Tensor& h0 = {}, const Tensor& c0 = {}) const;
  auto fields() { return joist::fields("cell", cell); }

  ConvLSTMCell cell;
};

}  // namespace joist
