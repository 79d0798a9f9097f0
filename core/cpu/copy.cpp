#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/functions.h>
#include <joist/core/cpu/half_matrix.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/strided.h>
#include <joist/core/cpu/typed.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <type_traits>

namespace joist {
namespace {

using Axis = StridedAxes::Axis;
constexpr std::int64_t piece = 16384;  // elements that one step of the outer loop moves, about

template <class To, class From>
To converted(From x) {
  if constexpr (std::is_same_v<To, bool>)
    return x != From{};
  else if constexpr ((std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>)&&!std::is_same_v<To, From>)
    return To(static_cast<float>(x));
  else
    return static_cast<To>(x);
}

// One element each way.
template <class To>
struct Assign {
  template <class From>
  void operator()(To& to, From from) const {
    to = converted<To>(from);
  }
};
template <class To>
struct Increase {
  template <class From>
  void operator()(To& to, From from) const {
    if constexpr (std::is_same_v<To, bool>)
      to = to || from != From{};
    else
      to = converted<To>(to + converted<To>(from));
  }
};

// A transposed matrix goes in pieces through a buffer, 16 by 16 where it is not narrower, so that whole cache lines are
// read on one side and written on the other. The pieces advance along the longer side: its lines are then walked in
// order.
template <class From, class To, class Move>
void move_transposed(const From* x, std::int64_t xc, std::int64_t rows, std::int64_t columns, To* y, std::int64_t yr,
                     std::int64_t yc, Move move) {
  constexpr std::int64_t size = 256;
  std::array<From, static_cast<std::size_t>(size)> buffer;
  const std::int64_t tall = std::min(rows, size / std::min<std::int64_t>(columns, 16));
  const std::int64_t height = columns < 16 ? tall : std::min<std::int64_t>(rows, 16),
                     width = std::min(columns, size / height);
  const auto piece_at = [&](std::int64_t top, std::int64_t left) {
    const std::int64_t h = std::min(height, rows - top), w = std::min(width, columns - left);
    for (std::int64_t i = 0; i < w; ++i) std::copy_n(x + top + (left + i) * xc, h, buffer.data() + i * height);
    To* to = y + top * yr + left * yc;
    for (std::int64_t r = 0; r < h; ++r)
      for (std::int64_t i = 0; i < w; ++i) move(to[r * yr + i * yc], buffer[static_cast<std::size_t>(i * height + r)]);
  };
  if (rows > columns) {
    for (std::int64_t left = 0; left < columns; left += width)
      for (std::int64_t top = 0; top < rows; top += height) piece_at(top, left);
  } else {
    for (std::int64_t top = 0; top < rows; top += height)
      for (std::int64_t left = 0; left < columns; left += width) piece_at(top, left);
  }
}

// A matrix of any strides.
template <class From, class To, class Move>
void move_matrix(const From* x, const Axis& row, const Axis& column, std::int64_t rows, std::int64_t columns, To* y,
                 Move move) {
  const auto [yr, xr] = std::pair(row.stride[0], row.stride[1]);
  const auto [yc, xc] = std::pair(column.stride[0], column.stride[1]);
  if (xr == 1 && xc != 1) return move_transposed(x, xc, rows, columns, y, yr, yc, move);
  for (std::int64_t r = 0; r < rows; ++r, x += xr, y += yr) {
    if (xc == 1 && yc == 1) {
      if constexpr (std::is_same_v<From, To> && std::is_same_v<Move, Assign<To>>) {
        if (columns >= 32) {
          std::memmove(y, x, static_cast<std::size_t>(columns) * sizeof(To));
          continue;
        }
      }
      if constexpr (std::is_same_v<From, float> && std::is_same_v<Move, Assign<BFloat16>>) {
        round_row(x, columns, y);
        continue;
      }
      if constexpr (std::is_same_v<From, BFloat16> && std::is_same_v<Move, Assign<float>>) {
        widen_row(x, columns, y);
        continue;
      }
      for (std::int64_t i = 0; i < columns; ++i) move(y[i], x[i]);
    } else if (xc == 0 && yc == 1) {
      const From value = *x;
      for (std::int64_t i = 0; i < columns; ++i) move(y[i], value);
    } else {
      for (std::int64_t i = 0; i < columns; ++i) move(y[i * yc], x[i * xc]);
    }
  }
}

template <class From, class To, class Move>
void move_array(const Array& from, const Array& to, Move move) {
  StridedAxes outer(to.shape(), {&to, &from});
  if (outer.empty()) return;
  const auto* x = static_cast<const From*>(from.raw());
  auto* y = static_cast<To*>(to.raw());
  // The axis along which x is gapless becomes the rows of the matrix, if it is not its columns already.
  for (int i = 0; i < outer.rank() - 2; ++i)
    if (outer[i].stride[1] == 1) {
      outer.move_innermost(i);
      outer.move_innermost(outer.rank() - 2);
      break;
    }
  Axis column{1, {1, 1}}, row{1, {}};
  if (outer.rank() > 0) column = outer.remove(outer.rank() - 1);
  if (outer.rank() > 0) row = outer.remove(outer.rank() - 1);
  const std::int64_t width = std::min(column.length, piece);
  const std::int64_t height = std::clamp<std::int64_t>(piece / width, 1, row.length);
  const std::int64_t across = (column.length + width - 1) / width, down = (row.length + height - 1) / height;
  parallel_for(outer.elements() * across * down, piece / (width * height), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t left = index % across * width, top = index / across % down * height;
      const StridedAxes::Offsets at = outer.offsets(index / across / down);
      move_matrix(x + at[1] + left * column.stride[1] + top * row.stride[1], row, column,
                  std::min(height, row.length - top), std::min(width, column.length - left),
                  y + at[0] + left * column.stride[0] + top * row.stride[0], move);
    }
  });
}

// Whether the innermost axis, as y lies, is gapless in both.
bool lies_alike(const Array& x, const Array& y) {
  const StridedAxes axes(y.shape(), {&y, &x});
  if (axes.rank() == 0) return false;
  const Axis& inner = axes[axes.rank() - 1];
  return inner.stride[0] == 1 && inner.stride[1] == 1 && inner.length >= 16;
}

template <class Visit>
void with_half(Dtype dtype, Visit&& visit) {
  dtype == Dtype::float16 ? visit(Float16{}) : visit(BFloat16{});
}

// From or to 16 bits: directly between halves and float32, else by way of float32.
template <class Move>
void copy_half(const Array& from, const Out& out, Move&& move) {
  const Array& to = out.array;
  if (from.dtype() == Dtype::float32) {
    with_half(to.dtype(), [&](auto wanted) { move(float{}, wanted); });
  } else if (to.dtype() == Dtype::float32) {
    with_half(from.dtype(), [&](auto type) { move(type, float{}); });
  } else if (from.dtype() == to.dtype()) {
    with_half(to.dtype(), [&](auto type) { move(type, type); });
  } else {
    const Array between = Array::empty(from.shape(), Dtype::float32, from.device());
    copy_array(from, {between});
    copy_array(between, out);
  }
}

}  // namespace

void fill_array(double value, const Array& y) {
  const auto fill = [&]<class To>(To) {
    To number = converted<To>(value);
    const Array one = Array::borrow(&number, {}, y.dtype(), nullptr);
    move_array<To, To>(one.expanded(y.shape()), y, Assign<To>{});
  };
  if (is_half(y.dtype())) return with_half(y.dtype(), fill);
  with_number(y.dtype(), "fill", fill);
}

void copy_array(const Array& x, const Out& out) {
  const Array from = x.expanded(out.array.shape());
  const Array& to = out.array;
  if (from.dtype() == to.dtype() && !out.accumulate) {
    // Slices of channels and large arrays: rows with gaps are foreseen, large outputs written past the caches.
    if (to.dtype() == Dtype::float32 && to.elements() >= piece && lies_alike(from, to)) {
      static const Unary same = Identity{};
      const BoundFunction bound = unary_value(same);
      return for_each_tile(bound.function, bound.parameters, {&from}, {to});
    }
    switch (size_of(to.dtype())) {
      case 1: return move_array<std::uint8_t, std::uint8_t>(from, to, Assign<std::uint8_t>{});
      case 2: return move_array<std::uint16_t, std::uint16_t>(from, to, Assign<std::uint16_t>{});
      case 4: return move_array<std::uint32_t, std::uint32_t>(from, to, Assign<std::uint32_t>{});
      default: return move_array<std::uint64_t, std::uint64_t>(from, to, Assign<std::uint64_t>{});
    }
  }
  if (from.dtype() == Dtype::float32 && to.dtype() == Dtype::float32) {
    static const Binary sum = Add{};
    const BoundFunction bound = binary_value(sum);
    return for_each_tile(bound.function, bound.parameters, {&to, &from}, {.array = to});
  }
  const auto move = [&]<class From, class To>(From, To) {
    if (out.accumulate)
      move_array<From, To>(from, to, Increase<To>{});
    else
      move_array<From, To>(from, to, Assign<To>{});
  };
  if (is_half(from.dtype()) || is_half(to.dtype())) return copy_half(from, out, move);
  with_number(from.dtype(), "copy", [&]<class From>(From type) {
    with_number(to.dtype(), "copy", [&]<class To>(To wanted) { move(type, wanted); });
  });
}

Array with_strides(const Array& x, const Strides& strides) {
  bool same = true;
  for (int i = 0; i < x.rank(); ++i) same = same && (x.shape(i) == 1 || x.strides()[i] == strides[i]);
  if (same) return x;
  const Array copy = Array::empty(x.shape(), x.dtype(), x.device()).strided(x.shape(), strides);
  copy_array(x, {.array = copy});
  return copy;
}

}  // namespace joist
