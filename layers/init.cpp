#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/layers/init.h>

#include <algorithm>
#include <cmath>

namespace joist::init {
namespace {

Array filled(const Shape& shape, double value) {
  Array array = Array::empty(shape);
  kernels(cpu).elementwise.fill(value, array);
  return array;
}

}  // namespace

Parameter uniform(const Shape& shape, double bound) {
  Array array = Array::empty(shape);
  kernels(cpu).random.uniform(next_random_key(Stream::init), -bound, bound, array);
  return Parameter(array);
}

Parameter fan_in_uniform(const Shape& shape) {
  const auto fan_in = static_cast<double>(std::max<std::int64_t>(shape.elements(1, shape.rank()), 1));
  return uniform(shape, 1.0 / std::sqrt(fan_in));
}

Parameter xavier_uniform(const Shape& shape) {
  const std::int64_t area = shape.elements(2, shape.rank());
  return uniform(shape, std::sqrt(6.0 / static_cast<double>(std::max<std::int64_t>((shape[0] + shape[1]) * area, 1))));
}

Parameter normal(const Shape& shape, double deviation) {
  Array array = Array::empty(shape);
  kernels(cpu).random.normal(next_random_key(Stream::init), 0, deviation, array);
  return Parameter(array);
}

Parameter he_normal_fan_out(const Shape& shape) {
  const auto fan_out = static_cast<double>(std::max<std::int64_t>(shape[0] * shape.elements(2, shape.rank()), 1));
  return normal(shape, std::sqrt(2.0 / fan_out));
}

Parameter constant(const Shape& shape, double value) { return Parameter(filled(shape, value)); }
Buffer constant_buffer(const Shape& shape, double value) { return Buffer(filled(shape, value)); }

}  // namespace joist::init
