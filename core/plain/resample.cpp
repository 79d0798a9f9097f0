#include <joist/core/plain/resample.h>

#include <algorithm>

namespace joist::plain {
namespace {

double cubic(double t, double a) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

// Calls visit(source, weight) for every source of output i of one axis; sources may repeat.
template <class Visit>
void for_each_source(std::int64_t i, std::int64_t in, std::int64_t out, const ResampleOptions& o, double given,
                     Visit&& visit) {
  const auto n = static_cast<double>(in), position = static_cast<double>(i);
  double ratio = given > 0 ? 1 / given : n / static_cast<double>(out);
  if (o.align_corners) ratio = out > 1 ? (n - 1) / static_cast<double>(out - 1) : 0;
  const bool is_cubic = o.mode == Interpolation::cubic;
  if (o.antialias) {
    const double reach = (is_cubic ? 2 : 1) * std::max(ratio, 1.0), center = ratio * (position + 0.5);
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(center - reach + 0.5), 0);
    const auto end = std::min(static_cast<std::int64_t>(center + reach + 0.5), in);
    const auto weight = [&](std::int64_t s) {
      const double t = (static_cast<double>(s) - center + 0.5) / std::max(ratio, 1.0);
      return is_cubic ? cubic(t, -0.5) : std::max(0.0, 1 - std::abs(t));
    };
    double total = 0;
    for (std::int64_t s = first; s < end; ++s) total += weight(s);
    for (std::int64_t s = first; s < end; ++s) visit(s, total == 0 ? weight(s) : weight(s) / total);
    return;
  }
  double at = o.align_corners ? position * ratio : (position + 0.5) * ratio - 0.5;
  if (!is_cubic) at = std::max(at, 0.0);
  const double low = std::floor(at);
  for (int k = is_cubic ? -1 : 0; k < (is_cubic ? 3 : 2); ++k) {
    const double t = at - (low + k);
    visit(std::clamp<std::int64_t>(static_cast<std::int64_t>(low) + k, 0, in - 1),
          is_cubic ? cubic(t, -0.75) : 1 - std::abs(t));
  }
}

// Calls visit(index in x, index in y, weight) for all products.
template <class Visit>
void for_each_pair(const Shape& x, const Shape& y, const ResampleOptions& options, Visit&& visit) {
  for_each_index(y, [&](const Shape& to) {
    Shape from = to;
    const auto along = [&](const auto& self, int axis, double weight) -> void {
      if (axis == x.rank()) return visit(static_cast<const Shape&>(from), to, weight);
      for_each_source(to[axis], x[axis], y[axis], options, options.scale[static_cast<std::size_t>(axis - 2)],
                      [&](std::int64_t s, double share) {
                        from[axis] = s;
                        self(self, axis + 1, weight * share);
                      });
    };
    along(along, 2, 1.0);
  });
}

void resample(const Array& x, const ResampleOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_pair(x.shape(), total.shape(), options,
                [&](const Shape& from, const Shape& to, double weight) { at(total, to) += weight * at(x, from); });
  put(y, total);
}

void resample_backward(const Array& dy, const ResampleOptions& options, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_pair(total.shape(), dy.shape(), options,
                [&](const Shape& to, const Shape& from, double weight) { at(total, to) += weight * at(dy, from); });
  put(dx, total);
}

// ---- sampling at the points of a grid

struct Coordinate {
  double at, slope;  ///< slope: d(at) / d(grid)
};

// -1 … 1 to pixels.
Coordinate pixels(double grid, std::int64_t length, bool align_corners) {
  const auto n = static_cast<double>(length);
  return align_corners ? Coordinate{(grid + 1) / 2 * (n - 1), (n - 1) / 2}
                       : Coordinate{((grid + 1) * n - 1) / 2, n / 2};
}

Coordinate clamped(Coordinate c, std::int64_t length) {
  if (!(c.at > 0)) return {0, 0};
  if (c.at >= static_cast<double>(length - 1)) return {static_cast<double>(length - 1), 0};
  return c;
}

Coordinate reflected(Coordinate c, std::int64_t length, bool align_corners) {
  const double low = align_corners ? 0 : -0.5, span = static_cast<double>(align_corners ? length - 1 : length);
  if (span == 0) return {0, 0};
  double distance = c.at - low;
  if (distance < 0) {
    distance = -distance;
    c.slope = -c.slope;
  }
  const double rest = std::fmod(distance, span);
  if (static_cast<std::int64_t>(std::floor(distance / span)) % 2 == 0) return {rest + low, c.slope};
  return {span - rest + low, -c.slope};
}

Coordinate padded(Coordinate c, std::int64_t length, const GridSampleOptions& o) {
  if (o.padding == SamplePadding::border) return clamped(c, length);
  if (o.padding == SamplePadding::reflection) return clamped(reflected(c, length, o.align_corners), length);
  return c;
}

double cubic_slope(double t) {
  const double a = -0.75, sign = t < 0 ? -1 : 1;
  t = std::abs(t);
  if (t <= 1) return sign * (3 * (a + 2) * t - 2 * (a + 3)) * t;
  if (t < 2) return sign * ((3 * a * t - 10 * a) * t + 8 * a);
  return 0;
}

// A pixel along one axis with its weight and the weight's derivative by the grid; outside pixels count as 0.
struct Tap {
  std::int64_t pixel;
  double weight, slope;
};

// Calls visit(tap) for the pixels that a grid value reads along one axis.
template <class Visit>
void for_each_tap(double grid, std::int64_t length, const GridSampleOptions& o, Visit&& visit) {
  const Coordinate raw = pixels(grid, length, o.align_corners);
  const auto inside = [&](double pixel) { return pixel >= 0 && pixel < static_cast<double>(length); };
  if (o.mode == SampleMode::bicubic) {  // the pixels are padded, not the point
    const double low = std::floor(raw.at);
    for (int k = -1; k < 3; ++k) {
      const Coordinate tap = padded({low + k, 0}, length, o);
      const double t = raw.at - (low + k);
      if (inside(tap.at)) visit(Tap{static_cast<std::int64_t>(tap.at), cubic(t, -0.75), cubic_slope(t) * raw.slope});
    }
    return;
  }
  const Coordinate c = padded(raw, length, o);
  if (o.mode == SampleMode::nearest) {
    const double pixel = std::nearbyint(c.at);
    if (inside(pixel)) visit(Tap{static_cast<std::int64_t>(pixel), 1, 0});
    return;
  }
  const double low = std::floor(c.at);
  if (inside(low)) visit(Tap{static_cast<std::int64_t>(low), low + 1 - c.at, -c.slope});
  if (inside(low + 1)) visit(Tap{static_cast<std::int64_t>(low) + 1, c.at - low, c.slope});
}

// Calls visit(batch, row, column of the grid, tap of y, tap of x).
template <class Visit>
void for_each_sample(const Shape& x, const Array& grid, const GridSampleOptions& o, Visit&& visit) {
  for_each_index(grid.shape().without(3), [&](const Shape& i) {
    for_each_tap(at(grid, {i[0], i[1], i[2], 1}), x[2], o, [&](const Tap& row) {
      for_each_tap(at(grid, {i[0], i[1], i[2], 0}), x[3], o, [&](const Tap& column) { visit(i, row, column); });
    });
  });
}

void grid_sample(const Array& x, const Array& grid, const GridSampleOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_sample(x.shape(), grid, options, [&](const Shape& i, const Tap& row, const Tap& column) {
    for (std::int64_t c = 0; c < x.shape(1); ++c)
      at(total, {i[0], c, i[1], i[2]}) += row.weight * column.weight * at(x, {i[0], c, row.pixel, column.pixel});
  });
  put(y, total);
}

void grid_sample_backward(const Array& x, const Array& grid, const Array& dy, const GridSampleOptions& options,
                          const Out& dx, const Out& dgrid) {
  const Array dx_total = zeros(x.shape()), dgrid_total = zeros(grid.shape());
  for_each_sample(x.shape(), grid, options, [&](const Shape& i, const Tap& row, const Tap& column) {
    for (std::int64_t c = 0; c < x.shape(1); ++c) {
      const double seed = at(dy, {i[0], c, i[1], i[2]}), pixel = at(x, {i[0], c, row.pixel, column.pixel});
      at(dx_total, {i[0], c, row.pixel, column.pixel}) += seed * row.weight * column.weight;
      at(dgrid_total, {i[0], i[1], i[2], 0}) += seed * pixel * row.weight * column.slope;
      at(dgrid_total, {i[0], i[1], i[2], 1}) += seed * pixel * row.slope * column.weight;
    }
  });
  put(dx, dx_total);
  put(dgrid, dgrid_total);
}

}  // namespace

void fill_resample(ResizeKernels& kernels) {
  kernels.resample = resample;
  kernels.resample_backward = resample_backward;
  kernels.grid_sample = grid_sample;
  kernels.grid_sample_backward = grid_sample_backward;
}

}  // namespace joist::plain
