// Recurrent layers and cells. State-dict names, shapes and initial values are PyTorch's.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/required.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace joist {

struct RNNOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> hidden;
  std::int64_t layers = 1;
  bool relu = false;  ///< instead of tanh
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;  ///< between layers, while training()
  bool bidirectional = false;
};
struct LSTMOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> hidden;
  std::int64_t layers = 1;
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  std::int64_t projection = 0;  ///< size of the projected hidden state; 0: none
};
struct GRUOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> hidden;
  std::int64_t layers = 1;
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  bool reset_after = true;  ///< PyTorch's; false: Keras' layer of that name
};

/// The parameters of a stack: weight_ih_l0 [G·H, in], weight_hh_l0 [G·H, P], bias_ih_l0, bias_hh_l0 [G·H], weight_hr_l0
/// [P, H]; with both directions also …_reverse; then the next layer's. Uniform within 1/√hidden.
class RecurrentParameters {
 public:
  struct Sizes {
    std::int64_t gates, in, hidden, layers, projection;
    double dropout;
    bool bias, bidirectional;
  };
  RecurrentParameters(const char* layer, const Sizes& sizes);
  /// What the functions of core/ops/recurrent.h take.
  std::vector<RecurrentWeights> weights() const;

  std::vector<std::pair<std::string, Parameter>> named{};
  auto fields() { return joist::fields("", named); }

 private:
  bool bias_, projected_;
};

/// torch.nn.RNN: x [time, batch, in] -> output [time, batch, D·H] and h [layers·D, batch, H]; see rnn_tanh for
/// batch_first, one sequence without batch, and lengths.
struct RNN {
  explicit RNN(const RNNOptions& given)
      : options(given),
        parameters("RNN",
                   {1, given.in, given.hidden, given.layers, 0, given.dropout, given.bias, given.bidirectional}) {}

  SequenceOutput operator()(const Tensor& x, const Tensor& h0 = {}, const Tensor& lengths = {}) const {
    const SequenceOptions how{.bidirectional = options.bidirectional,
                              .batch_first = options.batch_first,
                              .dropout = options.dropout,
                              .training = training()};
    return options.relu ? rnn_relu(x, parameters.weights(), h0, lengths, how)
                        : rnn_tanh(x, parameters.weights(), h0, lengths, how);
  }
  auto fields() { return joist::fields("", parameters); }

  RNNOptions options;
  RecurrentParameters parameters;
};

/// torch.nn.LSTM; the result has c [layers·D, batch, H] too.
struct LSTM {
  explicit LSTM(const LSTMOptions& given)
      : options(given),
        parameters("LSTM", {4, given.in, given.hidden, given.layers, given.projection, given.dropout, given.bias,
                            given.bidirectional}) {}

  SequenceOutput operator()(const Tensor& x, const Tensor& h0 = {}, const Tensor& c0 = {},
                            const Tensor& lengths = {}) const {
    return lstm(x, parameters.weights(), h0, c0, lengths,
                {.bidirectional = options.bidirectional,
                 .batch_first = options.batch_first,
                 .dropout = options.dropout,
                 .training = training()});
  }
  auto fields() { return joist::fields("", parameters); }

  LSTMOptions options;
  RecurrentParameters parameters;
};

/// torch.nn.GRU, or with reset_after = false the older cell of Cho et al. 2014.
struct GRU {
  explicit GRU(const GRUOptions& given)
      : options(given),
        parameters("GRU",
                   {3, given.in, given.hidden, given.layers, 0, given.dropout, given.bias, given.bidirectional}) {}

  SequenceOutput operator()(const Tensor& x, const Tensor& h0 = {}, const Tensor& lengths = {}) const {
    return gru(x, parameters.weights(), h0, lengths,
               {.bidirectional = options.bidirectional,
                .batch_first = options.batch_first,
                .dropout = options.dropout,
                .training = training(),
                .reset_after = options.reset_after});
  }
  auto fields() { return joist::fields("", parameters); }

  GRUOptions options;
  RecurrentParameters parameters;
};

struct CellOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> hidden;
  bool bias = true;
};

/// The parameters of one step. Uniform within 1/√hidden.
struct CellParameters {
  CellParameters(const char* layer, std::int64_t gates, const CellOptions& options);
  RecurrentWeights weights() const { return {weight_ih, weight_hh, bias_ih, bias_hh}; }
  auto fields() {
    return joist::fields("weight_ih", weight_ih, "weight_hh", weight_hh, "bias_ih", bias_ih, "bias_hh", bias_hh);
  }

  Parameter weight_ih, weight_hh;  // [G·hidden, in], [G·hidden, hidden]
  Parameter bias_ih{}, bias_hh{};  // [G·hidden]
};

struct RNNCellOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> hidden;
  bool relu = false;
  bool bias = true;
};

/// torch.nn.RNNCell: x [batch, in], h [batch, hidden] (undefined: zero) -> h.
struct RNNCell : CellParameters {
  explicit RNNCell(const RNNCellOptions& options)
      : CellParameters("RNNCell", 1, {.in = options.in, .hidden = options.hidden, .bias = options.bias}),
        relu(options.relu) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const {
    return relu ? rnn_relu_cell(x, h, weights()) : rnn_tanh_cell(x, h, weights());
  }
  bool relu;
};

/// torch.nn.LSTMCell: x [batch, in], h and c [batch, hidden] (undefined: zero) -> {h, c}.
struct LSTMCell : CellParameters {
  explicit LSTMCell(const CellOptions& options) : CellParameters("LSTMCell", 4, options) {}
  CellState operator()(const Tensor& x, const Tensor& h = {}, const Tensor& c = {}) const {
    return lstm_cell(x, h, c, weights());
  }
};

struct GRUCellOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> hidden;
  bool bias = true;
  bool reset_after = true;
};

/// torch.nn.GRUCell: x [batch, in], h [batch, hidden] (undefined: zero) -> h.
struct GRUCell : CellParameters {
  explicit GRUCell(const GRUCellOptions& options)
      : CellParameters("GRUCell", 3, {.in = options.in, .hidden = options.hidden, .bias = options.bias}),
        reset_after(options.reset_after) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const { return gru_cell(x, h, weights(), reset_after); }
  bool reset_after;
};

}  // namespace joist
