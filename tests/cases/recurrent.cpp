#include <joist/core/mode.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

using Inputs = std::span<const Tensor>;

enum class Variety { tanh, relu, lstm, gru, gru_before };
constexpr Variety varieties[] = {Variety::tanh, Variety::relu, Variety::lstm, Variety::gru, Variety::gru_before};
std::string name_of(Variety variety) {
  switch (variety) {
    case Variety::tanh: return "rnn_tanh";
    case Variety::relu: return "rnn_relu";
    case Variety::lstm: return "lstm";
    case Variety::gru: return "gru";
    case Variety::gru_before: break;
  }
  return "gru_reset_before";
}
std::int64_t gates_of(Variety variety) { return variety == Variety::lstm ? 4 : variety < Variety::lstm ? 1 : 3; }

// A whole call. Inputs of its case: x, h0 and c0 if `states`, then each layer's and direction's weights.
struct Net {
  std::string name;
  std::int64_t steps = 5, batch = 3, in = 4, hidden = 5, layers = 1, projection = 0;
  bool bidirectional = false, bias = true, states = true, batch_first = false, single = false;
  double dropout = 0;
  std::vector<std::int64_t> lengths{};
  bool large = false;
  bool output = true, last = true;  // which results are used
};

SequenceOutput call(Variety variety, const Net& net, const Tensor& x, std::span<const RecurrentWeights> weights,
                    const Tensor& h0, const Tensor& c0) {
  const SequenceOptions options{.bidirectional = net.bidirectional,
                                .batch_first = net.batch_first,
                                .dropout = net.dropout,
                                .training = true,
                                .reset_after = variety != Variety::gru_before};
  const Tensor lengths = net.lengths.empty() ? Tensor() : tensor(net.lengths, {net.batch});
  manual_seed(7);
  switch (variety) {
    case Variety::tanh: return rnn_tanh(x, weights, h0, lengths, options);
    case Variety::relu: return rnn_relu(x, weights, h0, lengths, options);
    case Variety::lstm: return lstm(x, weights, h0, c0, lengths, options);
    case Variety::gru:
    case Variety::gru_before: break;
  }
  return gru(x, weights, h0, lengths, options);
}

Case case_of(Variety variety, const Net& net) {
  const std::int64_t rows = gates_of(variety) * net.hidden, directions = net.bidirectional ? 2 : 1;
  const std::int64_t out = net.projection > 0 ? net.projection : net.hidden, sets = net.layers * directions;
  std::vector<Input> inputs;
  inputs.push_back(uniform(net.single        ? Shape{net.steps, net.in}
                           : net.batch_first ? Shape{net.batch, net.steps, net.in}
                                             : Shape{net.steps, net.batch, net.in}));
  if (net.states) {
    inputs.push_back(uniform(net.single ? Shape{sets, out} : Shape{sets, net.batch, out}, -1, 1));
    if (variety == Variety::lstm)
      inputs.push_back(uniform(net.single ? Shape{sets, net.hidden} : Shape{sets, net.batch, net.hidden}, -1, 1));
  }
  const double bound = net.hidden > 8 ? 0.2 : 0.6;
  for (std::int64_t set = 0; set < sets; ++set) {
    inputs.push_back(uniform({rows, set < directions ? net.in : directions * out}, -bound, bound));
    inputs.push_back(uniform({rows, out}, -bound, bound));
    for (int i = 0; net.bias && i < 2; ++i) inputs.push_back(uniform({rows}, -bound, bound));
    if (net.projection > 0) inputs.push_back(uniform({out, net.hidden}, -bound, bound));
  }
  const auto run = [variety, net, sets](Inputs t) {
    std::size_t next = 1;
    const Tensor h0 = net.states ? t[next++] : Tensor();
    const Tensor c0 = net.states && variety == Variety::lstm ? t[next++] : Tensor();
    std::vector<RecurrentWeights> weights(static_cast<std::size_t>(sets));
    for (RecurrentWeights& w : weights) {
      w.w_ih = t[next++];
      w.w_hh = t[next++];
      if (net.bias) w.b_ih = t[next++];
      if (net.bias) w.b_hh = t[next++];
      if (net.projection > 0) w.w_hr = t[next++];
    }
    const SequenceOutput result = call(variety, net, t[0], weights, h0, c0);
    std::vector<Tensor> outputs;
    if (net.output) outputs.push_back(result.output);
    if (net.last) outputs.push_back(result.h);
    if (net.last && variety == Variety::lstm) outputs.push_back(result.c);
    return outputs;
  };
  return {name_of(variety) + "_" + net.name, inputs, run, true, net.large};
}

std::vector<Net> nets() {
  return {
      {.name = "one_layer"},
      {.name = "two_layers", .steps = 3, .batch = 2, .in = 3, .hidden = 4, .layers = 2},
      {.name = "both_directions", .steps = 4, .batch = 2, .in = 3, .hidden = 4, .layers = 2, .bidirectional = true},
      {.name = "lengths", .batch = 4, .in = 3, .hidden = 4, .lengths = {3, 5, 1, 4}},
      {.name = "lengths_shorter", .batch = 3, .in = 3, .hidden = 4, .states = false, .lengths = {4, 2, 1}},
      {.name = "lengths_both_directions",
       .batch = 4,
       .in = 3,
       .hidden = 4,
       .layers = 2,
       .bidirectional = true,
       .lengths = {3, 5, 1, 4}},
      {.name = "zero_state_no_bias", .bias = false, .states = false},
      {.name = "batch_first", .batch_first = true},
      {.name = "single", .bidirectional = true, .single = true},
      {.name = "one_step_one_sequence_one_unit", .steps = 1, .batch = 1, .in = 1, .hidden = 1},
      {.name = "no_sequences", .batch = 0},
      {.name = "dropout", .steps = 4, .layers = 2, .dropout = 0.4},
      {.name = "last_only", .lengths = {2, 5, 4}, .output = false},
      {.name = "output_only", .last = false},
      {.name = "odd", .steps = 3, .batch = 7, .in = 5, .hidden = 37, .states = false, .large = true},
      {.name = "large",
       .steps = 5,
       .batch = 35,
       .in = 33,
       .hidden = 75,
       .bidirectional = true,
       .lengths = {5, 5, 4, 4, 4, 3, 3, 3, 1, 5, 5, 5, 5, 2, 2, 4, 4, 4,
                   3, 3, 3, 1, 5, 5, 5, 5, 2, 2, 4, 4, 4, 4, 4, 3, 3},
       .large = true},
  };
}

std::vector<Net> projected_nets() {
  return {
      {.name = "projection", .projection = 3},
      {.name = "projection_layers",
       .steps = 4,
       .batch = 4,
       .in = 3,
       .hidden = 4,
       .layers = 2,
       .projection = 2,
       .bidirectional = true,
       .lengths = {3, 4, 1, 2}},
      {.name = "projection_of_one_no_bias", .projection = 1, .bias = false, .states = false},
      {.name = "projection_last_only", .projection = 3, .output = false},
      {.name = "projection_large",
       .steps = 5,
       .batch = 20,
       .in = 9,
       .hidden = 70,
       .projection = 41,
       .lengths = {5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2},
       .large = true},
  };
}

using CellFunction = std::vector<Tensor> (*)(const Tensor& x, const Tensor& h, const Tensor& c,
                                             const RecurrentWeights& weights);
struct NamedCell {
  std::string name;
  std::int64_t gates;
  CellFunction run;
};
const NamedCell cells[] = {
    {"rnn_tanh_cell", 1, [](auto& x, auto& h, auto&, auto& w) { return std::vector{rnn_tanh_cell(x, h, w)}; }},
    {"rnn_relu_cell", 1, [](auto& x, auto& h, auto&, auto& w) { return std::vector{rnn_relu_cell(x, h, w)}; }},
    {"lstm_cell", 4,
     [](auto& x, auto& h, auto& c, auto& w) {
       const CellState state = lstm_cell(x, h, c, w);
       return std::vector{state.h, state.c};
     }},
    {"gru_cell", 3, [](auto& x, auto& h, auto&, auto& w) { return std::vector{gru_cell(x, h, w)}; }},
    {"gru_cell_reset_before", 3,
     [](auto& x, auto& h, auto&, auto& w) { return std::vector{gru_cell(x, h, w, false)}; }},
};

void add_cells(Family& family) {
  for (const NamedCell& cell : cells) {
    const std::int64_t rows = cell.gates * 5;
    const Input w_ih = uniform({rows, 4}, -1, 1), w_hh = uniform({rows, 5}, -1, 1), bias = uniform({rows}, -1, 1);
    const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run) {
      family.cases.push_back({cell.name + "_" + name, std::move(inputs), run});
    };
    // c0 belongs to the LSTM only.
    std::vector<Input> batch{uniform({3, 4}), uniform({3, 5}), w_ih, w_hh, bias, bias};
    std::vector<Input> vector{uniform({4}), uniform({5}), w_ih, w_hh, bias, bias};
    std::vector<Input> same{uniform({3, 5}), uniform({rows, 5}, -1, 1), bias};
    if (cell.gates == 4) {
      batch.push_back(uniform({3, 5}));
      vector.push_back(uniform({5}));
    }
    const auto all = [run = cell.run](Inputs t) {
      return run(t[0], t[1], t.size() > 6 ? t[6] : Tensor(), {t[2], t[3], t[4], t[5]});
    };
    add("batch", batch, all);
    add("vector", vector, all);
    add("zero_state", {uniform({3, 4}), w_ih, w_hh}, [run = cell.run](Inputs t) {
      return run(t[0], {}, {}, {t[1], t[2]});
    });
    // Input and states one tensor, both matrices one, both biases one.
    add("shared", same, [run = cell.run, gates = cell.gates](Inputs t) {
      return run(t[0], t[0], gates == 4 ? t[0] : Tensor(), {t[1], t[1], t[2], t[2]});
    });
  }
}

void add_views(Family& family) {
  const auto add = [&](const std::string& name, Layout layout) {
    std::vector<Input> inputs{in(layout, uniform({4, 3, 5})), in(layout, uniform({1, 3, 6}, -1, 1)),
                              in(layout, uniform({1, 3, 6}, -1, 1)), in(layout, uniform({24, 5}, -0.6, 0.6)),
                              in(layout, uniform({24, 6}, -0.6, 0.6))};
    family.cases.push_back({"lstm_" + name, inputs, [](Inputs t) {
                              const RecurrentWeights weights{t[3], t[4]};
                              const SequenceOutput result = lstm(t[0], {&weights, 1}, t[1], t[2]);
                              return std::vector{result.output, result.h, result.c};
                            }});
    inputs = {in(layout, uniform({4, 3, 5})), in(layout, uniform({1, 3, 6}, -1, 1)),
              in(layout, uniform({18, 5}, -0.6, 0.6)), in(layout, uniform({18, 6}, -0.6, 0.6))};
    family.cases.push_back({"gru_" + name, inputs, [](Inputs t) {
                              const RecurrentWeights weights{t[2], t[3]};
                              const SequenceOutput result = gru(t[0], {&weights, 1}, t[1]);
                              return std::vector{result.output, result.h};
                            }});
  };
  add("spaced", Layout::spaced);
  add("transposed", Layout::transposed);
  // Some inputs without gradient.
  family.cases.push_back({"lstm_frozen_recurrence",
                          {uniform({4, 3, 5}), constant(uniform({24, 5}, -0.6, 0.6)),
                           constant(uniform({24, 6}, -0.6, 0.6)), constant(uniform({24}))},
                          [](Inputs t) {
                            const RecurrentWeights weights{t[1], t[2], t[3], t[3]};
                            return lstm(t[0], {&weights, 1}).output;
                          }});
  family.cases.push_back(
      {"gru_frozen_input",
       {constant(uniform({4, 3, 5})), constant(uniform({18, 5}, -0.6, 0.6)), uniform({18, 6}, -0.6, 0.6)},
       [](Inputs t) {
         const RecurrentWeights weights{t[1], t[2]};
         return gru(t[0], {&weights, 1}).output;
       }});
}

void add_packing(Family& family) {
  const auto lengths = [](std::vector<std::int64_t> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return tensor(values, {count});
  };
  const Tensor sorted = lengths({4, 4, 2, 1}), unsorted = lengths({2, 4, 1, 4});
  family.cases.push_back({"pack_padded_sequence_sorted", {uniform({4, 4, 3})}, [sorted](Inputs t) {
                            const PackedSequence packed = pack_padded_sequence(t[0], sorted);
                            return std::vector{packed.data, packed.batch_sizes};
                          }});
  family.cases.push_back(
      {"pack_padded_sequence_unsorted", {uniform({4, 5, 2, 2})}, [unsorted](Inputs t) {
         const PackedSequence packed = pack_padded_sequence(t[0], unsorted, true, false);
         return std::vector{packed.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices};
       }});
  family.cases.push_back({"pad_packed_sequence_unsorted", {uniform({4, 4})}, [unsorted](Inputs t) {
                            const PaddedSequence padded =
                                pad_packed_sequence(pack_padded_sequence(t[0], unsorted, true, false), true, -1.5);
                            return std::vector{padded.data, padded.lengths};
                          }});
  family.cases.push_back({"pad_packed_sequence_longer", {uniform({11, 3})}, [](Inputs t) {
                            const PaddedSequence padded = pad_packed_sequence(
                                {t[0], tensor(std::vector<std::int64_t>{4, 4, 2, 1}, {4})}, false, 0, 6);
                            return std::vector{padded.data, padded.lengths};
                          }});
  family.cases.push_back({"pad_sequence", {uniform({2, 3}), uniform({4, 3}), uniform({0, 3})}, [](Inputs t) {
                            return std::vector{pad_sequence(t), pad_sequence(t, true, 0.5)};
                          }});
}

}  // namespace

Family recurrent_cases() {
  Family family{"recurrent", 5e-6, {}};
  for (const Variety variety : varieties)
    for (const Net& net : nets()) family.cases.push_back(case_of(variety, net));
  for (const Net& net : projected_nets()) family.cases.push_back(case_of(Variety::lstm, net));
  add_cells(family);
  add_views(family);
  add_packing(family);
  return family;
}

}  // namespace joist::cases
