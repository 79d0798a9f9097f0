// Threads are independent: each reads and writes the numbers of one hidden unit of one sequence.
#include <joist/cuda/elements.h>
#include <joist/cuda/recurrent.h>

#include <cmath>

namespace joist::cuda {
namespace {

/// A matrix of floating elements with any strides.
class Plane {
 public:
  Plane() = default;
  explicit Plane(const Array& x) : elements_(x) {
    if (!x.defined()) return;
    row_ = x.strides()[0];
    column_ = x.strides()[1];
  }
  JOIST_HOST_DEVICE bool defined() const { return elements_.defined(); }
  JOIST_DEVICE float get(std::int64_t i, std::int64_t j) const { return elements_[i * row_ + j * column_]; }
  /// Where it is wanted.
  JOIST_DEVICE void set(std::int64_t i, std::int64_t j, float value) const {
    if (defined()) elements_.set(i * row_ + j * column_, value);
  }

 private:
  Floats elements_{};
  std::int64_t row_ = 0, column_ = 0;
};

/// The step, as threads see it.
struct Time {
  std::int64_t now, steps, step_of_lengths = 0;
  bool reverse;
  Typed<std::int64_t> lengths;
  explicit Time(const CellStep& step)
      : now(step.time), steps(step.steps), reverse(step.options.reverse), lengths(step.lengths) {
    if (step.lengths.defined()) step_of_lengths = step.lengths.strides()[0];
  }
  JOIST_DEVICE std::int64_t length(std::int64_t b) const {
    return lengths.defined() ? lengths[b * step_of_lengths] : steps;
  }
  JOIST_DEVICE bool active(std::int64_t b) const { return now < length(b); }
  JOIST_DEVICE bool begins(std::int64_t b) const { return now == (reverse ? length(b) - 1 : 0); }
};

JOIST_DEVICE float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
/// Of the sigmoid and of tanh with these values.
JOIST_DEVICE float sigmoid_slope(float value) { return value * (1 - value); }
JOIST_DEVICE float tanh_slope(float value) { return 1 - value * value; }

struct ForwardUnit {
  Cell cell;
  Time time;
  std::int64_t hidden;
  Plane gates, products, h, c, y, state, operand, reserve;

  ForwardUnit(const CellStep& step, const CellForward& a)
      : cell(step.options.cell),
        time(step),
        hidden(a.gates.shape(1) / gates_of(cell)),
        gates(a.gates),
        products(a.products),
        h(a.h),
        c(a.c),
        y(a.y),
        state(a.state),
        operand(a.operand),
        reserve(a.reserve) {}

  JOIST_DEVICE float entering(std::int64_t b, std::int64_t j, int part) const {
    return gates.get(b, part * hidden + j) + products.get(b, part * hidden + j);
  }
  JOIST_DEVICE void keep(std::int64_t b, std::int64_t j, int part, float value) const {
    reserve.set(b, part * hidden + j, value);
  }
  JOIST_DEVICE float lstm(std::int64_t b, std::int64_t j) const {
    const float i = sigmoid(entering(b, j, 0)), f = sigmoid(entering(b, j, 1)), g = std::tanh(entering(b, j, 2)),
                o = sigmoid(entering(b, j, 3));
    const float next = f * c.get(b, j) + i * g;
    c.set(b, j, next);
    keep(b, j, 0, i);
    keep(b, j, 1, f);
    keep(b, j, 2, g);
    keep(b, j, 3, o);
    keep(b, j, 4, next);
    return o * std::tanh(next);
  }
  JOIST_DEVICE float gru(std::int64_t b, std::int64_t j) const {
    const float r = sigmoid(entering(b, j, 0)), z = sigmoid(entering(b, j, 1)), m = products.get(b, 2 * hidden + j),
                n = std::tanh(gates.get(b, 2 * hidden + j) + r * m);
    keep(b, j, 0, r);
    keep(b, j, 1, z);
    keep(b, j, 2, n);
    keep(b, j, 3, m);
    return (1 - z) * n + z * h.get(b, j);
  }
  JOIST_DEVICE float gru_before(std::int64_t b, std::int64_t j) const {
    const float z = products.get(b, hidden + j), n = std::tanh(entering(b, j, 2));
    keep(b, j, 1, z);
    keep(b, j, 2, n);
    return (1 - z) * n + z * h.get(b, j);
  }
  JOIST_DEVICE float after(std::int64_t b, std::int64_t j) const {
    switch (cell) {
      case Cell::tanh: return std::tanh(entering(b, j, 0));
      case Cell::relu: {
        const float sum = entering(b, j, 0);
        return sum < 0 ? 0 : sum;  // NaN stays
      }
      case Cell::lstm: return lstm(b, j);
      case Cell::gru: return gru(b, j);
      case Cell::gru_before: break;
    }
    return gru_before(b, j);
  }
  JOIST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t b = i / hidden, j = i % hidden;
    if (!time.active(b)) {
      y.set(b, j, 0);
      for (int part = 0; part < reserve_of(cell); ++part) keep(b, j, part, 0);
      return;
    }
    const float next = after(b, j);
    y.set(b, j, next);
    state.set(b, j, next);
    operand.set(b, j, next);
  }
};

struct BackwardUnit {
  Cell cell;
  Time time;
  std::int64_t hidden, dgates_row = 0, dgates_column = 0;
  Plane y, dy, reserve, earlier_y, earlier_reserve, h0, c0, dm, dh, dc, dproducts, factor, m;
  Result dgates;

  BackwardUnit(const CellStep& step, const CellBackward& a)
      : cell(step.options.cell),
        time(step),
        hidden((a.dproducts.defined() ? a.dproducts : a.dgates.array).shape(1) / gates_of(cell)),
        y(a.y),
        dy(a.dy),
        reserve(a.reserve),
        earlier_y(a.earlier_y),
        earlier_reserve(a.earlier_reserve),
        h0(a.h0),
        c0(a.c0),
        dm(a.dm),
        dh(a.dh),
        dc(a.dc),
        dproducts(a.dproducts),
        factor(a.factor),
        m(a.m),
        dgates(a.dgates) {
    if (!a.dgates.array.defined()) return;
    dgates_row = a.dgates.array.strides()[0];
    dgates_column = a.dgates.array.strides()[1];
  }

  JOIST_DEVICE float kept(std::int64_t b, std::int64_t j, int part) const { return reserve.get(b, part * hidden + j); }
  JOIST_DEVICE float h_before(std::int64_t b, std::int64_t j) const {
    if (!time.begins(b)) return earlier_y.get(b, j);
    return h0.defined() ? h0.get(b, j) : 0;
  }
  JOIST_DEVICE float c_before(std::int64_t b, std::int64_t j) const {
    if (!time.begins(b)) return earlier_reserve.get(b, 4 * hidden + j);
    return c0.defined() ? c0.get(b, j) : 0;
  }
  /// The gradients of a gate's two summands.
  JOIST_DEVICE void give(std::int64_t b, std::int64_t j, int part, float gate, float product) const {
    const std::int64_t column = part * hidden + j;
    if (dgates.defined()) dgates.put(b * dgates_row + column * dgates_column, gate);
    dproducts.set(b, column, product);
    factor.set(b, column, product);
  }
  JOIST_DEVICE void give(std::int64_t b, std::int64_t j, int part, float gate) const { give(b, j, part, gate, gate); }

  JOIST_DEVICE void lstm(std::int64_t b, std::int64_t j, float d) const {
    const float i = kept(b, j, 0), f = kept(b, j, 1), g = kept(b, j, 2), o = kept(b, j, 3),
                t = std::tanh(kept(b, j, 4)), slope = dc.get(b, j) + d * o * tanh_slope(t);
    give(b, j, 0, slope * g * sigmoid_slope(i));
    give(b, j, 1, slope * c_before(b, j) * sigmoid_slope(f));
    give(b, j, 2, slope * i * tanh_slope(g));
    give(b, j, 3, d * t * sigmoid_slope(o));
    dc.set(b, j, slope * f);
    m.set(b, j, o * t);
  }
  JOIST_DEVICE float gru(std::int64_t b, std::int64_t j, float d) const {
    const float r = kept(b, j, 0), z = kept(b, j, 1), n = kept(b, j, 2), h = h_before(b, j);
    const float dn = d * (1 - z) * tanh_slope(n);
    give(b, j, 1, d * (h - n) * sigmoid_slope(z));
    if (cell == Cell::gru) {
      give(b, j, 0, dn * kept(b, j, 3) * sigmoid_slope(r));
      give(b, j, 2, dn, dn * r);
    } else {
      give(b, j, 2, dn);
      m.set(b, j, r * h);
    }
    return d * z;
  }
  JOIST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t b = i / hidden, j = i % hidden;
    if (!time.active(b)) {
      for (int part = 0; part < gates_of(cell); ++part) give(b, j, part, 0);
      m.set(b, j, 0);
      return;
    }
    const float d = dm.defined() ? dm.get(b, j) : dh.get(b, j) + (dy.defined() ? dy.get(b, j) : 0);
    float rest = 0;
    if (cell == Cell::tanh)
      give(b, j, 0, d * tanh_slope(y.get(b, j)));
    else if (cell == Cell::relu)
      give(b, j, 0, y.get(b, j) > 0 ? d : 0);
    else if (cell == Cell::lstm)
      lstm(b, j, d);
    else
      rest = gru(b, j, d);
    if (!dm.defined()) dh.set(b, j, rest);
  }
};

}  // namespace

void cell_forward(const CellStep& step, const CellForward& a) {
  const ForwardUnit unit(step, a);
  each("recurrent", a.gates.shape(0) * unit.hidden, unit);
}

void cell_reset(const CellStep& step, const CellForward& a) {
  const ForwardUnit unit(step, a);
  each("recurrent_reset", a.gates.shape(0) * unit.hidden, [unit] JOIST_DEVICE(std::int64_t i) {
    const std::int64_t b = i / unit.hidden, j = i % unit.hidden;
    if (!unit.time.active(b)) return;
    const float r = sigmoid(unit.entering(b, j, 0)), z = sigmoid(unit.entering(b, j, 1));
    unit.keep(b, j, 0, r);
    unit.products.set(b, unit.hidden + j, z);
    unit.operand.set(b, j, r * unit.h.get(b, j));
  });
}

void project(const CellStep& step, const Array& projected, const Array& y, const Array& state) {
  const Time time(step);
  const Plane from(projected), to(y), kept(state);
  const std::int64_t width = y.shape(1);
  each("recurrent_project", y.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    const std::int64_t b = i / width, p = i % width;
    const bool active = time.active(b);
    to.set(b, p, active ? from.get(b, p) : 0);
    if (active) kept.set(b, p, from.get(b, p));
  });
}

void cell_backward(const CellStep& step, const CellBackward& a) {
  const BackwardUnit unit(step, a);
  each("recurrent_backward", a.dh.shape(0) * unit.hidden, unit);
}

void cell_reset_backward(const CellStep& step, const CellBackward& a) {
  const BackwardUnit unit(step, a);
  each("recurrent_reset_backward", a.dh.elements(), [unit] JOIST_DEVICE(std::int64_t i) {
    const std::int64_t b = i / unit.hidden, j = i % unit.hidden;
    if (!unit.time.active(b)) return;
    const float r = unit.kept(b, j, 0), d = unit.dm.get(b, j);
    unit.give(b, j, 0, d * unit.h_before(b, j) * sigmoid_slope(r));
    unit.dh.set(b, j, unit.dh.get(b, j) + d * r);
  });
}

void take_gradient(const CellStep& step, const Array& dy, const Array& dh, const Array& d) {
  const Time time(step);
  const Plane more(dy), from(dh), to(d);
  const std::int64_t width = d.shape(1);
  each("recurrent_take_gradient", d.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    const std::int64_t b = i / width, p = i % width;
    if (!time.active(b)) return to.set(b, p, 0);
    to.set(b, p, from.get(b, p) + (more.defined() ? more.get(b, p) : 0));
    from.set(b, p, 0);
  });
}

void states_before(const CellStep& step, const Array& y, const Array& h0, const Array& before) {
  const Floats all(y), to(before);
  const Plane first(h0);
  const std::int64_t batch = y.shape(1), width = y.shape(2), s0 = y.strides()[0], s1 = y.strides()[1],
                     s2 = y.strides()[2];
  const Time whole(step);
  each("recurrent_states_before", before.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    const std::int64_t b = i / width % batch, p = i % width;
    Time time = whole;
    time.now = i / width / batch;
    float h = 0;
    if (time.begins(b))
      h = first.defined() ? first.get(b, p) : 0;
    else if (time.active(b))
      h = all[(time.reverse ? time.now + 1 : time.now - 1) * s0 + b * s1 + p * s2];
    to.set(i, h);
  });
}

}  // namespace joist::cuda
