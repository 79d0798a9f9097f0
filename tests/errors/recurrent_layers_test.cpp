// What recurrent layers and cells refuse.
#include <joist/layers/conv_lstm.h>
#include <joist/layers/recurrent.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

// What every stack from 3 features to 4 refuses.
template <class Layer, class Options>
void expect_stack(const std::string& name, const std::string& function, const Options& good) {
  const Layer layer(good);
  const Tensor x = zeros({5, 2, 3});
  const auto with = [&good](auto&& change) {
    Options options = good;
    change(options);
    return Layer(options);
  };
  expect_refusals({
      wrong_shape(name, [&] { return layer(zeros({5})); }, {function, "[5]", "[time, batch, in]", "unsqueeze"}),
      wrong_shape(name,
                  [&] {
                    return layer(zeros({5, 2, 6}));
                  },
                  {function, "w_ih of layer 0", ", 3]", ", 6]", "for x [5, 2, 6]", "the sizes of its input"}),
      wrong_shape(name,
                  [&] {
                    return layer(zeros({0, 2, 3}));
                  },
                  {function, "[0, 2, 3]", "at least one step", "empty"}),
      wrong_shape(name,
                  [&] {
                    return layer(x, zeros({1, 2, 5}));
                  },
                  {function, "h0 of shape [1, 2, 5]", "[1, 2, 4]", "[layers, batch, hidden]", "reshape()"}),
      wrong_dtype(name,
                  [&] {
                    return layer(zeros({5, 2, 3}, Dtype::int64));
                  },
                  {function, "input of int64", "float32, float64", "to(x, Dtype::float32)"}),
      wrong_dtype(name,
                  [&] {
                    return layer(zeros({5, 2, 3}, Dtype::float64));
                  },
                  {function, "float64 and float32"}),
      wrong_dtype(name,
                  [&] {
                    return layer(x, zeros({1, 2, 4}, Dtype::float64));
                  },
                  {function, "float32 and float64"}),
      wrong_option(name, [&] { return with([](Options& o) { o.in = 0; }); }, {name + ":", "in 0", "1 or more"}),
      wrong_option(name, [&] { return with([](Options& o) { o.hidden = -4; }); }, {name + ":", "hidden -4"}),
      wrong_option(name, [&] { return with([](Options& o) { o.layers = 0; }); }, {name + ":", "layers 0", "1 or more"}),
      wrong_option(name, [&] { return with([](Options& o) { o.dropout = 1; }); },
                   {name + ":", "dropout 1", "below 1", "not what is kept"}),
  });
}

TEST(RecurrentLayerErrors, Stacks) {
  expect_stack<RNN>("RNN", "rnn_tanh:", RNNOptions{.in = 3, .hidden = 4});
  expect_stack<RNN>("RNN", "rnn_relu:", RNNOptions{.in = 3, .hidden = 4, .relu = true});
  expect_stack<LSTM>("LSTM", "lstm:", LSTMOptions{.in = 3, .hidden = 4});
  expect_stack<GRU>("GRU", "gru:", GRUOptions{.in = 3, .hidden = 4});
  const LSTM layer{{.in = 3, .hidden = 4}};
  expect_refusals({
      wrong_shape("LSTM",
                  [&] {
                    return layer(zeros({5, 2, 3}), zeros({1, 2, 4}), zeros({1, 2, 5}));
                  },
                  {"lstm:", "c0 of shape [1, 2, 5]", "[1, 2, 4]"}),
      wrong_dtype("LSTM",
                  [&] {
                    return layer(zeros({5, 2, 3}), {}, {}, zeros({2}));
                  },
                  {"lstm:", "lengths of float32", "int64", "to(lengths"}),
      wrong_option("LSTM", [] { return LSTM{{.in = 3, .hidden = 4, .projection = 4}}; },
                   {"LSTM:", "projection 4", "0 (none) to 3", "smaller hidden"}),
  });
}

// One step, from 3 features to 4.
template <class Cell, class Options>
void expect_cell(const std::string& name, const std::string& function, const Options& good) {
  const Cell cell(good);
  const Tensor x = zeros({2, 3});
  const auto with = [&good](auto&& change) {
    Options options = good;
    change(options);
    return Cell(options);
  };
  expect_refusals({
      wrong_shape(name,
                  [&] {
                    return cell(zeros({5, 2, 3}));
                  },
                  {function, "[5, 2, 3]", "[batch, in] or [in]", "one step"}),
      wrong_shape(name,
                  [&] {
                    return cell(zeros({2, 6}));
                  },
                  {function, "w_ih", ", 3]", ", 6]", "for x [2, 6]"}),
      wrong_shape(name,
                  [&] {
                    return cell(x, zeros({2, 5}));
                  },
                  {function, "h of shape [2, 5]", "[2, 4]", "reshape()"}),
      wrong_dtype(name,
                  [&] {
                    return cell(zeros({2, 3}, Dtype::int64));
                  },
                  {function, "input of int64", "to(x"}),
      wrong_dtype(name,
                  [&] {
                    return cell(zeros({2, 3}, Dtype::float64));
                  },
                  {function, "float64 and float32"}),
      wrong_option(name, [&] { return with([](Options& o) { o.in = 0; }); }, {name + ":", "in 0", "1 or more"}),
      wrong_option(name, [&] { return with([](Options& o) { o.hidden = 0; }); }, {name + ":", "hidden 0", "1 or more"}),
  });
}

TEST(RecurrentLayerErrors, Cells) {
  expect_cell<RNNCell>("RNNCell", "rnn_tanh_cell:", RNNCellOptions{.in = 3, .hidden = 4});
  expect_cell<RNNCell>("RNNCell", "rnn_relu_cell:", RNNCellOptions{.in = 3, .hidden = 4, .relu = true});
  expect_cell<LSTMCell>("LSTMCell", "lstm_cell:", CellOptions{.in = 3, .hidden = 4});
  expect_cell<GRUCell>("GRUCell", "gru_cell:", GRUCellOptions{.in = 3, .hidden = 4});
}

TEST(RecurrentLayerErrors, Convolutional) {
  const ConvLSTM layer{{.in = 3, .hidden = 4}};
  const ConvLSTMCell cell{{.in = 3, .hidden = 4}}, sized{{.in = 3, .hidden = 4, .height = 8, .width = 8}};
  const Tensor x = zeros({2, 3, 8, 8});
  expect_refusals({
      wrong_shape("ConvLSTM", [&] { return layer(x); },
                  {"ConvLSTM", "[2, 3, 8, 8]", "[time, batch, in, height, width]", "ConvLSTMCell"}),
      wrong_shape("ConvLSTM",
                  [&] {
                    return layer(zeros({0, 2, 3, 8, 8}));
                  },
                  {"ConvLSTM", "[0, 2, 3, 8, 8]", "one step"}),
      wrong_shape("ConvLSTM",
                  [&] {
                    return layer(zeros({1, 2, 5, 8, 8}));
                  },
                  {"conv2d", "[2, 5, 8, 8]", "[16, 3, 3, 3]"}),
      wrong_dtype("ConvLSTM",
                  [&] {
                    return layer(zeros({1, 2, 3, 8, 8}, Dtype::int64));
                  },
                  {"conv2d", "of int64", "to(x"}),
      wrong_option("ConvLSTM", [] { return ConvLSTM{{.in = 0, .hidden = 4}}; }, {"ConvLSTM", "in 0", "1 or more"}),
      wrong_option("ConvLSTM", [] { return ConvLSTM{{.in = 3, .hidden = 4, .kernel = 2}}; }, {"kernel 2", "odd", "3"}),
      wrong_shape("ConvLSTMCell",
                  [&] {
                    return cell(zeros({1, 2, 3, 8, 8}));
                  },
                  {"ConvLSTM", "[1, 2, 3, 8, 8]", "[batch, in, height, width]"}),
      wrong_shape("ConvLSTMCell",
                  [&] {
                    return cell(x, zeros({2, 4, 8, 9}));
                  },
                  {"ConvLSTM", "state of shape [2, 4, 8, 9]", "[2, 4, 8, 8]", "undefined state is zero"}),
      wrong_shape("ConvLSTMCell",
                  [&] {
                    return sized(zeros({2, 3, 8, 9}));
                  },
                  {"ConvLSTM", "[4, 8, 8]", "[2, 4, 8, 9]", "resize"}),
      wrong_dtype("ConvLSTMCell",
                  [&] {
                    return cell(zeros({2, 3, 8, 8}, Dtype::float64));
                  },
                  {"float64 and float32"}),
      wrong_option("ConvLSTMCell", [] { return ConvLSTMCell{{.in = 3, .hidden = 0}}; }, {"ConvLSTM", "hidden 0"}),
      wrong_option("ConvLSTMCell", [] { return ConvLSTMCell{{.in = 3, .hidden = 4, .height = 8}}; },
                   {"ConvLSTM", "height 8, width 0", "both", "0 for both"}),
  });
}

}  // namespace
}  // namespace joist
