// Integer and bool arrays: the arithmetic that indices and masks need. Overflow wraps around.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace joist {
namespace {

template <class T>
using Wrapping = std::make_unsigned_t<T>;

template <class T>
T floor_quotient(T a, T b) {
  if (b == 0)
    throw DataError({.where = "integer division", .what = "a divisor of 0", .expected = "divisors that are not 0"});
  if (std::is_signed_v<T> && b == static_cast<T>(-1))
    return static_cast<T>(Wrapping<T>{0} - static_cast<Wrapping<T>>(a));
  const T quotient = static_cast<T>(a / b);
  return static_cast<T>(quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0));
}

template <class T>
T truncated_quotient(T a, T b) {
  const T floor = floor_quotient(a, b);
  // One more where the floor lies below a quotient that is negative and not whole.
  const bool whole = static_cast<Wrapping<T>>(floor) * static_cast<Wrapping<T>>(b) == static_cast<Wrapping<T>>(a);
  return static_cast<T>(floor + (floor < 0 && !whole ? 1 : 0));
}

template <class T>
T power(T base, T exponent) {
  if (exponent < 0)
    return static_cast<T>(base == 1 ? 1 : base == static_cast<T>(-1) ? (exponent % 2 == 0 ? 1 : -1) : 0);
  Wrapping<T> result = 1, factor = static_cast<Wrapping<T>>(base);
  for (auto left = static_cast<Wrapping<T>>(exponent); left != 0; left = static_cast<Wrapping<T>>(left >> 1)) {
    if ((left & 1) != 0) result = static_cast<Wrapping<T>>(result * factor);
    factor = static_cast<Wrapping<T>>(factor * factor);
  }
  return static_cast<T>(result);
}

// A whole number as T, the nearest one where T has not that many.
template <class T>
T bound(double whole) {
  using Limits = std::numeric_limits<T>;
  if (!(whole > static_cast<double>(Limits::min()))) return Limits::min();
  if (whole >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<T>(whole);
}

[[noreturn]] void no_integer_function(const char* where) {
  throw DtypeError({.where = where,
                    .what = "this function of integers",
                    .expected = "a floating-point tensor",
                    .remedy = "convert with to(x, Dtype::float32)"});
}

// One function of two integers; those that have none throw before any work.
template <class T, class F>
T value_of(const F&, T a, T b) {
  const auto p = static_cast<Wrapping<T>>(a), q = static_cast<Wrapping<T>>(b);
  if constexpr (std::is_same_v<F, Add>) return static_cast<T>(p + q);
  if constexpr (std::is_same_v<F, Subtract>) return static_cast<T>(p - q);
  if constexpr (std::is_same_v<F, Multiply>) return static_cast<T>(p * q);
  if constexpr (std::is_same_v<F, Maximum> || std::is_same_v<F, NumberMaximum>) return std::max(a, b);
  if constexpr (std::is_same_v<F, Minimum> || std::is_same_v<F, NumberMinimum>) return std::min(a, b);
  if constexpr (std::is_same_v<F, FloorDivide>) return floor_quotient(a, b);
  if constexpr (std::is_same_v<F, Remainder>) {
    return static_cast<T>(p - static_cast<Wrapping<T>>(floor_quotient(a, b)) * q);
  }
  if constexpr (std::is_same_v<F, TruncatedDivide>) return truncated_quotient(a, b);
  if constexpr (std::is_same_v<F, TruncatedRemainder>) {
    return static_cast<T>(p - static_cast<Wrapping<T>>(truncated_quotient(a, b)) * q);
  }
  if constexpr (std::is_same_v<F, PowerOf>) return power(a, b);
  return a;
}

template <class F>
constexpr bool has_integers =
    std::is_same_v<F, Add> || std::is_same_v<F, Subtract> || std::is_same_v<F, Multiply> ||
    std::is_same_v<F, Maximum> || std::is_same_v<F, Minimum> || std::is_same_v<F, NumberMaximum> ||
    std::is_same_v<F, NumberMinimum> || std::is_same_v<F, FloorDivide> || std::is_same_v<F, Remainder> ||
    std::is_same_v<F, TruncatedDivide> || std::is_same_v<F, TruncatedRemainder> || std::is_same_v<F, PowerOf>;

void binary(const Binary& function, const Array& a, const Array& b, const Out& out) {
  const Array left = a.expanded(out.array.shape()), right = b.expanded(out.array.shape());
  write_or_add(out, [&](const Array& y) {
    std::visit(
        [&]<class F>(const F& f) {
          if constexpr (has_integers<F>) {
            with_integer(y.dtype(), "arithmetic", [&]<class T>(T) {
              const T *p = left.data<T>(), *q = right.data<T>();
              T* to = y.data<T>();
              for_each_element(y.shape(), {&y, &left, &right},
                               [&](const StridedAxes::Offsets& at) { to[at[0]] = value_of(f, p[at[1]], q[at[2]]); });
            });
          } else {
            no_integer_function("arithmetic");
          }
        },
        function);
  });
}

void unary(const Unary& function, const Array& x, const Out& out) {
  write_or_add(out, [&](const Array& y) {
    std::visit(
        [&]<class F>(const F& f) {
          if constexpr (std::is_same_v<F, Identity> || std::is_same_v<F, Absolute> || std::is_same_v<F, Square> ||
                        std::is_same_v<F, Sign> || std::is_same_v<F, Affine> || std::is_same_v<F, Clamp> ||
                        std::is_same_v<F, Relu> || std::is_same_v<F, Threshold>) {
            with_integer(y.dtype(), "unary", [&]<class T>(T) {
              const T* from = x.data<T>();
              T* to = y.data<T>();
              for_each_element(y.shape(), {&y, &x}, [&](const StridedAxes::Offsets& at) {
                const T v = from[at[1]];
                const auto bits = static_cast<Wrapping<T>>(v);
                if constexpr (std::is_same_v<F, Identity>) to[at[0]] = v;
                if constexpr (std::is_same_v<F, Absolute>)
                  to[at[0]] = v < 0 ? static_cast<T>(Wrapping<T>{0} - bits) : v;
                if constexpr (std::is_same_v<F, Square>) to[at[0]] = static_cast<T>(bits * bits);
                if constexpr (std::is_same_v<F, Sign>) to[at[0]] = static_cast<T>((v > 0) - (v < 0));
                if constexpr (std::is_same_v<F, Relu>) to[at[0]] = v > 0 ? v : T{0};
                if constexpr (std::is_same_v<F, Threshold>)
                  to[at[0]] = static_cast<double>(v) > f.threshold ? v : static_cast<T>(f.value);
                if constexpr (std::is_same_v<F, Affine>)
                  to[at[0]] = static_cast<T>(static_cast<double>(f.scale) * static_cast<double>(v) +
                                             static_cast<double>(f.shift));
                if constexpr (std::is_same_v<F, Clamp>)
                  to[at[0]] = std::min(std::max(v, bound<T>(std::ceil(f.low))), bound<T>(std::floor(f.high)));
              });
            });
          } else {
            no_integer_function("unary");
          }
        },
        function);
  });
}

void sum(const Array& x, double scale, const Out& out) {
  if (scale != 1) no_integer_function("mean");
  if (!out.accumulate) fill_array(0, out.array);
  with_number(x.dtype(), "sum", [&]<class From>(From) {
    with_integer(out.array.dtype(), "sum", [&]<class To>(To) {
      const Array y = out.array.expanded(x.shape());
      const From* from = x.data<From>();
      To* to = y.data<To>();
      // One thread: totals are broadcast over the elements that they add up.
      for_each_index(x.shape(), [&](const Shape& index) {
        To& total = to[offset_of(index, y.strides())];
        total = static_cast<To>(static_cast<Wrapping<To>>(total) +
                                static_cast<Wrapping<To>>(static_cast<To>(from[offset_of(index, x.strides())])));
      });
    });
  });
}

template <bool largest>
void extreme(const Array& x, int axis, const Out& out, const Array& index) {
  write_or_add(out, [&](const Array& y) {
    with_integer(x.dtype(), "maximum", [&]<class T>(T) {
      const T* from = x.data<T>();
      T* to = y.data<T>();
      auto* where = index.data<std::int64_t>();
      const std::int64_t length = x.shape(axis), step = x.strides()[axis];
      for_each_line(x.shape(), axis, {&y, &x, &index}, 4096 / std::max<std::int64_t>(1, length),
                    [&](const StridedAxes::Offsets& at) {
                      std::int64_t best = 0;
                      for (std::int64_t i = 1; i < length; ++i) {
                        const T challenger = from[at[1] + i * step], holder = from[at[1] + best * step];
                        if (largest ? challenger > holder : challenger < holder) best = i;
                      }
                      to[at[0]] = from[at[1] + best * step];
                      where[at[2]] = best;
                    });
    });
  });
}

void matrix_product(const Array& a, const Array& b, const Array& bias, const Out& out) {
  // For each element of y the row of a and the column of b that make it.
  const auto first_of = [&](const Array& x, int axis) {
    return x.strided(x.shape().with(axis, 1), x.strides()).expanded(out.array.shape());
  };
  const Array rows = first_of(a, -1), columns = first_of(b, -2);
  const std::int64_t depth = a.shape(-1), along = a.strides()[-1], down = b.strides()[-2];
  write_or_add(out, [&](const Array& y) {
    const Array shift = bias.defined() ? bias.expanded(y.shape()) : columns;
    with_integer(y.dtype(), "matmul", [&]<class T>(T) {
      const T *p = a.data<T>(), *q = b.data<T>(), *extra = shift.data<T>();
      T* to = y.data<T>();
      for_each_element(y.shape(), {&y, &rows, &columns, &shift}, [&](const StridedAxes::Offsets& at) {
        std::uint64_t total = bias.defined() ? static_cast<std::uint64_t>(extra[at[3]]) : 0;
        for (std::int64_t k = 0; k < depth; ++k)
          total += static_cast<std::uint64_t>(p[at[1] + k * along]) * static_cast<std::uint64_t>(q[at[2] + k * down]);
        to[at[0]] = static_cast<T>(total);
      });
    });
  });
}

}  // namespace

void fill_integers(Kernels& table) {
  table.elementwise.unary = unary;
  table.elementwise.binary = binary;
  table.reduction.sum = sum;
  table.reduction.maximum = extreme<true>;
  table.reduction.minimum = extreme<false>;
  table.matmul.product = matrix_product;
}

}  // namespace joist
