#include <joist/cuda/dense_packs.h>
#include <joist/cuda/functions.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/packs.h>
#include <joist/cuda/sums.h>

namespace joist::cuda {
namespace {

/// Functions of a few instructions, for which a thread takes several packs.
template <class F, class... Few>
constexpr bool any_of = (std::is_same_v<F, Few> || ...);
template <class F>
constexpr bool is_short = any_of<F, Identity, Affine, Absolute, Square, Relu, LeakyRelu, Clamp, Add, AddRelu, Subtract,
                                 Multiply, Maximum, Minimum, SquaredDifference, AbsoluteDifference>;
/// Functions that models spend their time in: bfloat16 has kernels of its own, which others do without, since each
/// takes nvcc its time.
template <class F>
constexpr bool is_frequent = any_of<F, Affine, Relu, Silu, Gelu, Sigmoid, Add, AddRelu, Multiply>;

template <class F, int takes, int inputs, class Body>
void by_packs_of(const char* name, const std::array<const Array*, inputs>& arrays, const Body& body, const Out& out) {
  if constexpr (is_frequent<F>)
    if (by_dense_packs<takes, BFloat16, BFloat16, inputs>(name, arrays, body, out)) return;
  by_packs<takes, inputs>(name, arrays, body, out);
}

void fill_value(double value, const Array& y) {
  const Elements to(y);
  const Walk<1> walk(y.shape(), {&y}, WalkOrder::memory);
  each("fill", walk.count(), [=] JOIST_DEVICE(std::int64_t i) { to.set(walk(i).at[0], value); });
}

bool are_floats(const Array& a) { return is_floating(a.dtype()) && a.dtype() != Dtype::float64; }

// Integers are moved as integers, so that none loses digits; T is wide enough for what is read.
template <class T>
void copy_as(const Array& x, const Out& y) {
  const Elements from(x), to(y.array);
  const Array wide = x.expanded(y.array.shape());
  const Walk<2> walk(y.array.shape(), {&wide, &y.array}, WalkOrder::memory, 1);
  const bool accumulate = y.accumulate;
  each("copy", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    const T value = from.get<T>(places.at[0]);
    to.set(places.at[1], accumulate ? static_cast<T>(to.get<T>(places.at[1]) + value) : value);
  });
}
void copy(const Array& x, const Out& y) {
  if (are_floats(x) && are_floats(y.array)) {
    const Array wide = x.expanded(y.array.shape());
    const auto same = [] JOIST_DEVICE(float value) { return value; };
    if (by_dense_packs<2, float, BFloat16, 1>("copy", {&wide}, same, y) ||
        by_dense_packs<4, BFloat16, float, 1>("copy", {&wide}, same, y) ||
        by_dense_packs<4, BFloat16, BFloat16, 1>("copy", {&wide}, same, y))
      return;
    return by_packs<4, 1>("copy", {&wide}, same, y);
  }
  const auto either = [&](Dtype dtype) { return x.dtype() == dtype || (y.accumulate && y.array.dtype() == dtype); };
  if (either(Dtype::float64)) return copy_as<double>(x, y);
  if (is_floating(x.dtype()) || (y.accumulate && is_floating(y.array.dtype()))) return copy_as<float>(x, y);
  copy_as<std::int64_t>(x, y);
}

template <class F>
void unary_of(const F& f, const Array& x, const Out& out) {
  by_packs_of<F, is_short<F> ? 4 : 1, 1>(
      "unary", {&x}, [=] JOIST_DEVICE(float value) { return scalar::value(f, value); }, out);
}
void unary(const Unary& function, const Array& x, const Out& y) {
  std::visit([&](const auto& f) { unary_of(f, x, y); }, function);
}

template <class F>
void unary_backward_of(const F& f, const Array& x, const Array& dy, const Out& dx) {
  by_packs_of<F, is_short<F> ? 2 : 1, 2>(
      "unary_backward", {&x, &dy},
      [=] JOIST_DEVICE(float value, float slope) { return slope * scalar::slope(f, value); }, dx);
}
void unary_backward(const Unary& function, const Array& x, const Array& dy, const Out& dx) {
  std::visit([&](const auto& f) { unary_backward_of(f, x, dy, dx); }, function);
}

template <class F>
void binary_of(const F& f, const Array& a, const Array& b, const Out& out) {
  const Array wide_a = a.expanded(out.array.shape()), wide_b = b.expanded(out.array.shape());
  by_packs_of<F, is_short<F> ? 2 : 1, 2>(
      "binary", {&wide_a, &wide_b},
      [=] JOIST_DEVICE(float first, float second) { return scalar::value(f, first, second); }, out);
}

// What indices are made of; overflow wraps around. kernels.cpp sends no other function of integers here.
struct Whole {
  using Word = std::uint64_t;
  int which;
  JOIST_DEVICE std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    switch (which) {
      case 0: return static_cast<std::int64_t>(static_cast<Word>(a) + static_cast<Word>(b));
      case 1: return static_cast<std::int64_t>(static_cast<Word>(a) - static_cast<Word>(b));
      case 2: return static_cast<std::int64_t>(static_cast<Word>(a) * static_cast<Word>(b));
      case 3: return a > b ? a : b;
      default: return a < b ? a : b;
    }
  }
};
void binary_of_integers(const Binary& function, const Array& a, const Array& b, const Out& out) {
  const Whole f{std::holds_alternative<Add>(function)        ? 0
                : std::holds_alternative<Subtract>(function) ? 1
                : std::holds_alternative<Multiply>(function) ? 2
                : std::holds_alternative<Maximum>(function)  ? 3
                                                             : 4};
  const Elements first(a), second(b), to(out.array);
  const Array wide_a = a.expanded(out.array.shape()), wide_b = b.expanded(out.array.shape());
  const Walk<3> walk(out.array.shape(), {&wide_a, &wide_b, &out.array}, WalkOrder::memory, 2);
  const bool accumulate = out.accumulate;
  each("binary", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    std::int64_t value = f(first.get<std::int64_t>(places.at[0]), second.get<std::int64_t>(places.at[1]));
    if (accumulate) value = Whole{0}(value, to.get<std::int64_t>(places.at[2]));
    to.set(places.at[2], value);
  });
}
void binary(const Binary& function, const Array& a, const Array& b, const Out& y) {
  if (!is_floating(y.array.dtype())) return binary_of_integers(function, a, b, y);
  std::visit([&](const auto& f) { binary_of(f, a, b, y); }, function);
}

template <class F>
struct BinarySlope {
  F f;
  Floats a, b, dy;
  int operand;
  JOIST_DEVICE float operator()(const Walk<3>::Places& places) const {
    const float first = a[places.at[0]], second = b[places.at[1]];
    return dy[places.at[2]] *
           (operand == 0 ? scalar::slope_first(f, first, second) : scalar::slope_second(f, first, second));
  }
};
void binary_backward(const Binary& function, const Array& a, const Array& b, const Array& dy, int operand,
                     const Out& dx) {
  const Shape& shape = dy.shape();
  const Array wide_a = a.expanded(shape), wide_b = b.expanded(shape);
  Array narrow = dx.array;
  while (narrow.rank() < shape.rank()) narrow = narrow.inserted(0);
  std::visit(
      [&](const auto& f) {
        const BinarySlope<std::decay_t<decltype(f)>> slope{f, Floats(a), Floats(b), Floats(dy), operand};
        sum_lines<3>("binary_backward", {&wide_a, &wide_b, &dy}, slope, 1, {narrow, dx.accumulate});
      },
      function);
}

}  // namespace

void fill_elementwise(Kernels& table) {
  table.elementwise.fill = fill_value;
  table.elementwise.copy = copy;
  table.elementwise.unary = unary;
  table.elementwise.unary_backward = unary_backward;
  table.elementwise.binary = binary;
  table.elementwise.binary_backward = binary_backward;
}

}  // namespace joist::cuda
