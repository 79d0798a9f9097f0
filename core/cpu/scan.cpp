// Running totals: lines in parallel, each walked once. Totals of floating-point numbers are kept in double.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

namespace joist {
namespace {

// What totals are kept in: integers wrap around.
template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

template <class T>
void write(T& element, Total<T> value, bool accumulate) {
  const T rounded = static_cast<T>(value);
  if constexpr (std::is_floating_point_v<T>) {
    element = accumulate ? element + rounded : rounded;
  } else {
    element = static_cast<T>(accumulate ? static_cast<Total<T>>(element) + value : value);
  }
}

std::int64_t lines_per_thread(std::int64_t length) { return 4096 / std::max<std::int64_t>(1, length); }

// body(y, x) with pointers to the first elements of each pair of lines.
template <class T, class Body>
void scan_lines(const Array& x, int axis, const Array& y, const Body& body) {
  const T* from = x.data<T>();
  T* to = y.data<T>();
  for_each_line(x.shape(), axis, {&y, &x}, lines_per_thread(x.shape(axis)),
                [&](const StridedAxes::Offsets& at) { body(to + at[0], from + at[1]); });
}

template <class T>
struct Sum {
  static constexpr Total<T> start = 0;
  Total<T> operator()(Total<T> a, T b) const { return a + static_cast<Total<T>>(b); }
};
template <class T>
struct Product {
  static constexpr Total<T> start = 1;
  Total<T> operator()(Total<T> a, T b) const { return a * static_cast<Total<T>>(b); }
};

template <template <class> class Combine>
void running(const char* name, const Array& x, int axis, bool reverse, const Out& out) {
  const Array& y = out.array;
  const auto scan = [&]<class T>(T) {
    const std::int64_t n = x.shape(axis), ys = y.strides()[axis], xs = x.strides()[axis];
    scan_lines<T>(x, axis, y, [&](T* to, const T* from) {
      Total<T> total = Combine<T>::start;
      for (std::int64_t k = 0; k < n; ++k) {
        const std::int64_t i = reverse ? n - 1 - k : k;
        total = Combine<T>{}(total, from[i * xs]);
        write<T>(to[i * ys], total, out.accumulate);
      }
    });
  };
  if (is_floating(x.dtype())) return with_floating(x.dtype(), name, scan);
  with_integer(x.dtype(), name, scan);
}

void sum(const Array& x, int axis, bool reverse, const Out& y) { running<Sum>("cumsum", x, axis, reverse, y); }
void product(const Array& x, int axis, const Out& y) { running<Product>("cumprod", x, axis, false, y); }

// dx[i] = (Π_{k < i} x[k]) · s[i] with s[i] = dy[i] + x[i + 1] · s[i + 1]: no division, so zeros need no care.
void product_backward(const Array& x, const Array& dy, int axis, const Out& out) {
  const Array& dx = out.array;
  with_floating(x.dtype(), "cumprod", [&]<class T>(T) {
    const std::int64_t n = x.shape(axis);
    const std::int64_t ds = dx.strides()[axis], xs = x.strides()[axis], ys = dy.strides()[axis];
    for_each_line(x.shape(), axis, {&dx, &x, &dy}, lines_per_thread(n), [&](const StridedAxes::Offsets& at) {
      T* to = dx.data<T>() + at[0];
      const T *from = x.data<T>() + at[1], *slope = dy.data<T>() + at[2];
      std::vector<double> behind(static_cast<std::size_t>(n));
      double total = 0;
      for (std::int64_t i = n - 1; i >= 0; --i) {
        const double next = i + 1 < n ? static_cast<double>(from[(i + 1) * xs]) * total : 0;
        total = static_cast<double>(slope[i * ys]) + next;
        behind[static_cast<std::size_t>(i)] = total;
      }
      double before = 1;
      for (std::int64_t i = 0; i < n; ++i) {
        write<T>(to[i * ds], before * behind[static_cast<std::size_t>(i)], out.accumulate);
        before *= static_cast<double>(from[i * xs]);
      }
    });
  });
}

double log_add(double a, double b) {
  const double high = a < b ? b : a, low = a < b ? a : b;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(high)) return high;
  return high + std::log1p(std::exp(low - high));
}

void log_sum_exp(const Array& x, int axis, const Out& out) {
  const Array& y = out.array;
  with_floating(x.dtype(), "logcumsumexp", [&]<class T>(T) {
    const std::int64_t n = x.shape(axis), ys = y.strides()[axis], xs = x.strides()[axis];
    scan_lines<T>(x, axis, y, [&](T* to, const T* from) {
      double total = -std::numeric_limits<double>::infinity();
      for (std::int64_t i = 0; i < n; ++i) {
        total = log_add(total, static_cast<double>(from[i * xs]));
        write<T>(to[i * ys], total, out.accumulate);
      }
    });
  });
}

// dx[i] = exp(x[i] - y[i]) · r[i] with r[i] = dy[i] + exp(y[i] - y[i + 1]) · r[i + 1]: y never falls, so no exponential
// exceeds 1.
void log_sum_exp_backward(const Array& x, const Array& y, const Array& dy, int axis, const Out& out) {
  const Array& dx = out.array;
  with_floating(x.dtype(), "logcumsumexp", [&]<class T>(T) {
    constexpr T nothing = -std::numeric_limits<T>::infinity();
    const std::int64_t n = x.shape(axis), ds = dx.strides()[axis], xs = x.strides()[axis];
    const std::int64_t ys = y.strides()[axis], gs = dy.strides()[axis];
    for_each_line(x.shape(), axis, {&dx, &x, &y, &dy}, lines_per_thread(n), [&](const StridedAxes::Offsets& at) {
      T* to = dx.data<T>() + at[0];
      const T *from = x.data<T>() + at[1], *result = y.data<T>() + at[2], *slope = dy.data<T>() + at[3];
      double total = 0;
      for (std::int64_t i = n - 1; i >= 0; --i) {
        const double own = static_cast<double>(result[i * ys]);
        if (i + 1 < n && total != 0)
          total *= result[i * ys] == nothing ? 0 : std::exp(own - static_cast<double>(result[(i + 1) * ys]));
        total += static_cast<double>(slope[i * gs]);
        const double value = from[i * xs] == nothing ? 0 : std::exp(static_cast<double>(from[i * xs]) - own) * total;
        write<T>(to[i * ds], value, out.accumulate);
      }
    });
  });
}

void extreme(const Array& x, int axis, bool largest, const Out& out, const Array& index) {
  write_or_add(out, [&](const Array& y) {
    with_number(x.dtype(), "cummax", [&]<class T>(T) {
      const std::int64_t n = x.shape(axis);
      const std::int64_t ys = y.strides()[axis], xs = x.strides()[axis], is = index.strides()[axis];
      for_each_line(x.shape(), axis, {&y, &x, &index}, lines_per_thread(n), [&](const StridedAxes::Offsets& at) {
        T* to = y.data<T>() + at[0];
        const T* from = x.data<T>() + at[1];
        std::int64_t *where = index.data<std::int64_t>() + at[2], best = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          const T value = from[i * xs], holder = from[best * xs];
          if (value != value || (holder == holder && (largest ? value >= holder : value <= holder))) best = i;
          to[i * ys] = from[best * xs];
          where[i * is] = best;
        }
      });
    });
  });
}

}  // namespace

void fill_scan(Kernels& table) {
  table.scan.sum = sum;
  table.scan.product = product;
  table.scan.product_backward = product_backward;
  table.scan.log_sum_exp = log_sum_exp;
  table.scan.log_sum_exp_backward = log_sum_exp_backward;
  table.scan.extreme = extreme;
}

}  // namespace joist
