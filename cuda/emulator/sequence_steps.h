// The arithmetic of emulator/sequences.cpp: one sequence in one direction, step by step, in double.
#pragma once

#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/numbers.h>
#include <joist/cuda/sequences.h>

#include <cmath>
#include <utility>
#include <vector>

namespace joist::cuda::emulator {

using Vector = std::vector<double>;

/// Elements at an address of the GPU, or nothing at nullptr.
class Numbers {
 public:
  Numbers() = default;
  Numbers(const void* address, Dtype dtype) : place_(DeviceMemory::inside(address)), dtype_(dtype) {}
  bool exist() const { return place_ != nullptr; }
  double get(std::int64_t i) const { return load_number(dtype_, at(i)); }
  void set(std::int64_t i, double value) const { store_number(dtype_, at(i), value); }

 private:
  char* at(std::int64_t i) const { return place_ + i * static_cast<std::int64_t>(size_of(dtype_)); }
  char* place_ = nullptr;
  Dtype dtype_ = Dtype::float32;
};

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Where things lie: weights anywhere but one behind the other in the order of their names, biases first.
class Places {
 public:
  explicit Places(const SequenceShape& shape) : shape_(shape), gates_(gates_of(shape.cell)) {
    std::int64_t next = 5;
    for (std::int64_t direction = shape.directions() - 1; direction >= 0; --direction) {
      std::vector<WeightPlaces> parts(at(2 * gates_ + 1));
      const auto put = [&](WeightPlace& place, std::int64_t rows, std::int64_t columns) {
        place = {at(next) * size_of(shape.dtype), rows, columns};
        next += rows * columns + 3;
      };
      for (std::int64_t part = 2 * gates_ - 1; part >= 0; --part)
        if (shape.bias) put(parts[at(part)].bias, shape.hidden, 1);
      for (std::int64_t part = 2 * gates_ - 1; part >= 0; --part)
        put(parts[at(part)].matrix, shape.hidden, part < gates_ ? shape.in : shape.out);
      if (shape.out < shape.hidden) put(parts[at(2 * gates_)].matrix, shape.out, shape.hidden);
      all_.insert(all_.begin(), std::move(parts));
    }
    bytes_ = at(next) * size_of(shape.dtype);
  }
  const WeightPlaces& operator()(std::int64_t direction, std::int64_t part) const {
    return all_[at(direction)][at(part)];
  }
  std::size_t bytes() const { return bytes_; }

 private:
  SequenceShape shape_;
  std::int64_t gates_;
  std::vector<std::vector<WeightPlaces>> all_{};
  std::size_t bytes_ = 0;
};

// The reserve: how far the calls have come, then for every direction, step and sequence what forward and backward_data
// leave.
struct Reserve {
  static constexpr double filled = 41, data_done = 42, weights_done = 43;
  std::int64_t hidden, gates, out, steps, batch;
  Numbers numbers{};
  explicit Reserve(const SequenceShape& s)
      : hidden(s.hidden), gates(gates_of(s.cell)), out(s.out), steps(s.steps), batch(s.batch) {}
  std::int64_t row() const { return (5 + 2 * gates) * hidden + out; }
  std::size_t bytes(std::int64_t directions) const {
    return at(1 + directions * steps * batch * row()) * sizeof(float) + 3;
  }
  std::int64_t place(std::int64_t d, std::int64_t t, std::int64_t b) const {
    return 1 + ((d * steps + t) * batch + b) * row();
  }
};

// One direction of one sequence.
struct Sequence {
  const SequenceShape& shape;
  const Places& places;
  Reserve reserve;
  std::int64_t d, b, gates;
  Numbers x, y, h0, c0;
  const void* weights;

  std::int64_t length() const { return shape.lengths[at(b)]; }
  std::int64_t time(std::int64_t s) const { return d == 1 ? length() - 1 - s : s; }
  std::int64_t state(std::int64_t width, std::int64_t j) const { return (d * shape.batch + b) * width + j; }
  std::int64_t y_at(std::int64_t t, std::int64_t p) const {
    return (t * shape.batch + b) * shape.directions() * shape.out + d * shape.out + p;
  }
  std::int64_t x_at(std::int64_t t, std::int64_t k) const { return (t * shape.batch + b) * shape.in + k; }
  double rounded(double value) const { return shape.tf32 ? rounded_to_tf32(value) : value; }
  Numbers matrix(const void* space, std::int64_t part) const {
    return {static_cast<const char*>(space) + places(d, part).matrix.offset, shape.dtype};
  }
  Numbers bias(const void* space, std::int64_t part) const {
    return {static_cast<const char*>(space) + places(d, part).bias.offset, shape.dtype};
  }
  Vector start(const Numbers& from, std::int64_t width) const {
    Vector v(at(width));
    for (std::int64_t j = 0; from.exist() && j < width; ++j) v[at(j)] = from.get(state(width, j));
    return v;
  }
  Vector input(std::int64_t t) const {
    Vector v(at(shape.in));
    for (std::int64_t k = 0; k < shape.in; ++k) v[at(k)] = x.get(x_at(t, k));
    return v;
  }
  /// The state before step number s.
  Vector before(std::int64_t s) const {
    if (s == 0) return start(h0, shape.out);
    Vector v(at(shape.out));
    for (std::int64_t p = 0; p < shape.out; ++p) v[at(p)] = y.get(y_at(time(s - 1), p));
    return v;
  }
  /// weights of a part times v, and the bias.
  Vector product(std::int64_t part, const Vector& v) const {
    const WeightPlace& place = places(d, part).matrix;
    const Numbers w = matrix(weights, part);
    Vector result(at(place.rows));
    for (std::int64_t i = 0; i < place.rows; ++i) {
      for (std::int64_t k = 0; k < place.columns; ++k)
        result[at(i)] += rounded(w.get(i * place.columns + k)) * rounded(v[at(k)]);
      if (shape.bias && part < 2 * gates) result[at(i)] += bias(weights, part).get(i);
    }
    return result;
  }
  /// result += weightsᵀ of a part times v
  void add_transposed(std::int64_t part, const Vector& v, Vector& result) const {
    const WeightPlace& place = places(d, part).matrix;
    const Numbers w = matrix(weights, part);
    for (std::int64_t i = 0; i < place.rows; ++i)
      for (std::int64_t k = 0; k < place.columns; ++k)
        result[at(k)] += rounded(w.get(i * place.columns + k)) * rounded(v[at(i)]);
  }
  // Parts of the reserve: 0 … 4 of forward, then the gradients of the gates' two summands, then that of h.
  double kept(std::int64_t t, std::int64_t part, std::int64_t j) const {
    return reserve.numbers.get(reserve.place(d, t, b) + part * shape.hidden + j);
  }
  void keep(std::int64_t t, std::int64_t part, std::int64_t j, double value) const {
    if (reserve.numbers.exist()) reserve.numbers.set(reserve.place(d, t, b) + part * shape.hidden + j, value);
  }

  void forward_step(std::int64_t t, Vector& h, Vector& c) const {
    const Vector in = input(t);
    std::vector<Vector> from_x, from_h;
    for (std::int64_t q = 0; q < gates; ++q) {
      from_x.push_back(product(q, in));
      from_h.push_back(product(gates + q, h));
    }
    Vector next(at(shape.hidden));
    for (std::size_t j = 0; j < next.size(); ++j) {
      const auto unit = static_cast<std::int64_t>(j);
      const auto sum = [&](std::size_t q) { return from_x[q][j] + from_h[q][j]; };
      switch (shape.cell) {
        case Cell::tanh: next[j] = std::tanh(sum(0)); break;
        case Cell::relu: next[j] = sum(0) < 0 ? 0 : sum(0); break;
        case Cell::lstm: {
          const double i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = std::tanh(sum(2)), o = sigmoid(sum(3));
          keep(t, 0, unit, c[j]);
          c[j] = f * c[j] + i * g;
          next[j] = o * std::tanh(c[j]);
          keep(t, 1, unit, i);
          keep(t, 2, unit, f);
          keep(t, 3, unit, g);
          keep(t, 4, unit, o);
          break;
        }
        default: {
          const double r = sigmoid(sum(0)), z = sigmoid(sum(1)), n = std::tanh(from_x[2][j] + r * from_h[2][j]);
          next[j] = (1 - z) * n + z * h[j];
          keep(t, 0, unit, r);
          keep(t, 1, unit, z);
          keep(t, 2, unit, n);
          keep(t, 3, unit, from_h[2][j]);
          break;
        }
      }
    }
    h = shape.out < shape.hidden ? product(2 * gates, next) : next;
  }

  double cell_after(std::int64_t t, std::int64_t j) const {
    return kept(t, 2, j) * kept(t, 0, j) + kept(t, 1, j) * kept(t, 3, j);
  }
  /// From dh and dc after step number s to those before it; leaves the gates' gradients in the reserve.
  void backward_step(std::int64_t s, Vector& dh, Vector& dc, const Numbers& dx) const {
    const std::int64_t t = time(s);
    const Vector h = before(s);
    for (std::int64_t p = 0; p < shape.out; ++p)
      reserve.numbers.set(reserve.place(d, t, b) + (5 + 2 * gates) * shape.hidden + p, dh[at(p)]);
    Vector d_unit = dh, rest(at(shape.out));
    if (shape.out < shape.hidden) {
      d_unit.assign(at(shape.hidden), 0);
      add_transposed(2 * gates, dh, d_unit);
    }
    const auto give = [&](std::int64_t q, std::int64_t j, double gate, double product) {
      keep(t, 5 + q, j, gate);
      keep(t, 5 + gates + q, j, product);
    };
    for (std::int64_t j = 0; j < shape.hidden; ++j) {
      const double du = d_unit[at(j)];
      switch (shape.cell) {
        case Cell::tanh: {
          const double v = y.get(y_at(t, j)), g = du * (1 - v * v);
          give(0, j, g, g);
          break;
        }
        case Cell::relu: {
          const double g = y.get(y_at(t, j)) > 0 ? du : 0;
          give(0, j, g, g);
          break;
        }
        case Cell::lstm: {
          const double i = kept(t, 1, j), f = kept(t, 2, j), g = kept(t, 3, j), o = kept(t, 4, j),
                       tc = std::tanh(cell_after(t, j)), slope = dc[at(j)] + du * o * (1 - tc * tc);
          const double all[] = {slope * g * i * (1 - i), slope * kept(t, 0, j) * f * (1 - f), slope * i * (1 - g * g),
                                du * tc * o * (1 - o)};
          for (std::int64_t q = 0; q < 4; ++q) give(q, j, all[q], all[q]);
          dc[at(j)] = slope * f;
          break;
        }
        default: {
          const double r = kept(t, 0, j), z = kept(t, 1, j), n = kept(t, 2, j), dn = du * (1 - z) * (1 - n * n),
                       dr = dn * kept(t, 3, j) * r * (1 - r), dz = du * (h[at(j)] - n) * z * (1 - z);
          give(0, j, dr, dr);
          give(1, j, dz, dz);
          give(2, j, dn, dn * r);
          rest[at(j)] = du * z;
          break;
        }
      }
    }
    Vector d_in(at(shape.in));
    for (std::int64_t q = 0; q < gates; ++q) {
      add_transposed(q, slopes(t, 5 + q), d_in);
      add_transposed(gates + q, slopes(t, 5 + gates + q), rest);
    }
    for (std::int64_t k = 0; k < shape.in; ++k) dx.set(x_at(t, k), dx.get(x_at(t, k)) + d_in[at(k)]);
    dh = rest;
  }
  Vector slopes(std::int64_t t, std::int64_t part) const {
    Vector v(at(shape.hidden));
    for (std::int64_t j = 0; j < shape.hidden; ++j) v[at(j)] = kept(t, part, j);
    return v;
  }

  void add_weights(const void* dweights, std::int64_t part, const Vector& slope, const Vector& operand) const {
    const Numbers dw = matrix(dweights, part);
    const auto columns = static_cast<std::int64_t>(operand.size());
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(slope.size()); ++i) {
      for (std::int64_t k = 0; k < columns; ++k)
        dw.set(i * columns + k, dw.get(i * columns + k) + rounded(slope[at(i)]) * rounded(operand[at(k)]));
      if (!shape.bias || part == 2 * gates) continue;
      const Numbers db = bias(dweights, part);
      db.set(i, db.get(i) + slope[at(i)]);
    }
  }
  void weights_step(const void* dweights, std::int64_t s) const {
    const std::int64_t t = time(s);
    for (std::int64_t q = 0; q < gates; ++q) {
      add_weights(dweights, q, slopes(t, 5 + q), input(t));
      add_weights(dweights, gates + q, slopes(t, 5 + gates + q), before(s));
    }
    if (shape.out == shape.hidden) return;
    Vector unit(at(shape.hidden)), dh(at(shape.out));
    for (std::int64_t j = 0; j < shape.hidden; ++j) unit[at(j)] = kept(t, 4, j) * std::tanh(cell_after(t, j));
    for (std::int64_t p = 0; p < shape.out; ++p)
      dh[at(p)] = reserve.numbers.get(reserve.place(d, t, b) + (5 + 2 * gates) * shape.hidden + p);
    add_weights(dweights, 2 * gates, dh, unit);
  }
};

}  // namespace joist::cuda::emulator
