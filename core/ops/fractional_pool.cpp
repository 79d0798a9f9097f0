// y = max over windows at pseudo-random places      dx[argmax] += dy
#include <joist/core/mode.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/pooling.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/spatial.h>

#include <cmath>

namespace joist {
namespace {

// Where the windows of one axis begin.
std::vector<std::int64_t> starts(double sample, std::int64_t in, std::int64_t out, std::int64_t kernel) {
  std::vector<std::int64_t> result;
  const double step = out > 1 ? static_cast<double>(in - kernel) / static_cast<double>(out - 1) : 0;
  for (std::int64_t i = 0; i + 1 < out; ++i)
    result.push_back(static_cast<std::int64_t>((static_cast<double>(i) + sample) * step) -
                     static_cast<std::int64_t>(sample * step));
  result.push_back(in - kernel);
  return result;
}

Shape output_of(const Tensor& x, const FractionalPoolOptions& options, const Shape& kernel) {
  constexpr auto op = "fractional_max_pool2d";
  if ((options.output_size.rank() == 0) == (options.output_ratio == 0))
    throw UsageError(
        {.where = op,
         .what = "output_size " + options.output_size.text() + ", output_ratio " + std::to_string(options.output_ratio),
         .expected = "one of the two",
         .remedy = "leave the other one out"});
  Shape size{0, 0};
  if (options.output_size.rank() > 0) {
    size = per_axis(op, "output_size", options.output_size, 2);
  } else {
    if (!(options.output_ratio > 0 && options.output_ratio < 1))
      throw UsageError({.where = op,
                        .what = "output_ratio " + std::to_string(options.output_ratio),
                        .expected = "above 0 and below 1"});
    for (int i = 0; i < 2; ++i)
      size[i] = static_cast<std::int64_t>(static_cast<double>(x.shape(2 + i)) * options.output_ratio);
  }
  for (int i = 0; i < 2; ++i)
    if (size[i] < 1 || kernel[i] < 1 || size[i] + kernel[i] - 1 > x.shape(2 + i))
      throw ShapeError({.where = op,
                        .what = "input " + x.shape().text() + " to " + size.text() + " with kernel " + kernel.text(),
                        .expected = "output + kernel - 1 at most the input's length, and lengths from 1"});
  return size;
}

}  // namespace

Tensor fractional_max_pool2d(const Tensor& x, const FractionalPoolOptions& options, const Tensor& samples) {
  constexpr auto op = "fractional_max_pool2d";
  require_rank(op, x, 4, "[batch, channel, height, width]");
  require_floating(op, x);
  const Shape kernel = per_axis(op, "kernel", options.kernel, 2), size = output_of(x, options, kernel);
  const Shape wanted{x.shape(0), x.shape(1), 2};
  if (samples.defined() && samples.shape() != wanted)
    throw ShapeError({.where = op, .what = "samples " + samples.shape().text(), .expected = wanted.text()});
  std::vector<double> places;
  if (samples.defined()) {
    places = to(samples.detach(), Dtype::float64).value().to_vector<double>();
  } else {
    Random random(next_random_key(Stream::dropout));
    places.resize(static_cast<std::size_t>(wanted.elements()));
    for (double& place : places) place = static_cast<double>(random.uniform());
  }
  const Shape shape{x.shape(0), x.shape(1), size[0], size[1]};
  const Tensor flat = reshape(x, {x.value().elements()});
  const std::vector<double> values = to(flat.detach(), Dtype::float64).value().to_vector<double>();
  std::vector<std::int64_t> index;
  for (std::int64_t plane = 0; plane < x.shape(0) * x.shape(1); ++plane) {
    const double* sample = places.data() + 2 * plane;
    const auto columns = starts(sample[0], x.shape(3), size[1], kernel[1]),
               rows = starts(sample[1], x.shape(2), size[0], kernel[0]);
    for (const std::int64_t top : rows)
      for (const std::int64_t left : columns) {
        std::int64_t best = -1;
        for (std::int64_t row = top; row < top + kernel[0]; ++row)
          for (std::int64_t column = left; column < left + kernel[1]; ++column) {
            const std::int64_t at = (plane * x.shape(2) + row) * x.shape(3) + column;
            const double value = values[static_cast<std::size_t>(at)];
            if (best < 0 || value > values[static_cast<std::size_t>(best)] || std::isnan(value)) best = at;
          }
        index.push_back(best);
      }
  }
  return reshape(index_select(flat, Array::from(index, {shape.elements()}, x.device())), shape);
}

}  // namespace joist
