// Taking and placing single elements, for every element type. Lines along the indexed axis touch nothing in common, so
// they run in parallel; each is walked in ascending order.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/indexing.h>
#include <joist/core/cpu/typed.h>

#include <type_traits>

namespace joist {
namespace {

// The part of `x` that an array of this shape reaches: as long on every axis but the indexed one.
Array reached(const Array& x, const Shape& shape, int axis) {
  Array part = x;
  for (int i = 0; i < shape.rank(); ++i)
    if (i != axis) part = part.sliced(i, 0, shape[i]);
  return part;
}

std::int64_t lines_per_thread(std::int64_t length) { return 4096 / std::max<std::int64_t>(1, length); }

template <class T>
bool is_nan(T x) {
  return x != x;
}

template <class T>
T added(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else if constexpr (std::is_integral_v<T>) {  // wraps around
    using Bits = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Bits>(a) + static_cast<Bits>(b));
  } else {
    return a + b;
  }
}

template <class T>
T multiplied(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a && b;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  } else {
    return a * b;
  }
}

// target = f(target, value) along one line.
template <class T, class Combine>
void scatter_with(const Array& source, int axis, const Array& index, const Array& y, const Combine& combine) {
  const Array target = reached(y, source.shape(), axis);
  const T* from = source.data<T>();
  const auto* where = index.data<std::int64_t>();
  T* to = target.data<T>();
  const std::int64_t length = source.shape(axis);
  const std::int64_t step = source.strides()[axis], next = index.strides()[axis], apart = y.strides()[axis];
  for_each_line(source.shape(), axis, {&target, &source, &index}, lines_per_thread(length),
                [&](const StridedAxes::Offsets& at) {
                  for (std::int64_t i = 0; i < length; ++i) {
                    T& element = to[at[0] + where[at[2] + i * next] * apart];
                    element = combine(element, from[at[1] + i * step]);
                  }
                });
}

}  // namespace

void gather(const Array& x, int axis, const Array& index, const Out& out) {
  with_number(x.dtype(), "gather", [&]<class T>(T) {
    const Array &y = out.array, from = reached(x, index.shape(), axis);
    const T* values = from.data<T>();
    const auto* where = index.data<std::int64_t>();
    T* to = y.data<T>();
    const std::int64_t length = index.shape(axis);
    const std::int64_t step = y.strides()[axis], next = index.strides()[axis], apart = x.strides()[axis];
    for_each_line(index.shape(), axis, {&y, &index, &from}, lines_per_thread(length),
                  [&](const StridedAxes::Offsets& at) {
                    for (std::int64_t i = 0; i < length; ++i) {
                      const T value = values[at[2] + where[at[1] + i * next] * apart];
                      T& element = to[at[0] + i * step];
                      element = out.accumulate ? added(element, value) : value;
                    }
                  });
  });
}

void scatter(Scatter how, const Array& source, int axis, const Array& index, const Array& y) {
  with_number(y.dtype(), "scatter", [&]<class T>(T) {
    switch (how) {
      case Scatter::replace: return scatter_with<T>(source, axis, index, y, [](T, T b) { return b; });
      case Scatter::add: return scatter_with<T>(source, axis, index, y, added<T>);
      case Scatter::multiply: return scatter_with<T>(source, axis, index, y, multiplied<T>);
      case Scatter::maximum:
        return scatter_with<T>(source, axis, index, y, [](T a, T b) { return b > a || is_nan(b) ? b : a; });
      case Scatter::minimum:
        return scatter_with<T>(source, axis, index, y, [](T a, T b) { return b < a || is_nan(b) ? b : a; });
    }
  });
}

}  // namespace joist
