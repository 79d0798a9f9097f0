// Positions: constant tables, and rotations put together from other functions.
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/attention.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reshape.h>

#include <cmath>
#include <vector>

namespace joist {
namespace {

Tensor placed(const std::vector<double>& values, const Shape& shape, Dtype dtype, Device device) {
  return to(to(tensor(values, shape), dtype), device);
}

void require_positive(const char* op, const char* what, double value) {
  if (!(value > 0) || !std::isfinite(value))
    throw UsageError(
        {.where = op, .what = std::string(what) + " " + std::to_string(value), .expected = "a finite number above 0"});
}

}  // namespace

Tensor rotary_embedding(const Tensor& given, const Tensor& cosines, const Tensor& sines, bool interleaved) {
  const Tensor x = unhalved(given);
  require_same_kind("rotary_embedding", x, cosines);
  require_same_kind("rotary_embedding", x, sines);
  const std::int64_t half = x.rank() > 0 ? x.shape(-1) / 2 : 0;
  if (x.rank() < 2 || x.shape(-1) % 2 != 0 || cosines.rank() < 1 || cosines.shape() != sines.shape() ||
      cosines.shape(-1) != half)
    throw ShapeError(
        {.where = "rotary_embedding",
         .what = "x " + x.shape().text() + ", cosines " + cosines.shape().text() + ", sines " + sines.shape().text(),
         .expected = "x [..., length, even width] and cosines and sines [..., length, width / 2]"});
  if (interleaved) {
    const Tensor even = slice(x, -1, 0, 2 * half, 2), odd = slice(x, -1, 1, 2 * half, 2);
    const Shape pairs = even.shape().inserted(x.rank(), 1);
    const Tensor turned =
        concat({reshape(even * cosines - odd * sines, pairs), reshape(odd * cosines + even * sines, pairs)}, -1);
    return reshape(turned, x.shape());
  }
  const Tensor first = slice(x, -1, 0, half), second = slice(x, -1, half, 2 * half);
  return concat({first * cosines - second * sines, second * cosines + first * sines}, -1);
}

Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options) {
  require_positive("rotary_embedding", "base", options.base);
  require_positive("rotary_embedding", "scale", options.scale);
  const std::int64_t width = options.width != 0 || x.rank() < 2 ? options.width : x.shape(-1);
  if (x.rank() < 2 || width < 0 || width % 2 != 0 || width > x.shape(-1))
    throw ShapeError({.where = "rotary_embedding",
                      .what = "width " + std::to_string(width) + " of x " + x.shape().text(),
                      .expected = "x [..., length, width] and an even width up to x's"});
  const std::int64_t length = x.shape(-2), half = width / 2;
  std::vector<double> cosines, sines;
  for (std::int64_t row = 0; row < length; ++row)
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(options.offset + row) * options.scale *
                           std::pow(options.base, -2 * static_cast<double>(i) / static_cast<double>(width));
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  const Tensor c = placed(cosines, {length, half}, x.dtype(), x.device());
  const Tensor s = placed(sines, {length, half}, x.dtype(), x.device());
  if (width == x.shape(-1)) return rotary_embedding(x, c, s, options.interleaved);
  return concat({rotary_embedding(slice(x, -1, 0, width), c, s, options.interleaved), slice(x, -1, width, x.shape(-1))},
                -1);
}

Tensor sinusoidal_positions(std::int64_t length, std::int64_t width, double base, Dtype dtype, Device device) {
  require_positive("sinusoidal_positions", "base", base);
  if (length < 0 || width < 0)
    throw UsageError({.where = "sinusoidal_positions",
                      .what = "length " + std::to_string(length) + ", width " + std::to_string(width),
                      .expected = "no negative lengths"});
  std::vector<double> values;
  for (std::int64_t row = 0; row < length; ++row)
    for (std::int64_t i = 0; i < width; ++i) {
      const double angle =
          static_cast<double>(row) * std::pow(base, -static_cast<double>(i / 2 * 2) / static_cast<double>(width));
      values.push_back(i % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return placed(values, {length, width}, dtype, device);
}

Tensor alibi_slopes(std::int64_t heads, Dtype dtype, Device device) {
  if (heads < 1)
    throw UsageError({.where = "alibi_slopes", .what = std::to_string(heads) + " heads", .expected = "at least 1"});
  std::int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  std::vector<double> slopes;
  for (std::int64_t i = 1; i <= power; ++i)
    slopes.push_back(std::exp2(-8 * static_cast<double>(i) / static_cast<double>(power)));
  // The rest: every second slope of twice as many heads.
  for (std::int64_t i = 1; i <= heads - power; ++i)
    slopes.push_back(std::exp2(-4 * static_cast<double>(2 * i - 1) / static_cast<double>(power)));
  return placed(slopes, {heads}, dtype, device);
}

}  // namespace joist
