#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/special.h>
#include <joist/layers/init.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace joist::init {
namespace {

Array filled(const Shape& shape, double value) {
  Array array = Array::empty(shape);
  kernels(cpu).elementwise.fill(value, array);
  return array;
}

}  // namespace

Parameter uniform(const Shape& shape, double bound) { return uniform(shape, -bound, bound); }

Parameter uniform(const Shape& shape, double low, double high) {
  Array array = Array::empty(shape);
  kernels(cpu).random.uniform(next_random_key(Stream::init), low, high, array);
  return Parameter(array);
}

Parameter fan_in_uniform(const Shape& shape) {
  const auto fan_in = static_cast<double>(std::max<std::int64_t>(shape.elements(1, shape.rank()), 1));
  return uniform(shape, 1.0 / std::sqrt(fan_in));
}

Parameter normal(const Shape& shape, double deviation) { return normal(shape, 0, deviation); }

Parameter normal(const Shape& shape, double mean, double deviation) {
  Array array = Array::empty(shape);
  kernels(cpu).random.normal(next_random_key(Stream::init), mean, deviation, array);
  return Parameter(array);
}

Parameter trunc_normal(const Shape& shape, double mean, double deviation, double low, double high) {
  if (!(low < high) || !(deviation > 0))
    throw UsageError({.where = "trunc_normal",
                      .what = "bounds " + std::to_string(low) + " and " + std::to_string(high) + ", deviation " +
                              std::to_string(deviation),
                      .expected = "low < high and a deviation above 0"});
  // The inverse of the distribution function between its values at both bounds, in double.
  const auto distribution = [&](double x) { return 0.5 * std::erfc(-(x - mean) / (deviation * std::sqrt(2.0))); };
  const double from = distribution(low), upto = distribution(high);
  Random random(next_random_key(Stream::init));
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& value : values) {
    const double u = (static_cast<double>(random.bits()) + 0.5) * 0x1p-32;
    const double z = special::erfinv(2 * (from + u * (upto - from)) - 1) * deviation * std::sqrt(2.0) + mean;
    value = static_cast<float>(std::clamp(z, low, high));
  }
  return Parameter(Array::from(values, shape));
}

Parameter he_normal_fan_out(const Shape& shape) {
  const auto fan_out = static_cast<double>(std::max<std::int64_t>(shape[0] * shape.elements(2, shape.rank()), 1));
  return normal(shape, std::sqrt(2.0 / fan_out));
}

Parameter constant(const Shape& shape, double value) { return Parameter(filled(shape, value)); }
Parameter ones(const Shape& shape) { return constant(shape, 1); }
Parameter zeros(const Shape& shape) { return constant(shape, 0); }
Buffer constant_buffer(const Shape& shape, double value) { return Buffer(filled(shape, value)); }

}  // namespace joist::init
