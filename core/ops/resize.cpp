// nearest:     y[i, j] = x[⌊i · in/out⌋, ⌊j · in/out⌋]        dx[p, q] = Σ dy over the pixels that read it
// linear, …:   y = Σ weight(i, s) x[s] along each axis        dx = Σ weight(i, s) dy[i]
// grid_sample: y = Σ weight(grid, s) x[s]                     dgrid = Σ dy x[s] d weight / d grid
#include <joist/core/kernels/resize.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/pooling.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/resize.h>
#include <joist/core/ops/spatial.h>

#include <cmath>

namespace joist {
namespace {

struct NearestAttribute {
  bool exact;
  std::array<double, 3> scale;
};

struct Target {
  Shape shape{};
  std::array<double, 3> scale{};  // 0 where the lengths decide
};

std::string text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}

Target target_of(const Tensor& x, const InterpolateOptions& o) {
  const int spatial = x.rank() - 2;
  if (spatial < 1 || spatial > 3)
    throw ShapeError({.where = "interpolate",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[batch, channel, one to three axes]",
                      .remedy = "unsqueeze(x, 0) adds a batch axis"});
  require_floating("interpolate", x);
  if ((o.size.rank() == 0) == o.scale_factor.empty())
    throw UsageError({.where = "interpolate",
                      .what = "size " + o.size.text() + ", scale_factor " + text(o.scale_factor),
                      .expected = "one of the two",
                      .remedy = "leave the other one out"});
  Target target{.shape = x.shape()};
  if (o.size.rank() > 0) {
    const Shape size = per_axis("interpolate", "size", o.size, spatial);
    for (int i = 0; i < spatial; ++i) target.shape[2 + i] = size[i];
  } else {
    const auto given = o.scale_factor.size();
    if (given != 1 && given != static_cast<std::size_t>(spatial))
      throw UsageError({.where = "interpolate",
                        .what = "scale_factor " + text(o.scale_factor) + " for input " + x.shape().text(),
                        .expected = "one entry, or one per spatial axis",
                        .remedy = "one factor for all axes"});
    for (int i = 0; i < spatial; ++i) {
      const double factor = o.scale_factor[given == 1 ? 0 : static_cast<std::size_t>(i)];
      if (!(factor > 0) || !std::isfinite(factor))
        throw UsageError({.where = "interpolate",
                          .what = "scale_factor " + text(o.scale_factor),
                          .expected = "numbers above 0",
                          .remedy = "0.5 halves the length, 2 doubles it"});
      target.shape[2 + i] = static_cast<std::int64_t>(std::floor(static_cast<double>(x.shape(2 + i)) * factor));
      if (!o.recompute_scale_factor) target.scale[static_cast<std::size_t>(i)] = factor;
    }
  }
  for (int i = 2; i < x.rank(); ++i)
    if (x.shape(i) < 1 || target.shape[i] < 1)
      throw ShapeError({.where = "interpolate",
                        .what = x.shape().text() + " to " + target.shape.text(),
                        .expected = "at least one pixel along every axis",
                        .remedy = "a larger size or scale_factor"});
  return target;
}

void check_mode(const Tensor& x, const InterpolateOptions& o) {
  using Mode = InterpolateMode;
  const int spatial = x.rank() - 2;
  const bool smooth = o.mode == Mode::linear || o.mode == Mode::bilinear || o.mode == Mode::trilinear;
  if ((o.mode == Mode::linear && spatial != 1) || (o.mode == Mode::bilinear && spatial != 2) ||
      (o.mode == Mode::trilinear && spatial != 3) || (o.mode == Mode::bicubic && spatial != 2))
    throw ShapeError({.where = "interpolate",
                      .what = "this mode for input " + x.shape().text(),
                      .expected = "linear for one spatial axis, bilinear and bicubic for two, trilinear for three",
                      .remedy = "the mode for as many axes, or nearest or area for any number"});
  if (o.align_corners && !smooth && o.mode != Mode::bicubic)
    throw UsageError({.where = "interpolate",
                      .what = "align_corners with nearest, nearest_exact or area",
                      .expected = "a linear mode or bicubic",
                      .remedy = "align_corners = false"});
  if (o.antialias && o.mode != Mode::bilinear && o.mode != Mode::bicubic)
    throw UsageError({.where = "interpolate",
                      .what = "antialias with another mode",
                      .expected = "bilinear or bicubic",
                      .remedy = "antialias = false"});
}

// Whether PyTorch's coordinates, which it computes in single precision, are ⌊i · in/out⌋, as the fast kernel's. For one
// in a hundred pairs of lengths (14 to 46, say) they are not.
bool rounds_down_exactly(std::int64_t in, std::int64_t out, double scale) {
  const float ratio = scale > 0 ? static_cast<float>(1 / scale) : static_cast<float>(in) / static_cast<float>(out);
  for (std::int64_t i = 0; i < out; ++i)
    if (std::min(static_cast<std::int64_t>(std::floor(static_cast<float>(i) * ratio)), in - 1) != i * in / out)
      return false;
  return true;
}

Tensor nearest(const Tensor& x, const Target& target, bool exact) {
  bool plain = !exact && x.rank() == 4;
  for (int i = 2; plain && i < 4; ++i)
    plain = rounds_down_exactly(x.shape(i), target.shape[i], target.scale[static_cast<std::size_t>(i - 2)]);
  if (plain) return interpolate(x, target.shape[2], target.shape[3]);
  const auto& table = kernels_of<ResizeKernels>(x.value());
  Array y = Array::like(x.value(), target.shape);
  table.nearest_any(x.value(), exact, target.scale, {y, false});
  const NearestAttribute attribute{exact, target.scale};
  return record({Op::resample, attribute}, {x}, std::move(y), [attribute, &table](const Array& dy, Node& node) {
    table.nearest_any_backward(dy, attribute.exact, attribute.scale, node.slot(0));
  });
}

Tensor area(const Tensor& x, const Target& target) {
  Shape size = target.shape.without(0).without(0);
  if (x.rank() == 3) return adaptive_avg_pool1d(x, size);
  return x.rank() == 4 ? adaptive_avg_pool2d(x, size) : adaptive_avg_pool3d(x, size);
}

// n places from -1 to 1: the pixels' centers, or with align_corners from edge to edge.
Tensor places(std::int64_t n, bool align_corners, const Tensor& like) {
  const double edge = align_corners ? 1 : 1 - 1 / static_cast<double>(n);
  if (n == 1) return zeros({1}, like.dtype(), like.device());
  return linspace(-edge, edge, n, like.dtype(), like.device());
}

}  // namespace

Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width) {
  require_rank("interpolate", x, 4, "[batch, channel, height, width]");
  require_floating("interpolate", x);
  if (height < 1 || width < 1 || x.shape(2) < 1 || x.shape(3) < 1)
    throw ShapeError({.where = "interpolate",
                      .what = x.shape().text() + " to " + std::to_string(height) + " × " + std::to_string(width),
                      .expected = "at least one pixel on both sides",
                      .remedy = "a larger height and width"});
  const auto& table = kernels_of<ResizeKernels>(x.value());
  Array y = Array::like(x.value(), {x.shape(0), x.shape(1), height, width});
  table.nearest(x.value(), {y, false});
  return record({Op::resize_nearest}, {x}, std::move(y),
                [&table](const Array& dy, Node& node) { table.nearest_backward(dy, node.slot(0)); });
}

Tensor interpolate(const Tensor& x, const InterpolateOptions& options) {
  const Target target = target_of(x, options);
  check_mode(x, options);
  if (options.mode == InterpolateMode::nearest) return nearest(x, target, false);
  if (options.mode == InterpolateMode::nearest_exact) return nearest(x, target, true);
  if (options.mode == InterpolateMode::area) return area(x, target);
  const ResampleOptions resampling{
      .mode = options.mode == InterpolateMode::bicubic ? Interpolation::cubic : Interpolation::linear,
      .align_corners = options.align_corners,
      .antialias = options.antialias,
      .scale = target.scale};
  const auto& table = kernels_of<ResizeKernels>(x.value());
  Array y = Array::like(x.value(), target.shape);
  table.resample(x.value(), resampling, {y, false});
  return record({Op::resample, resampling}, {x}, std::move(y), [resampling, &table](const Array& dy, Node& node) {
    table.resample_backward(dy, resampling, node.slot(0));
  });
}

Tensor grid_sample(const Tensor& given, const Tensor& given_grid, const GridSampleOptions& options) {
  const Tensor x = unhalved(given), grid = unhalved(given_grid);
  if (x.rank() == 5 && grid.rank() == 5)
    throw UnsupportedError({.where = "grid_sample",
                            .what = "unsupported: volumes, input " + x.shape().text(),
                            .expected = "[batch, channel, height, width]"});
  require_rank("grid_sample", x, 4, "[batch, channel, height, width]");
  require_rank("grid_sample", grid, 4, "[batch, height, width, 2]");
  require_floating("grid_sample", x);
  require_same_kind("grid_sample", x, grid);
  if (grid.shape(0) != x.shape(0) || grid.shape(3) != 2 || x.shape(2) < 1 || x.shape(3) < 1)
    throw ShapeError({.where = "grid_sample",
                      .what = "input " + x.shape().text() + " and grid " + grid.shape().text(),
                      .expected = "grid [" + std::to_string(x.shape(0)) + ", height, width, 2] and pixels to sample"});
  const auto& table = kernels_of<ResizeKernels>(x.value());
  Array y = Array::like(x.value(), {x.shape(0), x.shape(1), grid.shape(1), grid.shape(2)});
  table.grid_sample(x.value(), grid.value(), options, {y, false});
  return record({Op::grid_sample, options}, {x, grid}, std::move(y),
                [x = saved(x), grid = saved(grid), options, &table](const Array& dy, Node& node) {
                  const Out dx = node.wants(0) ? node.slot(0) : Out{}, dgrid = node.wants(1) ? node.slot(1) : Out{};
                  table.grid_sample_backward(x, grid, dy, options, dx, dgrid);
                });
}

Tensor affine_grid(const Tensor& theta, const Shape& size, bool align_corners) {
  const int spatial = size.rank() - 2;
  const bool fits = (spatial == 2 || spatial == 3) && theta.shape() == Shape{size[0], spatial, spatial + 1};
  if (!fits || *std::min_element(size.begin(), size.end()) < 1)
    throw ShapeError({.where = "affine_grid",
                      .what = "theta " + theta.shape().text() + " and size " + size.text(),
                      .expected = "theta [batch, 2, 3] with size [batch, channel, height, width], or [batch, 3, 4] "
                                  "with [batch, channel, depth, height, width]"});
  Shape whole = size.without(0).without(0).inserted(spatial, 1);  // [d, h, w, 1]
  std::vector<Tensor> coordinates;
  for (int i = spatial - 1; i >= 0; --i) {
    const Shape along = Shape::filled(spatial + 1, 1).with(i, whole[i]);
    coordinates.push_back(expand(reshape(places(whole[i], align_corners, theta), along), whole));
  }
  coordinates.push_back(ones(whole, theta.dtype(), theta.device()));
  const std::int64_t points = whole.elements();
  const Tensor base = reshape(concat(coordinates, -1), {1, points, spatial + 1});
  return reshape(matmul(base, transpose(theta, 1, 2)), whole.with(-1, spatial).inserted(0, size[0]));
}

}  // namespace joist
