#include <joist/layers/conv_lstm.h>
#include <joist/layers/recurrent.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

// A layer whose parameters are the inputs after the first `given`, in the order of its fields.
template <class Layer, class Options, class Call>
Case layer_case(const std::string& name, std::vector<Input> inputs, const Options& options, Call call) {
  const std::size_t given = inputs.size();
  Layer shapes(options);
  for (const Field& field : fields_of(shapes)) inputs.push_back(uniform(field.tensor.shape(), -0.5, 0.5));
  return {name, std::move(inputs), [options, given, call](std::span<const Tensor> t) {
            Layer layer(options);
            std::size_t next = given;
            visit_fields(layer, [&](const std::string&, auto& field) { static_cast<Tensor&>(field) = t[next++]; });
            return call(layer, t);
          }};
}

std::vector<Tensor> all(const SequenceOutput& result) {
  if (result.c.defined()) return {result.output, result.h, result.c};
  return {result.output, result.h};
}

}  // namespace

Family recurrent_layer_cases() {
  Family family{"recurrent_layers", 5e-6, {}};
  const auto add = [&](Case one) { family.cases.push_back(std::move(one)); };
  add(layer_case<RNN>("RNN_tanh", {uniform({4, 2, 3}), uniform({2, 2, 4})},
                      RNNOptions{.in = 3, .hidden = 4, .layers = 2},
                      [](const RNN& layer, auto t) { return all(layer(t[0], t[1])); }));
  add(layer_case<RNN>("RNN_relu_no_bias", {uniform({2, 4, 3})},
                      RNNOptions{.in = 3, .hidden = 4, .relu = true, .bias = false, .batch_first = true},
                      [](const RNN& layer, auto t) { return all(layer(t[0])); }));
  add(layer_case<LSTM>("LSTM_both_directions", {uniform({4, 2, 3})},
                       LSTMOptions{.in = 3, .hidden = 4, .layers = 2, .bidirectional = true},
                       [](const LSTM& layer, auto t) { return all(layer(t[0])); }));
  add(layer_case<LSTM>("LSTM_projection_lengths", {uniform({3, 4, 3}), uniform({2, 3, 2}), uniform({2, 3, 4})},
                       LSTMOptions{.in = 3, .hidden = 4, .batch_first = true, .bidirectional = true, .projection = 2},
                       [](const LSTM& layer, auto t) {
                         return all(layer(t[0], t[1], t[2], tensor(std::vector<std::int64_t>{2, 4, 1}, {3})));
                       }));
  for (const bool reset_after : {true, false})
    add(layer_case<GRU>(reset_after ? "GRU" : "GRU_reset_before", {uniform({4, 3})},
                        GRUOptions{.in = 3, .hidden = 4, .layers = 2, .reset_after = reset_after},
                        [](const GRU& layer, auto t) { return all(layer(t[0])); }));
  add(layer_case<RNNCell>("RNNCell", {uniform({2, 3}), uniform({2, 4})}, RNNCellOptions{.in = 3, .hidden = 4},
                          [](const RNNCell& layer, auto t) { return layer(t[0], t[1]); }));
  add(layer_case<RNNCell>("RNNCell_relu", {uniform({2, 3})}, RNNCellOptions{.in = 3, .hidden = 4, .relu = true},
                          [](const RNNCell& layer, auto t) { return layer(t[0]); }));
  add(layer_case<LSTMCell>("LSTMCell", {uniform({2, 3}), uniform({2, 4}), uniform({2, 4})},
                           CellOptions{.in = 3, .hidden = 4}, [](const LSTMCell& layer, auto t) {
                             const CellState first = layer(t[0], t[1], t[2]);
                             const CellState second = layer(t[0], first.h, first.c);
                             return std::vector{second.h, second.c};
                           }));
  add(layer_case<GRUCell>("GRUCell", {uniform({2, 3}), uniform({2, 4})}, GRUCellOptions{.in = 3, .hidden = 4},
                          [](const GRUCell& layer, auto t) { return layer(t[0], t[1]); }));
  add(layer_case<GRUCell>("GRUCell_reset_before_no_bias", {uniform({2, 3}), uniform({2, 4})},
                          GRUCellOptions{.in = 3, .hidden = 4, .bias = false, .reset_after = false},
                          [](const GRUCell& layer, auto t) { return layer(t[0], t[1]); }));
  add(layer_case<ConvLSTMCell>("ConvLSTMCell", {uniform({2, 2, 3, 4}), uniform({2, 3, 3, 4}), uniform({2, 3, 3, 4})},
                               ConvLSTMOptions{.in = 2, .hidden = 3, .height = 3, .width = 4},
                               [](const ConvLSTMCell& layer, auto t) {
                                 const CellState state = layer(t[0], t[1], t[2]);
                                 return std::vector{state.h, state.c};
                               }));
  add(layer_case<ConvLSTM>("ConvLSTM", {uniform({3, 1, 2, 3, 3})}, ConvLSTMOptions{.in = 2, .hidden = 2},
                           [](const ConvLSTM& layer, auto t) { return all(layer(t[0])); }));
  return family;
}

}  // namespace joist::cases
