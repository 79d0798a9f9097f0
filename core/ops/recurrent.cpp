// One layer in one direction: g[t] = x[t] · w_ihᵀ + b_ih for all t by one product, then one recorded operation over all
// steps (the cells' formulas: core/kernels/recurrent.h), with s[t] what enters a gate's function:
//   s[t] = g[t] + h[t-1] · w_hhᵀ + b_hh      h[t], c[t] = cell(s[t], h[t-1], c[t-1])
//   ds[t] = (∂cell/∂s)ᵀ (dh[t] + dy[t])      dh[t-1] = ds[t] · w_hh + (∂cell/∂h)ᵀ …      dg = ds
//   dw_hh = Σ ds[t]ᵀ · h[t-1]                db_hh = Σ ds[t]
#include <joist/core/kernels/recurrent.h>
#include <joist/core/kernels/recurrent_library.h>
#include <joist/core/mode.h>
#include <joist/core/ops/autocast.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/dropout.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/recurrent.h>
#include <joist/core/ops/recurrent_library.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <string>

namespace joist {
namespace {

// What a call computes, and its name in errors.
struct Call {
  const char* name;
  Cell cell;
  bool has_cell_state() const { return cell == Cell::lstm; }
  std::int64_t gates() const { return gates_of(cell); }
};

std::string number(std::int64_t value) { return std::to_string(value); }

void require_shape(const Call& call, const std::string& what, const Tensor& given, const Shape& wanted,
                   const std::string& words) {
  if (given.defined() && given.shape() == wanted) return;
  throw ShapeError({.where = call.name,
                    .what = what + (given.defined() ? " of shape " + given.shape().text() : " is undefined"),
                    .expected = wanted.text() + ", " + words,
                    .remedy = "reshape() it, or make the layer with the sizes of its input"});
}

// Hidden size and the size of what a layer hands on.
struct Sizes {
  std::int64_t hidden = 0, out = 0;
};

Sizes sizes_of(const Call& call, const RecurrentWeights& first) {
  if (!first.w_hh.defined() || first.w_hh.rank() != 2 || first.w_hh.shape(0) == 0 ||
      first.w_hh.shape(0) % call.gates() != 0)
    throw ShapeError({.where = call.name,
                      .what = first.w_hh.defined() ? "w_hh of shape " + first.w_hh.shape().text() : "w_hh is undefined",
                      .expected = "[" + number(call.gates()) + " · hidden, hidden]",
                      .remedy = "the weights of a layer of the same kind"});
  if (first.w_hr.defined() && call.cell != Cell::lstm)
    throw UsageError({.where = call.name,
                      .what = "a projection w_hr of shape " + first.w_hr.shape().text(),
                      .expected = "none: only an LSTM has one",
                      .remedy = "leave w_hr undefined, or use lstm"});
  const std::int64_t hidden = first.w_hh.shape(0) / call.gates();
  if (first.w_hr.defined()) require_rank(call.name, first.w_hr, 2, "w_hr [projection, hidden]");
  return {hidden, first.w_hr.defined() ? first.w_hr.shape(0) : hidden};
}

void check_weights(const Call& call, const Tensor& x, const RecurrentWeights& weights, const Sizes& sizes,
                   std::int64_t in, const std::string& of) {
  const std::int64_t rows = call.gates() * sizes.hidden;
  const std::string gates = number(call.gates()) + " · hidden";
  require_shape(call, "w_ih" + of, weights.w_ih, {rows, in}, "[" + gates + ", in] for x " + x.shape().text());
  require_shape(call, "w_hh" + of, weights.w_hh, {rows, sizes.out},
                "[" + gates + (weights.w_hr.defined() ? ", projection]" : ", hidden]"));
  if (weights.b_ih.defined()) require_shape(call, "b_ih" + of, weights.b_ih, {rows}, "[" + gates + "]");
  if (weights.b_hh.defined()) require_shape(call, "b_hh" + of, weights.b_hh, {rows}, "[" + gates + "]");
  if (weights.w_hr.defined() || sizes.out != sizes.hidden)
    require_shape(call, "w_hr" + of, weights.w_hr, {sizes.out, sizes.hidden}, "[projection, hidden]");
  for (const Tensor* tensor : {&weights.w_ih, &weights.w_hh, &weights.b_ih, &weights.b_hh, &weights.w_hr})
    if (tensor->defined()) require_same_kind(call.name, x, *tensor);
}

void check_state(const Call& call, const char* name, const Tensor& x, const Tensor& state, const Shape& wanted,
                 const char* words) {
  if (!state.defined()) return;
  require_shape(call, name, state, wanted, words);
  require_same_kind(call.name, x, state);
}

void check_lengths(const Call& call, const Tensor& lengths, std::int64_t steps, std::int64_t batch) {
  if (!lengths.defined()) return;
  if (lengths.dtype() != Dtype::int64)
    throw DtypeError({.where = call.name,
                      .what = "lengths of " + std::string(name_of(lengths.dtype())),
                      .expected = "int64",
                      .remedy = "to(lengths, Dtype::int64)"});
  require_shape(call, "lengths", lengths, {batch}, "[batch]");
  if (!lengths.device().on_host())
    throw UnsupportedError({.where = call.name,
                            .what = "unsupported: lengths on " + lengths.device().text(),
                            .remedy = "keep them on the host"});
  const auto values = lengths.value().to_vector<std::int64_t>();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < 1 || values[i] > steps)
      throw DataError({.where = call.name,
                       .what = "length " + number(values[i]) + " of sequence " + number(static_cast<std::int64_t>(i)),
                       .expected = "1 to " + number(steps) + ", the steps of x",
                       .remedy = "leave empty sequences out of the batch"});
}

void check_sequence(const Call& call, const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& lengths,
                    const SequenceOptions& options) {
  if (x.rank() != 3 && x.rank() != 2)
    throw ShapeError(
        {.where = call.name,
         .what = "input of shape " + x.shape().text(),
         .expected = options.batch_first ? "[batch, time, in] or [time, in]" : "[time, batch, in] or [time, in]",
         .remedy = "reshape() it, or unsqueeze(x, -1) where each step is one number"});
  require_floating(call.name, x);
  const std::size_t directions = options.bidirectional ? 2 : 1;
  if (weights.empty() || weights.size() % directions != 0)
    throw UsageError({.where = call.name,
                      .what = number(static_cast<std::int64_t>(weights.size())) + " sets of weights",
                      .expected = options.bidirectional ? "two for each layer (bidirectional)" : "one for each layer",
                      .remedy = "the weights() of a layer made with the same options"});
  if (!(options.dropout >= 0 && options.dropout < 1))
    throw UsageError({.where = call.name,
                      .what = "dropout " + std::to_string(options.dropout),
                      .expected = "0 <= dropout < 1",
                      .remedy = "the probability to drop a number, not to keep it"});
  const std::int64_t steps = x.shape(x.rank() == 3 && options.batch_first ? 1 : 0);
  if (steps == 0)
    throw ShapeError({.where = call.name,
                      .what = "input of shape " + x.shape().text(),
                      .expected = "at least one step of time",
                      .remedy = "leave empty sequences out"});
  if (x.rank() == 2 && lengths.defined())
    throw UsageError({.where = call.name,
                      .what = "lengths for input of shape " + x.shape().text(),
                      .expected = "a batch of sequences",
                      .remedy = "slice(x, 0, 0, length) for one sequence"});
}

// One layer, one direction: gates [T, B, G·H] -> y [T, B, P], h [B, P] and, for an LSTM, c [B, H].
std::vector<Tensor> run(const RecurrentOptions& options, const Tensor& gates, const RecurrentWeights& weights,
                        const Tensor& h0, const Tensor& c0, const Tensor& lengths) {
  const auto value = [](const Tensor& x) { return x.defined() ? x.value() : Array(); };
  const std::vector<Tensor> inputs{gates, weights.w_hh, weights.b_hh, weights.w_hr, h0, c0};
  const bool recorded = !NoGradient::active() && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) {
    return x.defined() && x.requires_grad();
  });
  const std::int64_t batch = gates.shape(1), hidden = gates.shape(2) / gates_of(options.cell);
  const auto fresh = [&](const Shape& shape) { return Array::empty(shape, gates.dtype(), gates.device()); };
  std::vector<Array> outputs{fresh(gates.shape().with(2, weights.w_hh.shape(1))),
                             fresh({batch, weights.w_hh.shape(1)})};
  if (options.cell == Cell::lstm) outputs.push_back(fresh({batch, hidden}));
  Array reserve;
  if (recorded)
    reserve = Array::empty(reserve_shape(options.cell, gates.shape()),
                           is_half(gates.dtype()) ? Dtype::float32 : gates.dtype(), gates.device());
  const auto& table = kernels_of<RecurrentKernels>(gates.value());
  const bool half = options.cell != Cell::gru_before && !weights.w_hr.defined() &&
                    wants_autocast({gates, weights.w_hh, weights.b_hh, h0, c0});
  const RecurrentArguments arguments{value(gates),        operand_of(weights.w_hh.value(), half),
                                     value(weights.b_hh), value(weights.w_hr),
                                     value(h0),           value(c0),
                                     value(lengths)};
  table.forward(options, arguments,
                {outputs[0], outputs[1], options.cell == Cell::lstm ? outputs[2] : Array(), reserve});
  const auto keep = [](const Array& x) { return x.defined() ? saved(x) : Saved(); };
  return record(
      {Op::recurrent, options}, inputs, outputs,
      [options, w_hh = saved(arguments.w_hh), w_hr = keep(arguments.w_hr), h0 = keep(arguments.h0),
       c0 = keep(arguments.c0), lengths = keep(arguments.lengths), y = saved(outputs[0]), reserve = keep(reserve),
       one_state = h0.defined() && h0.state() == c0.state(), &table](std::span<const Array> dys, Node& node) {
        RecurrentOuts outs;
        Out* const places[] = {&outs.dgates, &outs.dw_hh, &outs.db_hh, &outs.dw_hr, &outs.dh0, &outs.dc0};
        for (int i = 0; i < 6; ++i)
          if (node.wants(i) && !(i == 5 && one_state)) *places[i] = node.slot(i);
        if (one_state && node.wants(5)) outs.dc0.array = Array::like(h0);  // slot 4 is slot 5
        table.backward(options, {.w_hh = w_hh, .w_hr = w_hr, .h0 = h0, .c0 = c0, .lengths = lengths}, {y, reserve},
                       {dys[0], dys[1], dys.size() > 2 ? dys[2] : Array()}, outs);
        if (one_state && node.wants(5)) node.give(5, outs.dc0.array);
      });
}

std::vector<Tensor> states_of(const Tensor& state, std::size_t count) {
  std::vector<Tensor> parts(count);
  if (!state.defined()) return parts;
  const std::vector<Tensor> chunks = chunk(state, static_cast<int>(count), 0);
  for (std::size_t i = 0; i < count; ++i) parts[i] = reshape(chunks[i], state.shape().without(0));
  return parts;
}

Tensor stacked(std::vector<Tensor> states) {
  for (Tensor& state : states) state = reshape(state, state.shape().inserted(0, 1));
  return states.size() == 1 ? states[0] : concat(states, 0);
}

SequenceOutput run_layers(const Call& call, const Tensor& input, std::span<const RecurrentWeights> weights,
                          const Tensor& given_h0, const Tensor& given_c0, const Tensor& lengths,
                          const SequenceOptions& options) {
  const Tensor given = unhalved(input);
  const Autocast states_in_float32(Autocast::active(), Autocast::Results::float32);
  check_sequence(call, given, weights, lengths, options);
  const bool single = given.rank() == 2;
  const std::size_t directions = options.bidirectional ? 2 : 1;
  const Sizes sizes = sizes_of(call, weights[0]);
  const auto count = static_cast<std::int64_t>(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i)
    check_weights(call, given, weights[i], sizes,
                  i < directions ? given.shape(-1) : static_cast<std::int64_t>(directions) * sizes.out,
                  " of layer " + std::to_string(i / directions) + (i % directions == 1 ? " (backward)" : ""));
  const int batch_axis = options.batch_first ? 0 : 1;
  const std::int64_t batch = single ? 1 : given.shape(batch_axis);
  const auto state_shape = [&](std::int64_t size) { return single ? Shape{count, size} : Shape{count, batch, size}; };
  check_state(call, "h0", given, given_h0, state_shape(sizes.out),
              single ? "[layers, hidden]" : "[layers, batch, hidden]");
  check_state(call, "c0", given, given_c0, state_shape(sizes.hidden),
              single ? "[layers, hidden]" : "[layers, batch, hidden]");
  check_lengths(call, lengths, single ? given.shape(0) : given.shape(1 - batch_axis), batch);

  const auto batched = [&](const Tensor& state) {
    return single && state.defined() ? reshape(state, state.shape().inserted(1, 1)) : state;
  };
  Tensor x = single                ? reshape(given, given.shape().inserted(1, 1))
             : options.batch_first ? transpose(given, 0, 1)
                                   : given;
  const std::vector<Tensor> h0 = states_of(batched(given_h0), weights.size());
  const std::vector<Tensor> c0 = states_of(batched(given_c0), weights.size());
  std::vector<Tensor> h, c;
  for (std::size_t layer = 0; layer < weights.size(); layer += directions) {
    if (layer > 0 && options.training && options.dropout > 0)
      x = dropout(x, options.dropout, next_random_key(Stream::dropout));
    if (layer_library(x.device())) {
      const auto all = [&](const std::vector<Tensor>& states) {
        return states[layer].defined() ? stacked({states.begin() + static_cast<std::ptrdiff_t>(layer),
                                                  states.begin() + static_cast<std::ptrdiff_t>(layer + directions)})
                                       : Tensor();
      };
      if (const auto whole =
              layer_by_library(call.cell, x, weights.subspan(layer, directions), all(h0), all(c0), lengths)) {
        x = (*whole)[0];
        for (const Tensor& state : states_of((*whole)[1], directions)) h.push_back(state);
        for (const Tensor& state : states_of((*whole)[2], call.has_cell_state() ? directions : 0)) c.push_back(state);
        continue;
      }
    }
    std::vector<Tensor> ys;
    for (std::size_t i = layer; i < layer + directions; ++i) {
      const RecurrentOptions one{call.cell, i % directions == 1};
      const auto results = run(one, linear(x, weights[i].w_ih, weights[i].b_ih), weights[i], h0[i], c0[i], lengths);
      ys.push_back(results[0]);
      h.push_back(results[1]);
      if (call.has_cell_state()) c.push_back(results[2]);
    }
    x = directions == 1 ? ys[0] : concat(ys, 2);
  }
  SequenceOutput result{x, stacked(std::move(h)), call.has_cell_state() ? stacked(std::move(c)) : Tensor()};
  if (single) {
    for (Tensor* tensor : {&result.output, &result.h, &result.c})
      if (tensor->defined()) *tensor = reshape(*tensor, tensor->shape().without(1));
  } else if (options.batch_first) {
    result.output = transpose(result.output, 0, 1);
  }
  return result;
}

CellState run_cell(const Call& call, const Tensor& input, const Tensor& h, const Tensor& c,
                   const RecurrentWeights& weights) {
  const Tensor x = unhalved(input);
  const Autocast states_in_float32(Autocast::active(), Autocast::Results::float32);
  if (x.rank() != 1 && x.rank() != 2)
    throw ShapeError(
        {.where = call.name,
         .what = "input of shape " + x.shape().text(),
         .expected = "[batch, in] or [in]",
         .remedy = "one step of time in each call; the layer without Cell in its name takes whole sequences"});
  require_floating(call.name, x);
  const Sizes sizes = sizes_of(call, weights);
  check_weights(call, x, weights, sizes, x.shape(-1), "");
  check_state(call, "h", x, h, x.shape().with(-1, sizes.out), x.rank() == 1 ? "[hidden]" : "[batch, hidden]");
  check_state(call, "c", x, c, x.shape().with(-1, sizes.hidden), x.rank() == 1 ? "[hidden]" : "[batch, hidden]");
  const auto batched = [&](const Tensor& state) {
    return state.defined() && state.rank() == 1 ? reshape(state, {1, state.shape(0)}) : state;
  };
  const Tensor gates = linear(batched(x), weights.w_ih, weights.b_ih);
  const auto results =
      run({.cell = call.cell}, reshape(gates, gates.shape().inserted(0, 1)), weights, batched(h), batched(c), {});
  const auto result = [&](std::size_t i) {
    return x.rank() == 1 ? reshape(results[i], {results[i].shape(1)}) : results[i];
  };
  return {result(1), call.has_cell_state() ? result(2) : Tensor()};
}

}  // namespace

SequenceOutput rnn_tanh(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0,
                        const Tensor& lengths, const SequenceOptions& options) {
  return run_layers({"rnn_tanh", Cell::tanh}, x, weights, h0, {}, lengths, options);
}
SequenceOutput rnn_relu(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0,
                        const Tensor& lengths, const SequenceOptions& options) {
  return run_layers({"rnn_relu", Cell::relu}, x, weights, h0, {}, lengths, options);
}
SequenceOutput lstm(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0, const Tensor& c0,
                    const Tensor& lengths, const SequenceOptions& options) {
  return run_layers({"lstm", Cell::lstm}, x, weights, h0, c0, lengths, options);
}
SequenceOutput gru(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0, const Tensor& lengths,
                   const SequenceOptions& options) {
  return run_layers({"gru", options.reset_after ? Cell::gru : Cell::gru_before}, x, weights, h0, {}, lengths, options);
}

Tensor rnn_tanh_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& weights) {
  return run_cell({"rnn_tanh_cell", Cell::tanh}, x, h, {}, weights).h;
}
Tensor rnn_relu_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& weights) {
  return run_cell({"rnn_relu_cell", Cell::relu}, x, h, {}, weights).h;
}
Tensor gru_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& weights, bool reset_after) {
  return run_cell({"gru_cell", reset_after ? Cell::gru : Cell::gru_before}, x, h, {}, weights).h;
}
CellState lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c, const RecurrentWeights& weights) {
  return run_cell({"lstm_cell", Cell::lstm}, x, h, c, weights);
}

}  // namespace joist
