// Products along an axis, in double.
#include <joist/core/cpu/product.h>
#include <joist/core/cpu/typed.h>

#include <type_traits>
#include <vector>

namespace joist {
namespace {

std::int64_t lines_per_thread(std::int64_t length) { return 16384 / std::max<std::int64_t>(1, length); }

}  // namespace

void product(const Array& x, int axis, const Out& out) {
  const Array& y = out.array;
  const auto multiply = [&]<class To, class From>(To, From) {
    using Total = std::conditional_t<std::is_floating_point_v<To>, double, std::uint64_t>;  // integers wrap around
    const std::int64_t n = x.shape(axis), step = x.strides()[axis];
    for_each_line(y.shape(), axis, {&y, &x}, lines_per_thread(n), [&](const StridedAxes::Offsets& at) {
      const From* from = x.data<From>() + at[1];
      Total total = 1;
      for (std::int64_t i = 0; i < n; ++i) total *= static_cast<Total>(from[i * step]);
      To& to = y.data<To>()[at[0]];
      to = static_cast<To>(out.accumulate ? static_cast<Total>(to) + total : total);
    });
  };
  if (is_floating(y.dtype())) return with_floating(y.dtype(), "prod", [&]<class T>(T t) { multiply(t, t); });
  with_number(x.dtype(), "prod", [&]<class From>(From from) { multiply(std::int64_t{}, from); });
}

void product_backward(const Array& x, const Array& dy, int axis, const Out& out) {
  const Array& dx = out.array;
  with_floating(x.dtype(), "prod", [&]<class T>(T) {
    const std::int64_t n = x.shape(axis), step = x.strides()[axis], apart = dx.strides()[axis];
    for_each_line(x.shape(), axis, {&dx, &x, &dy}, lines_per_thread(n), [&](const StridedAxes::Offsets& at) {
      const T* from = x.data<T>() + at[1];
      T* to = dx.data<T>() + at[0];
      // The others' product is that of those before times that of those behind: no division, so zeros need no care.
      std::vector<double> behind(static_cast<std::size_t>(n));
      double total = static_cast<double>(dy.data<T>()[at[2]]);
      for (std::int64_t i = n - 1; i >= 0; --i) {
        behind[static_cast<std::size_t>(i)] = total;
        total *= static_cast<double>(from[i * step]);
      }
      double before = 1;
      for (std::int64_t i = 0; i < n; ++i) {
        const T value = static_cast<T>(before * behind[static_cast<std::size_t>(i)]);
        T& element = to[i * apart];
        element = out.accumulate ? element + value : value;
        before *= static_cast<double>(from[i * step]);
      }
    });
  });
}

}  // namespace joist
