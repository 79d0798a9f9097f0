// A thread per point of the grid takes all channels, so that its taps are worked out once. For the picture's gradient
// the taps are sorted by their pixel, so that each pixel adds up its own, in the order of the points.
#include <joist/core/kernels/grid_taps.h>
#include <joist/cuda/grid_sample.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/sorted.h>
#include <joist/cuda/volume.h>

namespace joist::cuda {
namespace {

/// The points of a grid [batch, height, width, 2].
struct Points {
  Floats grid;
  std::int64_t batches, height, width, batch, row, column, coordinate;
  std::int64_t picture_height, picture_width;
  GridSampleOptions options;

  Points(const Array& given, const Volume& picture, const GridSampleOptions& wanted)
      : grid(given),
        batches(given.shape(0)),
        height(given.shape(1)),
        width(given.shape(2)),
        batch(given.strides()[0]),
        row(given.strides()[1]),
        column(given.strides()[2]),
        coordinate(given.strides()[3]),
        picture_height(picture.length[1]),
        picture_width(picture.length[2]),
        options(wanted) {}
  std::int64_t of_picture() const { return height * width; }
  std::int64_t count() const { return batches * of_picture(); }
  /// Of a result's picture, without its channel.
  JOIST_DEVICE Place place(std::int64_t i) const { return {i / width / height, 0, {0, i / width % height, i % width}}; }
  JOIST_DEVICE std::int64_t offset(const Place& p) const { return p.batch * batch + p.at[1] * row + p.at[2] * column; }
  JOIST_DEVICE GridTaps rows(const Place& p) const {
    return {static_cast<double>(grid[offset(p) + coordinate]), picture_height, options};
  }
  JOIST_DEVICE GridTaps columns(const Place& p) const {
    return {static_cast<double>(grid[offset(p)]), picture_width, options};
  }
};

// Where the taps of all points go, with their weights: a place for each that there may be, those of a picture sorted by
// their pixel. What is no tap comes last.
struct SortedTaps {
  Array pixels, places, weights;
  std::int64_t of_point, of_picture;
};
SortedTaps sorted_taps(const Points& points, Device device) {
  const std::int64_t reach = points.options.mode == SampleMode::nearest    ? 1
                             : points.options.mode == SampleMode::bilinear ? 2
                                                                           : 4;
  const std::int64_t of_point = reach * reach, of_picture = points.of_picture() * of_point;
  const Shape shape{points.batches, of_picture};
  const Array unsorted = Array::empty(shape, Dtype::int64, device),
              weights = Array::empty(shape, Dtype::float32, device);
  const Typed<std::int64_t> pixel(unsorted);
  const Typed<float> weight(weights);
  each("grid_sample_taps", points.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place p = points.place(i);
    const GridTaps rows = points.rows(p), columns = points.columns(p);
    std::int64_t at = i * of_point;
    for (int k = 0; k < rows.count; ++k)
      for (int m = 0; m < columns.count; ++m, ++at) {
        pixel.set(at, rows.pixel[k] * points.picture_width + columns.pixel[m]);
        weight.set(at, static_cast<float>(rows.weight[k] * columns.weight[m]));
      }
    for (; at < (i + 1) * of_point; ++at) pixel.set(at, points.picture_height * points.picture_width);
  });
  const Array pixels = Array::like(unsorted), places = Array::like(unsorted);
  cuda_kernels().sorting.sort(unsorted, 1, false, pixels, places);
  return {pixels, places, weights, of_point, of_picture};
}

void picture_gradient(const Points& points, const Array& dy, const Out& out) {
  const Array& dx = out.array;
  if (dx.elements() == 0) return;
  if (points.count() == 0) {
    if (!out.accumulate) cuda_kernels().elementwise.fill(0, dx);
    return;
  }
  const SortedTaps taps = sorted_taps(points, dx.device());
  const Typed<std::int64_t> pixels(taps.pixels), places(taps.places);
  const Typed<float> weights(taps.weights);
  const std::int64_t of_point = taps.of_point, of_picture = taps.of_picture, width = points.width;
  const Volume in(dx), result(dy);
  const Floats slope(dy);
  const Result to(out);
  each("grid_sample_backward", in.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place p = in.place(i);
    const std::int64_t pixel = in.position(p), begin = p.batch * of_picture, end = begin + of_picture;
    Total total;
    for (std::int64_t k = first_at_least(pixels, begin, end, pixel); k < end && pixels[k] == pixel; ++k) {
      const std::int64_t place = places[k], point = place / of_point;
      total.add(weights[begin + place] * slope[result.offset({p.batch, p.channel, {0, point / width, point % width}})]);
    }
    to.put(in.offset(p), total.value());
  });
}

void point_gradient(const Array& x, const Points& points, const Array& dy, const Out& dgrid) {
  if (dgrid.array.elements() == 0) return;
  const Volume in(x), result(dy);
  const Floats from(x), slope(dy);
  const Result to(dgrid);
  const Strides& s = dgrid.array.strides();
  const std::int64_t batch = s[0], row = s[1], column = s[2], coordinate = s[3];
  each("grid_sample_backward", points.count(), [=] JOIST_DEVICE(std::int64_t i) {
    Place o = points.place(i);
    const GridTaps rows = points.rows(o), columns = points.columns(o);
    double along_x = 0, along_y = 0;
    for (int k = 0; k < rows.count; ++k)
      for (int m = 0; m < columns.count; ++m) {
        Place p{o.batch, 0, {0, rows.pixel[k], columns.pixel[m]}};
        double product = 0;
        for (o.channel = 0; o.channel < in.channels; ++o.channel) {
          p.channel = o.channel;
          product += static_cast<double>(slope[result.offset(o)]) * static_cast<double>(from[in.offset(p)]);
        }
        along_x += product * rows.weight[k] * columns.slope[m];
        along_y += product * rows.slope[k] * columns.weight[m];
      }
    const std::int64_t at = o.batch * batch + o.at[1] * row + o.at[2] * column;
    to.put(at, static_cast<float>(along_x));
    to.put(at + coordinate, static_cast<float>(along_y));
  });
}

}  // namespace

void grid_sample(const Array& x, const Array& grid, const GridSampleOptions& options, const Out& y) {
  if (y.array.elements() == 0) return;
  const Volume in(x), out(y.array);
  const Points points(grid, in, options);
  const Floats from(x);
  const Result to(y);
  each("grid_sample", points.count(), [=] JOIST_DEVICE(std::int64_t i) {
    Place o = points.place(i);
    const GridTaps rows = points.rows(o), columns = points.columns(o);
    for (; o.channel < in.channels; ++o.channel) {
      float total = 0;
      for (int k = 0; k < rows.count; ++k)
        for (int m = 0; m < columns.count; ++m)
          total += static_cast<float>(rows.weight[k] * columns.weight[m]) *
                   from[in.offset({o.batch, o.channel, {0, rows.pixel[k], columns.pixel[m]}})];
      to.put(out.offset(o), total);
    }
  });
}

void grid_sample_backward(const Array& x, const Array& grid, const Array& dy, const GridSampleOptions& options,
                          const Out& dx, const Out& dgrid) {
  const Points points(grid, Volume(x), options);
  if (dx.array.defined()) picture_gradient(points, dy, dx);
  if (dgrid.array.defined()) point_gradient(x, points, dy, dgrid);
}

}  // namespace joist::cuda
