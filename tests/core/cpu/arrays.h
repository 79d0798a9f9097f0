// Small helpers of the tests of core/cpu: arrays in several layouts, instruction sets, closeness.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>
#include <joist/core/array.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/simd.h>
#include <hwy/targets.h>

namespace joist::testing {

enum class Layout { row_major, channels_last, channel_slice, gaps };
inline constexpr Layout layouts[] = {Layout::row_major, Layout::channels_last, Layout::channel_slice, Layout::gaps};

/// Uninitialized float32 array; layouts that need four axes are row-major for others.
inline Array empty_in(Layout layout, const Shape& shape) {
  const bool picture = shape.rank() == 4;
  if (layout == Layout::channels_last && picture) return Array::empty(shape, Dtype::float32, cpu, Order::channels_last);
  if (layout == Layout::channel_slice && picture)
    return Array::empty(shape.with(1, shape[1] + 5), Dtype::float32, cpu, Order::channels_last)
        .sliced(1, 3, 3 + shape[1]);
  if (layout == Layout::gaps && shape.rank() > 0)
    return Array::empty(shape.with(0, 2 * shape[0]).with(-1, shape.rank() > 1 ? 3 * shape[-1] : 2 * shape[0]))
        .sliced(-1, 0, shape.rank() > 1 ? 3 * shape[-1] : 2 * shape[0], shape.rank() > 1 ? 3 : 2)
        .sliced(0, 0, shape[0]);
  return Array::empty(shape);
}

/// Fills in row-major order of the shape; `next` is called once per element.
inline Array filled(Array array, const std::function<double()>& next) {
  for_each_index(array.shape(), [&](const Shape& i) {
    array.data<float>()[offset_of(i, array.strides())] = static_cast<float>(next());
  });
  return array;
}

/// Numbers in [-2, 2) that look random.
class Numbers {
 public:
  explicit Numbers(std::uint32_t seed = 1) : state_(seed) {}
  double operator()() {
    state_ = state_ * 1664525U + 1013904223U;
    return static_cast<double>(state_ >> 8) * 0x1p-22 - 2;
  }

 private:
  std::uint32_t state_;
};
inline Array random_array(const Shape& shape, std::uint32_t seed, Layout layout = Layout::row_major) {
  return filled(empty_in(layout, shape), Numbers(seed));
}

/// Element of a float32 array.
inline double at(const Array& array, const Shape& index) {
  return static_cast<double>(array.data<float>()[offset_of(index, array.strides())]);
}

/// The same numbers in float64, row-major.
inline Array doubled(const Array& x) {
  const Array wide = Array::empty(x.shape(), Dtype::float64);
  for_each_index(x.shape(), [&](const Shape& i) { wide.data<double>()[offset_of(i, wide.strides())] = at(x, i); });
  return wide;
}

/// Every element of `array` is expected(index), to within absolute + relative * |expected|.
inline void expect_close(const Array& array, const std::function<double(const Shape&)>& expected, double relative,
                         double absolute) {
  int wrong = 0;
  for_each_index(array.shape(), [&](const Shape& i) {
    const double value = at(array, i), wanted = expected(i);
    if (std::isnan(value) && std::isnan(wanted)) return;
    if (value != wanted && !(std::fabs(value - wanted) <= absolute + relative * std::fabs(wanted)) && wrong++ < 3)
      ADD_FAILURE() << "at " << i.text() << " of " << array.shape().text() << ": " << value << ", expected " << wanted;
  });
}

/// Runs `body` once with each instruction set that this machine has and the kernels were compiled for.
inline void for_each_instruction_set(const std::function<void()>& body) {
#ifdef __x86_64__
  for (const std::int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SSE4}) {
    if (!(hwy::SupportedTargets() & target)) continue;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    body();
    hwy::SetSupportedTargetsForTest(0);
  }
#else
  body();
#endif
}

/// The CPU's table with one family filled.
inline Kernels table_of(void (*fill)(Kernels&)) {
  Kernels table;
  fill(table);
  return table;
}

}  // namespace joist::testing
