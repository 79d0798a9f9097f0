#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

// Calls work(T{}) with the C++ type of a dtype.
template <class Work>
void with_type(Dtype dtype, Work&& work) {
  switch (dtype) {
    case Dtype::float32: return work(float{});
    case Dtype::float64: return work(double{});
    case Dtype::int64: return work(std::int64_t{});
    case Dtype::int32: return work(std::int32_t{});
    case Dtype::int8: return work(std::int8_t{});
    case Dtype::uint8: return work(std::uint8_t{});
    case Dtype::boolean: return work(bool{});
    case Dtype::float16:
    case Dtype::bfloat16: break;
  }
  throw DtypeError({.where = "reference", .what = "no arithmetic in " + std::string(name_of(dtype))});
}

void fill_value(double value, const Array& y) {
  with_type(y.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each_index(y.shape(), [&](const Shape& i) { at<T>(y, i) = static_cast<T>(value); });
  });
}

void copy(const Array& x, const Out& y) {
  const Array source = x.expanded(y.array.shape());
  with_type(x.dtype(), [&](auto from) {
    with_type(y.array.dtype(), [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      for_each_index(y.array.shape(), [&](const Shape& i) {
        const To value = static_cast<To>(at<From>(source, i));
        To& element = at<To>(y.array, i);
        element = y.accumulate ? static_cast<To>(element + value) : value;
      });
    });
  });
}

void unary(const Unary& function, const Array& x, const Out& y) {
  std::visit(
      [&](const auto& f) { for_each_index(x.shape(), [&](const Shape& i) { put(y, i, scalar::value(f, at(x, i))); }); },
      function);
}

void unary_backward(const Unary& function, const Array& x, const Array& dy, const Out& dx) {
  std::visit(
      [&](const auto& f) {
        for_each_index(x.shape(), [&](const Shape& i) { put(dx, i, at(dy, i) * scalar::slope(f, at(x, i))); });
      },
      function);
}

void binary(const Binary& function, const Array& a, const Array& b, const Out& y) {
  const Shape& shape = y.array.shape();
  const Array wide_a = a.expanded(shape), wide_b = b.expanded(shape);
  std::visit(
      [&](const auto& f) {
        for_each_index(shape, [&](const Shape& i) { put(y, i, scalar::value(f, at(wide_a, i), at(wide_b, i))); });
      },
      function);
}

void binary_backward(const Binary& function, const Array& a, const Array& b, const Array& dy, int operand,
                     const Out& dx) {
  const Shape& shape = dy.shape();
  const Array wide_a = a.expanded(shape), wide_b = b.expanded(shape);
  const Array total = zeros(dx.array.shape()), wide_total = total.expanded(shape);
  std::visit(
      [&](const auto& f) {
        for_each_index(shape, [&](const Shape& i) {
          const double first = at(wide_a, i), second = at(wide_b, i);
          const double slope =
              operand == 0 ? scalar::slope_first(f, first, second) : scalar::slope_second(f, first, second);
          at(wide_total, i) += at(dy, i) * slope;
        });
      },
      function);
  put(dx, total);
}

}  // namespace

void fill(ElementwiseKernels& kernels) {
  kernels.fill = fill_value;
  kernels.copy = copy;
  kernels.unary = unary;
  kernels.unary_backward = unary_backward;
  kernels.binary = binary;
  kernels.binary_backward = binary_backward;
}

}  // namespace joist::plain
