// What the recurrent functions and layers refuse, before any work: the message holds the rule, the values and a remedy.
#include <joist/core/ops.h>
#include <joist/layers/conv_lstm.h>
#include <joist/layers/recurrent.h>
#include <joist/tests/support/expect_error.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

// in 3, hidden 4
RecurrentWeights lstm_weights() { return {zeros({16, 3}), zeros({16, 4}), zeros({16}), zeros({16})}; }
RecurrentWeights gru_weights() { return {zeros({12, 3}), zeros({12, 4}), zeros({12}), zeros({12})}; }
const Tensor x = zeros({5, 2, 3});

SequenceOutput run(const RecurrentWeights& weights, const Tensor& h0 = {}, const Tensor& c0 = {},
                   const Tensor& lengths = {}, const SequenceOptions& options = {}) {
  return lstm(x, {&weights, 1}, h0, c0, lengths, options);
}

TEST(RecurrentErrors, Input) {
  const RecurrentWeights weights = lstm_weights();
  expect_error<ShapeError>([&] { lstm(zeros({5}), {&weights, 1}); }, {"lstm", "[5]", "[time, batch, in]"});
  expect_error<ShapeError>(
      [&] {
        lstm(zeros({5, 2, 3}), {&weights, 1}, {}, {}, {}, {.bidirectional = false}),
            lstm(zeros({2, 5}), {&weights, 1}, {}, {}, {}, {.batch_first = true});
      },
      {"w_ih of layer 0", "[16, 3]", "[16, 5]", "[2, 5]"});
  expect_error<ShapeError>([&] { lstm(zeros({0, 2, 3}), {&weights, 1}); }, {"[0, 2, 3]", "at least one step"});
  expect_error<DtypeError>([&] { lstm(zeros({5, 2, 3}, Dtype::int64), {&weights, 1}); }, {"int64", "to(x"});
  expect_error<DtypeError>([&] { lstm(zeros({5, 2, 3}, Dtype::float64), {&weights, 1}); }, {"float64 and float32"});
}

TEST(RecurrentErrors, Weights) {
  expect_error<UsageError>([&] { lstm(x, {}); }, {"lstm", "0 sets of weights", "one for each layer"});
  const RecurrentWeights good = lstm_weights();
  expect_error<UsageError>([&] { run(good, {}, {}, {}, {.bidirectional = true}); }, {"1 sets", "two for each layer"});
  RecurrentWeights bad = good;
  bad.w_hh = zeros({15, 4});
  expect_error<ShapeError>([&] { run(bad); }, {"w_hh", "[15, 4]", "[4 · hidden, hidden]"});
  bad = good;
  bad.w_hh = zeros({16, 5});
  expect_error<ShapeError>([&] { run(bad); }, {"w_hh of layer 0", "[16, 5]", "[16, 4]"});
  bad = good;
  bad.w_ih = {};
  expect_error<ShapeError>([&] { run(bad); }, {"w_ih of layer 0 is undefined", "[16, 3]"});
  bad = good;
  bad.b_hh = zeros({4});
  expect_error<ShapeError>([&] { run(bad); }, {"b_hh of layer 0", "[4]", "[16]"});
  bad = good;
  bad.w_hr = zeros({2, 5});
  expect_error<ShapeError>([&] { run(bad); }, {"w_hh of layer 0", "[16, 4]", "[16, 2]", "projection"});
  const std::vector<RecurrentWeights> two{good, good};
  expect_error<ShapeError>([&] { lstm(x, two); }, {"w_ih of layer 1", "[16, 3]", "[16, 4]"});
  expect_error<ShapeError>(
      [&] {
        lstm(x, two, {}, {}, {}, {.bidirectional = true}),
            lstm(x, std::vector{good, bad}, {}, {}, {}, {.bidirectional = true});
      },
      {"(backward)", "w_hr"});
  RecurrentWeights projected = gru_weights();
  projected.w_hr = zeros({2, 4});
  expect_error<UsageError>([&] { gru(x, {&projected, 1}); }, {"gru", "[2, 4]", "only an LSTM", "use lstm"});
}

TEST(RecurrentErrors, StatesLengthsAndOptions) {
  const RecurrentWeights weights = lstm_weights();
  expect_error<ShapeError>(
      [&] {
        run(weights, zeros({2, 4}));
      },
      {"h0", "[2, 4]", "[1, 2, 4]", "[layers, batch, hidden]"});
  expect_error<ShapeError>([&] { run(weights, zeros({1, 2, 4}), zeros({1, 2, 3})); }, {"c0", "[1, 2, 3]", "[1, 2, 4]"});
  const auto with_lengths = [&](const Tensor& lengths) { run(weights, {}, {}, lengths); };
  expect_error<DtypeError>([&] { with_lengths(zeros({2})); }, {"lengths of float32", "int64", "to(lengths"});
  expect_error<ShapeError>(
      [&] {
        with_lengths(tensor(std::vector<std::int64_t>{1, 2, 3}, {3}));
      },
      {"[3]", "[2]", "[batch]"});
  expect_error<DataError>(
      [&] {
        with_lengths(tensor(std::vector<std::int64_t>{5, 0}, {2}));
      },
      {"length 0 of sequence 1", "1 to 5", "leave empty sequences out"});
  expect_error<DataError>(
      [&] {
        with_lengths(tensor(std::vector<std::int64_t>{6, 1}, {2}));
      },
      {"length 6 of sequence 0", "1 to 5"});
  expect_error<UsageError>(
      [&] {
        lstm(zeros({5, 3}), {&weights, 1}, {}, {}, tensor(std::vector<std::int64_t>{5}, {1}));
      },
      {"lengths", "[5, 3]", "slice"});
  expect_error<UsageError>([&] { run(weights, {}, {}, {}, {.dropout = 1}); }, {"dropout 1", "0 <= dropout < 1"});
}

TEST(RecurrentErrors, EveryFunctionNamesItself) {
  const RecurrentWeights none;
  expect_error<ShapeError>([&] { rnn_tanh(x, {&none, 1}); }, {"rnn_tanh:", "w_hh is undefined"});
  expect_error<ShapeError>([&] { rnn_relu(x, {&none, 1}); }, {"rnn_relu:", "[1 · hidden, hidden]"});
  expect_error<ShapeError>([&] { gru(x, {&none, 1}); }, {"gru:", "[3 · hidden, hidden]"});
  const Tensor one = zeros({2, 3});
  expect_error<ShapeError>([&] { rnn_tanh_cell(one, {}, none); }, {"rnn_tanh_cell:"});
  expect_error<ShapeError>([&] { rnn_relu_cell(one, {}, none); }, {"rnn_relu_cell:"});
  expect_error<ShapeError>(
      [&] {
        gru_cell(one, zeros({3, 4}), gru_weights());
      },
      {"gru_cell:", "h of shape [3, 4]", "[2, 4]"});
  expect_error<ShapeError>(
      [&] {
        lstm_cell(one, {}, zeros({2, 5}), lstm_weights());
      },
      {"lstm_cell:", "c of shape [2, 5]", "[2, 4]"});
  expect_error<ShapeError>([&] { lstm_cell(x, {}, {}, lstm_weights()); },
                           {"lstm_cell:", "[5, 2, 3]", "[batch, in] or [in]"});
}

TEST(RecurrentErrors, Packing) {
  const auto lengths = [](std::vector<std::int64_t> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return tensor(values, {count});
  };
  expect_error<ShapeError>([&] { pack_padded_sequence(zeros({5}), lengths({1})); }, {"[5]", "[time, batch, ...]"});
  expect_error<ShapeError>([&] { pack_padded_sequence(x, lengths({1})); }, {"[1]", "[5, 2, 3]", "[batch]"});
  expect_error<DataError>([&] { pack_padded_sequence(x, lengths({6, 1})); }, {"length 6", "1 to 5"});
  expect_error<UsageError>([&] { pack_padded_sequence(x, lengths({1, 2})); }, {"increase", "enforce_sorted = false"});
  expect_error<DtypeError>([&] { pack_padded_sequence(x, zeros({2})); }, {"float32", "int64"});
  const PackedSequence packed = pack_padded_sequence(x, lengths({4, 2}));
  expect_error<UsageError>([&] { pad_packed_sequence(packed, false, 0, 3); }, {"total_length 3", "at least 4"});
  expect_error<ShapeError>(
      [&] {
        pad_packed_sequence({packed.data, lengths({2, 2, 1})});
      },
      {"[6, 3]", "3 batch sizes"});
  expect_error<ShapeError>([&] { pad_sequence({}); }, {"no sequences"});
  expect_error<ShapeError>([&] { pad_sequence(std::vector{zeros({2, 3}), zeros({2, 4})}); }, {"[2, 3]", "[2, 4]"});
}

TEST(RecurrentErrors, Layers) {
  expect_error<UsageError>([] { LSTM({.in = 3, .hidden = 0}); }, {"LSTM", "hidden 0", "1 or more"});
  expect_error<UsageError>([] { GRU({.in = 3, .hidden = 4, .layers = 0}); }, {"GRU", "layers 0"});
  expect_error<UsageError>([] { LSTM({.in = 3, .hidden = 4, .projection = 4}); }, {"projection 4", "0 (none) to 3"});
  expect_error<UsageError>([] { LSTMCell({.in = 0, .hidden = 4}); }, {"in 0"});
  expect_error<UsageError>([] { ConvLSTM({.in = 3, .hidden = 4, .kernel = 2}); }, {"kernel 2", "an odd size"});
  expect_error<UsageError>([] { ConvLSTM({.in = 3, .hidden = 4, .height = 8}); }, {"height 8, width 0", "both"});
  expect_error<ShapeError>(
      [] {
        ConvLSTM({.in = 3, .hidden = 4})(zeros({2, 3, 8, 8}));
      },
      {"[2, 3, 8, 8]", "[time, batch"});
  expect_error<ShapeError>(
      [] {
        ConvLSTMCell({.in = 3, .hidden = 4, .height = 8, .width = 8})(zeros({2, 3, 8, 9}));
      },
      {"[4, 8, 8]", "[2, 4, 8, 9]"});
  expect_error<ShapeError>(
      [] {
        ConvLSTMCell({.in = 3, .hidden = 4})(zeros({2, 3, 8, 8}), zeros({2, 3, 8, 8}));
      },
      {"state", "[2, 3, 8, 8]", "[2, 4, 8, 8]"});
}

}  // namespace
}  // namespace joist
