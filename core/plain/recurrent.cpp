// One sequence after the other, one step after the other, one hidden unit after the other.
#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

using Vector = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Sizes and one sequence's place in them.
struct Layer {
  Layer(const RecurrentOptions& given, const RecurrentArguments& a, const Array& y)
      : options(given),
        weights(a),
        steps(y.shape(0)),
        batch(y.shape(1)),
        out(y.shape(2)),
        rows(a.w_hh.shape(0)),
        hidden(rows / gates_of(given.cell)) {}

  std::int64_t length(std::int64_t b) const {
    return weights.lengths.defined() ? at<std::int64_t>(weights.lengths, {b}) : steps;
  }
  // The place in time of the sequence's step number s.
  std::int64_t time(std::int64_t b, std::int64_t s) const { return options.reverse ? length(b) - 1 - s : s; }
  double bias(std::int64_t row) const { return weights.b_hh.defined() ? at(weights.b_hh, {row}) : 0; }
  // Row of w_hh times h, and the bias.
  double recurrent(std::int64_t row, const Vector& h) const {
    double sum = bias(row);
    for (std::int64_t p = 0; p < out; ++p) sum += at(weights.w_hh, {row, p}) * h[static_cast<std::size_t>(p)];
    return sum;
  }
  Vector start(const Array& state, std::int64_t b, std::int64_t size) const {
    Vector v(static_cast<std::size_t>(size));
    for (std::int64_t k = 0; k < size; ++k) v[static_cast<std::size_t>(k)] = state.defined() ? at(state, {b, k}) : 0;
    return v;
  }

  RecurrentOptions options;
  const RecurrentArguments& weights;
  std::int64_t steps, batch, out, rows, hidden;
};

void keep(const Array& reserve, std::int64_t t, std::int64_t b, std::int64_t k, double value) {
  if (reserve.defined()) at(reserve, {t, b, k}) = value;
}

void store(const Array& last, std::int64_t b, const Vector& state) {
  if (!last.defined()) return;
  for (std::int64_t k = 0; k < last.shape(1); ++k) at(last, {b, k}) = state[static_cast<std::size_t>(k)];
}

// h and c of sequence b from before to after the step at time t.
void forward_step(const Layer& layer, const RecurrentResults& results, std::int64_t t, std::int64_t b, Vector& h,
                  Vector& c) {
  const std::int64_t hidden = layer.hidden;
  const auto gate = [&](std::int64_t row) { return at(layer.weights.gates, {t, b, row}); };
  Vector next(static_cast<std::size_t>(hidden)), reset_h = h;
  if (layer.options.cell == Cell::gru_before)
    for (std::int64_t j = 0; j < hidden; ++j)
      reset_h[static_cast<std::size_t>(j)] *= sigmoid(gate(j) + layer.recurrent(j, h));
  for (std::int64_t j = 0; j < hidden; ++j) {
    const auto k = static_cast<std::size_t>(j);
    switch (layer.options.cell) {
      case Cell::tanh: next[k] = std::tanh(gate(j) + layer.recurrent(j, h)); break;
      case Cell::relu: {
        const double sum = gate(j) + layer.recurrent(j, h);
        next[k] = sum < 0 ? 0 : sum;  // NaN stays
        break;
      }
      case Cell::lstm: {
        double g[4];
        for (int q = 0; q < 4; ++q) {
          const double sum = gate(q * hidden + j) + layer.recurrent(q * hidden + j, h);
          g[q] = q == 2 ? std::tanh(sum) : sigmoid(sum);
          keep(results.reserve, t, b, q * hidden + j, g[q]);
        }
        c[k] = g[1] * c[k] + g[0] * g[2];
        keep(results.reserve, t, b, 4 * hidden + j, c[k]);
        next[k] = g[3] * std::tanh(c[k]);
        break;
      }
      case Cell::gru:
      case Cell::gru_before: {
        const double r = sigmoid(gate(j) + layer.recurrent(j, h));
        const double z = sigmoid(gate(hidden + j) + layer.recurrent(hidden + j, h));
        const bool before = layer.options.cell == Cell::gru_before;
        const double m = layer.recurrent(2 * hidden + j, before ? reset_h : h);
        const double n = std::tanh(gate(2 * hidden + j) + (before ? m : r * m));
        keep(results.reserve, t, b, j, r);
        keep(results.reserve, t, b, hidden + j, z);
        keep(results.reserve, t, b, 2 * hidden + j, n);
        if (!before) keep(results.reserve, t, b, 3 * hidden + j, m);
        next[k] = (1 - z) * n + z * h[k];
        break;
      }
    }
  }
  if (layer.weights.w_hr.defined()) {
    Vector projected(static_cast<std::size_t>(layer.out));
    for (std::int64_t p = 0; p < layer.out; ++p)
      for (std::int64_t j = 0; j < hidden; ++j)
        projected[static_cast<std::size_t>(p)] += at(layer.weights.w_hr, {p, j}) * next[static_cast<std::size_t>(j)];
    next = projected;
  }
  h = next;
}

void forward(const RecurrentOptions& options, const RecurrentArguments& arguments, const RecurrentResults& results) {
  const Layer layer(options, arguments, results.y);
  for (std::int64_t b = 0; b < layer.batch; ++b) {
    Vector h = layer.start(arguments.h0, b, layer.out), c = layer.start(arguments.c0, b, layer.hidden);
    for (std::int64_t s = 0; s < layer.length(b); ++s) {
      const std::int64_t t = layer.time(b, s);
      forward_step(layer, results, t, b, h, c);
      for (std::int64_t p = 0; p < layer.out; ++p) at(results.y, {t, b, p}) = h[static_cast<std::size_t>(p)];
    }
    for (std::int64_t t = layer.length(b); t < layer.steps; ++t) {
      for (std::int64_t p = 0; p < layer.out; ++p) at(results.y, {t, b, p}) = 0;
      if (results.reserve.defined())
        for (std::int64_t k = 0; k < results.reserve.shape(2); ++k) at(results.reserve, {t, b, k}) = 0;
    }
    store(results.h_last, b, h);
    store(results.c_last, b, c);
  }
}

// Sums over all sequences and steps.
struct Sums {
  Array dgates, dw_hh, db_hh, dw_hr, dh0, dc0;
};

// From gradients after the step at time t (dh whole, of y too) to those before it.
void backward_step(const Layer& layer, const RecurrentSaved& saved, std::int64_t t, std::int64_t b,
                   const Vector& h_before, const Vector& c_before, const Sums& sums, Vector& dh, Vector& dc) {
  const std::int64_t hidden = layer.hidden;
  const auto kept = [&](std::int64_t part, std::int64_t j) { return at(saved.reserve, {t, b, part * hidden + j}); };
  Vector dm = dh;  // of the hidden units before the projection
  if (layer.weights.w_hr.defined()) {
    dm.assign(static_cast<std::size_t>(hidden), 0);
    for (std::int64_t j = 0; j < hidden; ++j)
      for (std::int64_t p = 0; p < layer.out; ++p) {
        const double d = dh[static_cast<std::size_t>(p)];
        dm[static_cast<std::size_t>(j)] += d * at(layer.weights.w_hr, {p, j});
        at(sums.dw_hr, {p, j}) += d * kept(3, j) * std::tanh(kept(4, j));
      }
  }
  // Of the sums that enter the gates: from the inputs' side, and as w_hh's product sees them (gru scales one by r).
  Vector dg(static_cast<std::size_t>(layer.rows)), dr(static_cast<std::size_t>(hidden));
  Vector dh_before(static_cast<std::size_t>(layer.out));
  const auto set = [&](std::int64_t part, std::int64_t j, double value) {
    dg[static_cast<std::size_t>(part * hidden + j)] = value;
  };
  for (std::int64_t j = 0; j < hidden; ++j) {
    const auto k = static_cast<std::size_t>(j);
    const double d = dm[k];
    switch (layer.options.cell) {
      case Cell::tanh: set(0, j, d * (1 - at(saved.y, {t, b, j}) * at(saved.y, {t, b, j}))); break;
      case Cell::relu: set(0, j, at(saved.y, {t, b, j}) > 0 ? d : 0); break;
      case Cell::lstm: {
        const double i = kept(0, j), f = kept(1, j), g = kept(2, j), o = kept(3, j), t_c = std::tanh(kept(4, j));
        const double dcell = dc[k] + d * o * (1 - t_c * t_c);
        set(0, j, dcell * g * i * (1 - i));
        set(1, j, dcell * c_before[k] * f * (1 - f));
        set(2, j, dcell * i * (1 - g * g));
        set(3, j, d * t_c * o * (1 - o));
        dc[k] = dcell * f;
        break;
      }
      case Cell::gru:
      case Cell::gru_before: {
        const double r = kept(0, j), z = kept(1, j), n = kept(2, j), dn = d * (1 - z) * (1 - n * n);
        if (layer.options.cell == Cell::gru) set(0, j, dn * kept(3, j) * r * (1 - r));
        set(1, j, d * (h_before[k] - n) * z * (1 - z));
        set(2, j, dn);
        dh_before[k] = d * z;
        break;
      }
    }
  }
  const bool gru = layer.options.cell == Cell::gru, before = layer.options.cell == Cell::gru_before;
  if (before)
    for (std::int64_t p = 0; p < hidden; ++p) {  // through r · h, the operand of w_n
      double d = 0;
      for (std::int64_t j = 0; j < hidden; ++j)
        d += dg[static_cast<std::size_t>(2 * hidden + j)] * at(layer.weights.w_hh, {2 * hidden + j, p});
      const double r = kept(0, p);
      set(0, p, d * h_before[static_cast<std::size_t>(p)] * r * (1 - r));
      dh_before[static_cast<std::size_t>(p)] += d * r;
    }
  for (std::int64_t row = 0; row < layer.rows; ++row) {
    const bool candidate = row >= 2 * hidden;
    at(sums.dgates, {t, b, row}) = dg[static_cast<std::size_t>(row)];
    const double d = dg[static_cast<std::size_t>(row)] * (gru && candidate ? kept(0, row - 2 * hidden) : 1);
    at(sums.db_hh, {row}) += d;
    for (std::int64_t p = 0; p < layer.out; ++p) {
      const double h = h_before[static_cast<std::size_t>(p)];
      at(sums.dw_hh, {row, p}) += d * (before && candidate ? kept(0, p) * h : h);
      if (!(before && candidate)) dh_before[static_cast<std::size_t>(p)] += d * at(layer.weights.w_hh, {row, p});
    }
  }
  dh = dh_before;
}

void backward(const RecurrentOptions& options, const RecurrentArguments& arguments, const RecurrentSaved& saved,
              const RecurrentGradients& gradients, const RecurrentOuts& outs) {
  const Layer layer(options, arguments, saved.y);
  const Sums sums{zeros({layer.steps, layer.batch, layer.rows}),
                  zeros(arguments.w_hh.shape()),
                  zeros({layer.rows}),
                  zeros({layer.out, layer.hidden}),
                  zeros({layer.batch, layer.out}),
                  zeros({layer.batch, layer.hidden})};
  for (std::int64_t b = 0; b < layer.batch; ++b) {
    Vector dh = layer.start(gradients.dh_last, b, layer.out), dc = layer.start(gradients.dc_last, b, layer.hidden);
    for (std::int64_t s = layer.length(b) - 1; s >= 0; --s) {
      const std::int64_t t = layer.time(b, s), earlier = layer.time(b, s - 1);
      Vector h_before = layer.start(arguments.h0, b, layer.out), c_before = layer.start(arguments.c0, b, layer.hidden);
      for (std::int64_t p = 0; p < layer.out && s > 0; ++p)
        h_before[static_cast<std::size_t>(p)] = at(saved.y, {earlier, b, p});
      for (std::int64_t j = 0; j < layer.hidden && s > 0 && options.cell == Cell::lstm; ++j)
        c_before[static_cast<std::size_t>(j)] = at(saved.reserve, {earlier, b, 4 * layer.hidden + j});
      for (std::int64_t p = 0; p < layer.out && gradients.dy.defined(); ++p)
        dh[static_cast<std::size_t>(p)] += at(gradients.dy, {t, b, p});
      backward_step(layer, saved, t, b, h_before, c_before, sums, dh, dc);
    }
    store(sums.dh0, b, dh);
    store(sums.dc0, b, dc);
  }
  put(outs.dgates, sums.dgates);
  put(outs.dw_hh, sums.dw_hh);
  put(outs.db_hh, sums.db_hh);
  put(outs.dw_hr, sums.dw_hr);
  put(outs.dh0, sums.dh0);
  put(outs.dc0, sums.dc0);
}

}  // namespace

void fill(RecurrentKernels& kernels) {
  kernels.forward = forward;
  kernels.backward = backward;
}

}  // namespace joist::plain
