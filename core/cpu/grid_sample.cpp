// Results go by rows of the grid, gradients of the grid too, gradients of the picture by planes: no two threads write
// the same element.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/grid_sample.h>
#include <joist/core/cpu/typed.h>
#include <joist/core/kernels/grid_taps.h>

#include <vector>

namespace joist {
namespace {

// The two axes' taps at one point of the grid.
template <class T>
std::pair<GridTaps, GridTaps> taps_at(const Array& grid, std::int64_t batch, std::int64_t row, std::int64_t column,
                                      const Array& x, const GridSampleOptions& o) {
  const Strides& s = grid.strides();
  const T* point = grid.data<T>() + batch * s[0] + row * s[1] + column * s[2];
  return {GridTaps(static_cast<double>(point[s[3]]), x.shape(2), o),
          GridTaps(static_cast<double>(point[0]), x.shape(3), o)};
}

// visit(offset of the pixel, i, j) for all pairs of taps.
template <class Visit>
void for_each_pixel(const GridTaps& rows, const GridTaps& columns, const Strides& s, Visit&& visit) {
  for (int i = 0; i < rows.count; ++i)
    for (int j = 0; j < columns.count; ++j) visit(rows.pixel[i] * s[2] + columns.pixel[j] * s[3], i, j);
}

}  // namespace

void grid_sample(const Array& x, const Array& grid, const GridSampleOptions& options, const Out& out) {
  const Array& y = out.array;
  if (y.elements() == 0) return;
  with_floating(x.dtype(), "grid_sample", [&]<class T>(T) {
    const Strides &xs = x.strides(), &ys = y.strides();
    const std::int64_t channels = x.shape(1), height = y.shape(2), width = y.shape(3);
    parallel_for(y.shape(0) * height, 4096 / (channels * width) + 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> sums(static_cast<std::size_t>(channels));
      for (std::int64_t line = begin; line < end; ++line) {
        const std::int64_t batch = line / height, row = line % height;
        const T* picture = x.data<T>() + batch * xs[0];
        for (std::int64_t column = 0; column < width; ++column) {
          const auto [rows, columns] = taps_at<T>(grid, batch, row, column, x, options);
          std::fill(sums.begin(), sums.end(), T{0});
          for_each_pixel(rows, columns, xs, [&, &r = rows, &c = columns](std::int64_t at, int i, int j) {
            const T weight = static_cast<T>(r.weight[i] * c.weight[j]);
            for (std::int64_t k = 0; k < channels; ++k)
              sums[static_cast<std::size_t>(k)] += weight * picture[at + k * xs[1]];
          });
          T* to = y.data<T>() + batch * ys[0] + row * ys[2] + column * ys[3];
          for (std::int64_t k = 0; k < channels; ++k) {
            const T sum = sums[static_cast<std::size_t>(k)];
            to[k * ys[1]] = out.accumulate ? to[k * ys[1]] + sum : sum;
          }
        }
      }
    });
  });
}

namespace {

template <class T>
void picture_gradient(const Array& x, const Array& grid, const Array& dy, const GridSampleOptions& options,
                      const Out& out) {
  const Array& dx = out.array;
  if (dx.elements() == 0) return;
  if (!out.accumulate) fill_array(0, dx);
  const Strides &xs = dx.strides(), &ys = dy.strides();
  const std::int64_t channels = dx.shape(1);
  // Parts of the channels of one picture: the taps are worked out once per part.
  const std::int64_t parts = std::min<std::int64_t>(channels, 4);
  parallel_for(dx.shape(0) * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t batch = part / parts, first = part % parts * channels / parts,
                         last = (part % parts + 1) * channels / parts;
      T* picture = dx.data<T>() + batch * xs[0];
      for (std::int64_t row = 0; row < dy.shape(2); ++row)
        for (std::int64_t column = 0; column < dy.shape(3); ++column) {
          const auto [rows, columns] = taps_at<T>(grid, batch, row, column, x, options);
          const T* seed = dy.data<T>() + batch * ys[0] + row * ys[2] + column * ys[3];
          for_each_pixel(rows, columns, xs, [&, &r = rows, &c = columns](std::int64_t at, int i, int j) {
            const T weight = static_cast<T>(r.weight[i] * c.weight[j]);
            for (std::int64_t k = first; k < last; ++k) picture[at + k * xs[1]] += weight * seed[k * ys[1]];
          });
        }
    }
  });
}

template <class T>
void point_gradient(const Array& x, const Array& grid, const Array& dy, const GridSampleOptions& options,
                    const Out& out) {
  const Array& dgrid = out.array;
  const Strides &xs = x.strides(), &ys = dy.strides(), &gs = dgrid.strides();
  const std::int64_t height = dy.shape(2), width = dy.shape(3), channels = x.shape(1);
  if (dgrid.elements() == 0) return;
  parallel_for(dy.shape(0) * height, 4096 / (channels * width + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t batch = line / height, row = line % height;
      const T* picture = x.data<T>() + batch * xs[0];
      for (std::int64_t column = 0; column < width; ++column) {
        const auto [rows, columns] = taps_at<T>(grid, batch, row, column, x, options);
        const T* seed = dy.data<T>() + batch * ys[0] + row * ys[2] + column * ys[3];
        double along_x = 0, along_y = 0;
        for_each_pixel(rows, columns, xs, [&, &r = rows, &c = columns](std::int64_t at, int i, int j) {
          double product = 0;
          for (std::int64_t k = 0; k < channels; ++k)
            product += static_cast<double>(seed[k * ys[1]]) * static_cast<double>(picture[at + k * xs[1]]);
          along_x += product * r.weight[i] * c.slope[j];
          along_y += product * r.slope[i] * c.weight[j];
        });
        T* to = dgrid.data<T>() + batch * gs[0] + row * gs[1] + column * gs[2];
        to[0] = (out.accumulate ? to[0] : T{0}) + static_cast<T>(along_x);
        to[gs[3]] = (out.accumulate ? to[gs[3]] : T{0}) + static_cast<T>(along_y);
      }
    }
  });
}

}  // namespace

void grid_sample_backward(const Array& x, const Array& grid, const Array& dy, const GridSampleOptions& options,
                          const Out& dx, const Out& dgrid) {
  with_floating(x.dtype(), "grid_sample_backward", [&]<class T>(T) {
    if (dx.array.defined()) picture_gradient<T>(x, grid, dy, options, dx);
    if (dgrid.array.defined()) point_gradient<T>(x, grid, dy, options, dgrid);
  });
}

}  // namespace joist
