#include <joist/layers/check.h>
#include <joist/layers/conv_lstm.h>

#include <string>

namespace joist {
namespace {

const ConvLSTMOptions& checked(const ConvLSTMOptions& options) {
  const auto refuse = [](const std::string& what, const char* expected, const char* remedy) {
    throw UsageError({.where = "ConvLSTM", .what = what, .expected = expected, .remedy = remedy});
  };
  require_positive("ConvLSTM", "in", options.in);
  require_positive("ConvLSTM", "hidden", options.hidden);
  if (options.kernel < 1 || options.kernel % 2 == 0)
    refuse("kernel " + std::to_string(options.kernel), "an odd size", "3: states keep the input's size");
  if ((options.height > 0) != (options.width > 0) || options.height < 0 || options.width < 0)
    refuse("height " + std::to_string(options.height) + ", width " + std::to_string(options.width),
           "both, for peephole weights, or neither", "the size of the pictures, or 0 for both");
  return options;
}

void require_input(const Tensor& x, int rank, const char* axes) {
  if (x.rank() != rank)
    throw ShapeError({.where = "ConvLSTM",
                      .what = "input of shape " + x.shape().text(),
                      .expected = axes,
                      .remedy = "ConvLSTM for a sequence, ConvLSTMCell for one step of time"});
}

}  // namespace

ConvLSTMCell::ConvLSTMCell(const ConvLSTMOptions& options)
    : hidden(checked(options).hidden),
      conv_x({.in = options.in, .out = 4 * hidden, .kernel = options.kernel, .bias = options.bias}),
      conv_h({.in = hidden, .out = 4 * hidden, .kernel = options.kernel, .bias = false}) {
  if (options.height == 0) return;
  for (Parameter* weight : {&weight_ci, &weight_cf, &weight_co})
    *weight = init::constant({hidden, options.height, options.width}, 0);
}

CellState ConvLSTMCell::step(const Tensor& input_gates, const Tensor& h, const Tensor& c) const {
  const Shape state = input_gates.shape().with(1, hidden);
  for (const Tensor* given : {&h, &c})
    if (given->defined() && given->shape() != state)
      throw ShapeError({.where = "ConvLSTM",
                        .what = "state of shape " + given->shape().text(),
                        .expected = state.text() + ", [batch, hidden, height, width]",
                        .remedy = "an undefined state is zero"});
  if (weight_ci.defined() && weight_ci.shape() != state.without(0))
    throw ShapeError({.where = "ConvLSTM",
                      .what = "peephole weights " + weight_ci.shape().text() + " for states " + state.text(),
                      .expected = "inputs of the height and width that the layer was made for",
                      .remedy = "resize the pictures, or a layer without height and width"});
  const auto parts = chunk(h.defined() ? input_gates + conv_h(h) : input_gates, 4, 1);
  const auto peephole = [](const Tensor& gate, const Tensor& weight, const Tensor& cell) {
    return weight.defined() && cell.defined() ? gate + weight * cell : gate;
  };
  const Tensor i = sigmoid(peephole(parts[0], weight_ci, c)), g = tanh(parts[2]);
  const Tensor next = c.defined() ? sigmoid(peephole(parts[1], weight_cf, c)) * c + i * g : i * g;
  return {sigmoid(peephole(parts[3], weight_co, next)) * tanh(next), next};
}

CellState ConvLSTMCell::operator()(const Tensor& x, const Tensor& h, const Tensor& c) const {
  require_input(x, 4, "[batch, in, height, width]");
  return step(conv_x(x), h, c);
}

SequenceOutput ConvLSTM::operator()(const Tensor& x, const Tensor& h0, const Tensor& c0) const {
  require_input(x, 5, "[time, batch, in, height, width]");
  const std::int64_t steps = x.shape(0);
  if (steps == 0)
    throw ShapeError({.where = "ConvLSTM",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "at least one step of time",
                      .remedy = "leave empty sequences out"});
  const Tensor gates = cell.conv_x(flatten(x, 0, 1));
  const auto by_step =
      chunk(reshape(gates, gates.shape().with(0, x.shape(1)).inserted(0, steps)), static_cast<int>(steps), 0);
  CellState state{h0, c0};
  std::vector<Tensor> outputs;
  for (const Tensor& step : by_step) {
    state = cell.step(reshape(step, step.shape().without(0)), state.h, state.c);
    outputs.push_back(reshape(state.h, state.h.shape().inserted(0, 1)));
  }
  return {concat(outputs, 0), state.h, state.c};
}

}  // namespace joist
