// What the forward and the backward of a recurrent layer share: sizes, the order of time, memory, division of the work.
#pragma once

#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/half_matrix.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/recurrent_cells.h>

#include <algorithm>
#include <vector>

namespace joist::recurrent {

// The array itself, or a copy, without gaps in row-major order; undefined stays undefined.
inline Array dense(const Array& x) {
  if (!x.defined()) return x;
  x.require_dtype(Dtype::float32);
  return with_strides(x, row_major(x.shape()));
}

inline const float* numbers(const Array& x) { return x.defined() ? x.data<float>() : nullptr; }

// A state to begin with, in memory of its own.
inline Array state_from(const Array& start, const Shape& shape) {
  const Array state = Array::empty(shape);
  if (start.defined())
    copy_array(start, {state});
  else
    fill_array(0, state);
  return state;
}

// Where to write an array that has any strides, or none: itself if it is dense and to be overwritten, else a temporary
// that finish() copies.
class Destination {
 public:
  Destination(const Out& out, const Shape& shape) : out_(out) {
    const bool direct = out.array.defined() && !out.accumulate && out.array.is_row_major();
    if (out.array.defined()) out.array.require_dtype(Dtype::float32);
    array = direct ? out.array : Array::empty(shape);
  }
  void finish() const {
    if (out_.array.defined() && array.raw() != out_.array.raw()) copy_array(array, out_);
  }
  Array array;

 private:
  Out out_;
};

// Sizes, lengths, and the order of time.
class Walk {
 public:
  Walk(const RecurrentOptions& given, const RecurrentArguments& arguments, const Shape& y)
      : options(given),
        steps(y[0]),
        batch(y[1]),
        out(y[2]),
        wide(arguments.w_hh.shape(0)),
        hidden(wide / gates_of(given.cell)),
        kept(reserve_of(given.cell) * hidden),
        lengths(static_cast<std::size_t>(batch), steps),
        live(static_cast<std::size_t>(steps), batch) {
    if (!arguments.lengths.defined()) return;
    lengths = arguments.lengths.to_vector<std::int64_t>();
    for (std::int64_t t = 0; t < steps; ++t) {
      std::int64_t rows = batch;
      while (rows > 0 && lengths[static_cast<std::size_t>(rows - 1)] <= t) --rows;
      live[static_cast<std::size_t>(t)] = rows;
    }
  }
  // The place in time of step s of the direction's order.
  std::int64_t time(std::int64_t s) const { return options.reverse ? steps - 1 - s : s; }
  // Rows at and after which no sequence has this step.
  std::int64_t rows(std::int64_t t) const { return live[static_cast<std::size_t>(t)]; }
  CellStep step(std::int64_t t, std::int64_t first, std::int64_t last) const {
    return {options.cell, t, batch, hidden, first, last, lengths.data(), options.reverse};
  }
  bool active(std::int64_t t, std::int64_t b) const { return t < lengths[static_cast<std::size_t>(b)]; }
  bool begins(std::int64_t t, std::int64_t b) const {
    return t == (options.reverse ? lengths[static_cast<std::size_t>(b)] - 1 : 0);
  }

  RecurrentOptions options;
  std::int64_t steps, batch, out, wide, hidden, kept;
  std::vector<std::int64_t> lengths, live;
};

// Weights that every step multiplies with: in bfloat16 where they are given so, the operand too.
class StepWeights {
 public:
  struct Operand {
    const float* numbers = nullptr;
    std::int64_t row = 0;
    const BFloat16* rounded = nullptr;  // read instead where weights are bfloat16
    std::int64_t rounded_row = 0;
  };

  StepWeights() = default;
  explicit StepWeights(const Array& b) : rounded_(b.dtype() == Dtype::bfloat16) {
    if (rounded_)
      half_ = HalfMatrix(b);
    else
      single_ = PackedMatrix(b);
  }
  std::int64_t depth() const { return rounded_ ? half_.depth() : single_.depth(); }
  /// As PackedMatrix::multiply.
  void multiply(const Operand& a, std::int64_t rows, float* y, std::int64_t y_row, std::int64_t first,
                std::int64_t last, bool accumulate) const {
    if (rounded_)
      half_.multiply(a.rounded, a.rounded_row, rows, y, y_row, first, last, accumulate);
    else
      single_.multiply(a.numbers, a.row, rows, y, y_row, first, last, accumulate);
  }

 private:
  PackedMatrix single_{};
  HalfMatrix half_{};
  bool rounded_ = false;
};

// The operands of such products in bfloat16: [rows, columns], and zeros up to the length that a product reads.
class RoundedRows {
 public:
  RoundedRows() = default;
  RoundedRows(std::int64_t rows, std::int64_t columns)
      : row_(HalfMatrix::row_of(columns)), array_(Array::empty({rows, row_}, Dtype::bfloat16)) {
    if (columns % 32 != 0) fill_array(0, array_);
  }
  bool exist() const { return array_.defined(); }
  BFloat16* at(std::int64_t i) const { return exist() ? array_.data<BFloat16>() + i * row_ : nullptr; }
  std::int64_t row() const { return row_; }
  /// Columns first … last - 1 of rows from `top` on.
  void take(const float* from, std::int64_t from_row, std::int64_t top, std::int64_t rows, std::int64_t first,
            std::int64_t last) const {
    for (std::int64_t i = 0; exist() && i < rows; ++i)
      round_row(from + i * from_row + first, last - first, at(top + i) + first);
  }
  Array columns(std::int64_t count) const { return array_.sliced(1, 0, count); }

 private:
  std::int64_t row_ = 0;
  Array array_{};
};

// Whether the products of the steps are in bfloat16.
inline bool in_half(const RecurrentOptions& options, const RecurrentArguments& a) {
  if (a.w_hh.dtype() != Dtype::bfloat16) return false;
  if (options.cell == Cell::gru_before || a.w_hr.defined())
    throw UnsupportedError({.where = "recurrent",
                            .what = "unsupported: weights in bfloat16 beside float32 with a projection or reset_after "
                                    "false",
                            .remedy = "all of them in float32"});
  return true;
}

// body(first panel, last panel, first column, last column) for the parts of `columns` that a product with some hundred
// thousand multiplications per part divides into.
template <class Body>
void over_columns(std::int64_t columns, std::int64_t work_per_column, Body&& body) {
  const std::int64_t width = PackedMatrix::panel_columns();
  parallel_for(
      (columns + width - 1) / width, 1 + 100000 / (1 + width * work_per_column),
      [&](std::int64_t begin, std::int64_t end) { body(begin, end, begin * width, std::min(end * width, columns)); });
}

inline float* at(const Array& x, std::int64_t row, std::int64_t width) {
  return x.defined() ? x.data<float>() + row * width : nullptr;
}

void backward(const RecurrentOptions& options, const RecurrentArguments& arguments, const RecurrentSaved& saved,
              const RecurrentGradients& gradients, const RecurrentOuts& outs);

}  // namespace joist::recurrent
