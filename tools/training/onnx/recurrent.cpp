// RNN, GRU and LSTM, step by step from the engine's products: any activations, peepholes, lengths and directions.
#include <joist/tools/training/onnx/call.h>

#include <algorithm>

namespace joist::onnx_ops {
namespace {

struct State {
  Tensor h{}, c{};
};

using Activation = std::function<Tensor(const Tensor&)>;

// One direction: its slices of the weights.
class Direction {
 public:
  Direction(const Call& c, std::int64_t gates, std::int64_t number, std::size_t activations)
      : call_(c), w_(transpose(select(c[1], 0, number), 0, 1)), r_(transpose(select(c[2], 0, number), 0, 1)) {
    units_ = c[2].shape(2);
    if (c.has(3)) {
      const Tensor both = select(c[3], 0, number);
      b_w_ = narrow(both, 0, 0, gates * units_);
      b_r_ = narrow(both, 0, gates * units_, gates * units_);
    } else {
      b_w_ = b_r_ = zeros({gates * units_}, c[0].dtype());
    }
    if (c.has(7)) peephole_ = select(c[7], 0, number);
    std::vector<std::string> names = c.texts("activations");
    const std::size_t first = static_cast<std::size_t>(number) * activations;
    for (std::size_t i = 0; i < activations; ++i) {
      const std::string usual = activations == 1 || i > 0 ? "Tanh" : "Sigmoid";
      functions_.push_back(activation(first + i < names.size() ? names[first + i] : usual));
    }
    if (!c.reals("activation_alpha").empty() || !c.reals("activation_beta").empty())
      c.unsupported("activations with parameters");
    clip_ = c.real("clip", 0);
  }

  State rnn(const Tensor& x, const State& s) const {
    return {f(0, limited(matmul(x, w_) + b_w_ + matmul(s.h, r_) + b_r_)), {}};
  }

  State gru(const Tensor& x, const State& s) const {  // gates z, r, h
    const Tensor from_x = matmul(x, w_) + b_w_,
                 from_h = matmul(s.h, narrow(r_, 1, 0, 2 * units_)) + narrow(b_r_, 0, 0, 2 * units_);
    const Tensor z = f(0, limited(gate(from_x, 0) + gate(from_h, 0))),
                 r = f(0, limited(gate(from_x, 1) + gate(from_h, 1)));
    const Tensor r_h = gate(r_, 2), b_h = narrow(b_r_, 0, 2 * units_, units_);
    const Tensor inner =
        call_.integer("linear_before_reset", 0) != 0 ? r * (matmul(s.h, r_h) + b_h) : matmul(r * s.h, r_h) + b_h;
    const Tensor h = f(1, limited(gate(from_x, 2) + inner));
    return {(1.0 - z) * h + z * s.h, {}};
  }

  State lstm(const Tensor& x, const State& s) const {  // gates i, o, f, c
    const Tensor gates = matmul(x, w_) + b_w_ + matmul(s.h, r_) + b_r_;
    const auto peep = [&](std::int64_t which, const Tensor& c) {
      return peephole_.defined() ? narrow(peephole_, 0, which * units_, units_) * c : zeros({1}, c.dtype());
    };
    const Tensor i = f(0, limited(gate(gates, 0) + peep(0, s.c)));
    const Tensor forget =
        call_.integer("input_forget", 0) != 0 ? 1.0 - i : f(0, limited(gate(gates, 2) + peep(2, s.c)));
    const Tensor c = forget * s.c + i * f(1, limited(gate(gates, 3)));
    const Tensor o = f(0, limited(gate(gates, 1) + peep(1, c)));
    return {o * f(2, c), c};
  }

 private:
  Tensor gate(const Tensor& x, std::int64_t which) const { return narrow(x, -1, which * units_, units_); }
  Tensor f(std::size_t which, const Tensor& x) const { return functions_[which](x); }
  Tensor limited(const Tensor& x) const { return clip_ > 0 ? clamp(x, -clip_, clip_) : x; }

  Activation activation(const std::string& name) const {
    if (name == "Sigmoid") return [](const Tensor& x) { return sigmoid(x); };
    if (name == "Tanh") return [](const Tensor& x) { return tanh(x); };
    if (name == "Relu") return [](const Tensor& x) { return relu(x); };
    if (name == "Softsign") return [](const Tensor& x) { return softsign(x); };
    if (name == "Softplus") return [](const Tensor& x) { return softplus(x); };
    call_.unsupported("the activation " + name);
  }

  const Call& call_;
  Tensor w_, r_, b_w_{}, b_r_{}, peephole_{};
  std::vector<Activation> functions_{};
  std::int64_t units_ = 0;
  double clip_ = 0;
};

using Step = State (Direction::*)(const Tensor&, const State&) const;

Outputs sequence(const Call& c, std::int64_t gates, std::size_t activations, Step step, bool cells) {
  const bool batch_first = c.integer("layout", 0) != 0;
  const Tensor x = batch_first ? transpose(c[0], 0, 1) : c[0];
  const std::int64_t time = x.shape(0), batch = x.shape(1), directions = c[1].shape(0), units = c[2].shape(2);
  const std::string direction = c.text("direction", "forward");
  if (directions != (direction == "bidirectional" ? 2 : 1)) c.refuse("weights of another number of directions");
  Tensor lengths;
  if (c.has(4)) lengths = reshape(to(c[4], Dtype::int64), {batch, 1});
  const auto initial = [&](std::size_t input, std::int64_t number) {
    if (!c.has(input)) return zeros({batch, units}, x.dtype());
    return select(batch_first ? transpose(c[input], 0, 1) : c[input], 0, number);
  };
  std::vector<Tensor> outputs, last_h, last_c;
  for (std::int64_t number = 0; number < directions; ++number) {
    const Direction along(c, gates, number, activations);
    const bool backwards = direction == "reverse" || number == 1;
    State state{initial(5, number), cells ? initial(6, number) : Tensor()};
    std::vector<Tensor> steps(static_cast<std::size_t>(time));
    for (std::int64_t i = 0; i < time; ++i) {
      const std::int64_t at = backwards ? time - 1 - i : i;
      const State next = (along.*step)(select(x, 0, at), state);
      if (lengths.defined()) {
        const Tensor inside = gt(lengths, static_cast<double>(at));
        steps[static_cast<std::size_t>(at)] = where(inside, next.h, 0.0);
        state.h = where(inside, next.h, state.h);
        if (cells) state.c = where(inside, next.c, state.c);
      } else {
        steps[static_cast<std::size_t>(at)] = next.h;
        state = next;
      }
    }
    outputs.push_back(stack(steps));  // [time, batch, units]
    last_h.push_back(state.h);
    if (cells) last_c.push_back(state.c);
  }
  const auto ordered = [&](const Tensor& y) { return batch_first ? transpose(y, 0, 1) : y; };
  Tensor all = stack(outputs, 1);  // [time, direction, batch, units]
  if (batch_first) all = permute(all, {2, 0, 1, 3});
  Outputs results = {all, ordered(stack(last_h))};
  if (cells) results.push_back(ordered(stack(last_c)));
  return results;
}

}  // namespace

void add_recurrent(Table& t) {
  t["RNN"] = [](const Call& c) { return sequence(c, 1, 1, &Direction::rnn, false); };
  t["GRU"] = [](const Call& c) { return sequence(c, 3, 2, &Direction::gru, false); };
  t["LSTM"] = [](const Call& c) { return sequence(c, 4, 3, &Direction::lstm, true); };
}

}  // namespace joist::onnx_ops
