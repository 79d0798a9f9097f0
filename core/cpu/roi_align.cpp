// Each region's sampling points are worked out once and serve all channels. Forward shares out regions, backward
// channels, so that no two threads write the same element.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/roi_align.h>
#include <joist/core/cpu/typed.h>
#include <joist/core/kernels/region_points.h>

#include <vector>

namespace joist {
namespace {

// Sampling points of all bins along one axis, `samples` per bin.
struct Axis {
  std::int64_t samples = 0;
  std::vector<RegionPoint> points{};

  explicit Axis(const RegionAxis& region) : samples(region.samples) {
    for (std::int64_t i = 0; i < region.bins; ++i)
      for (std::int64_t s = 0; s < samples; ++s) points.push_back(region.point(i, s));
  }
};

// visit(offset of the first channel's pixel in `picture`, weight) for all that output (row, column) averages.
template <class Visit>
void for_each_share(const Axis& rows, const Axis& columns, std::int64_t row, std::int64_t column,
                    const Strides& picture, Visit&& visit) {
  const double count = static_cast<double>(std::max<std::int64_t>(rows.samples * columns.samples, 1));
  for (std::int64_t i = 0; i < rows.samples; ++i) {
    const RegionPoint& y = rows.points[static_cast<std::size_t>(row * rows.samples + i)];
    for (std::int64_t j = 0; j < columns.samples; ++j) {
      const RegionPoint& x = columns.points[static_cast<std::size_t>(column * columns.samples + j)];
      const auto one = [&](std::int64_t r, std::int64_t c, double weight) {
        if (weight != 0) visit(r * picture[2] + c * picture[3], weight / count);
      };
      one(y.low, x.low, y.low_weight * x.low_weight);
      one(y.low, x.high, y.low_weight * x.high_weight);
      one(y.high, x.low, y.high_weight * x.low_weight);
      one(y.high, x.high, y.high_weight * x.high_weight);
    }
  }
}

// visit(picture of the batch, rows, columns) for one region.
template <class T, class Visit>
void with_region(const Array& boxes, std::int64_t roi, const Shape& picture, const RoiAlignOptions& options,
                 Visit&& visit) {
  const T* box = boxes.data<T>() + roi * boxes.strides()[0];
  const std::int64_t step = boxes.strides()[1];
  const auto at = [&](std::int64_t i) { return static_cast<double>(box[i * step]); };
  visit(static_cast<std::int64_t>(at(0)), Axis(RegionAxis(at(2), at(4), options.height, picture[2], options)),
        Axis(RegionAxis(at(1), at(3), options.width, picture[3], options)));
}

}  // namespace

void roi_align(const Array& x, const Array& boxes, const RoiAlignOptions& options, const Out& out) {
  if (out.array.elements() == 0) return;
  with_floating(x.dtype(), "roi_align", [&]<class T>(T) {
    const Strides &xs = x.strides(), &ys = out.array.strides();
    const std::int64_t channels = x.shape(1);
    parallel_for(boxes.shape(0), 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> sums(static_cast<std::size_t>(channels));
      for (std::int64_t roi = begin; roi < end; ++roi)
        with_region<T>(boxes, roi, x.shape(), options, [&](std::int64_t batch, const Axis& rows, const Axis& columns) {
          const T* picture = x.data<T>() + batch * xs[0];
          for (std::int64_t i = 0; i < options.height; ++i)
            for (std::int64_t j = 0; j < options.width; ++j) {
              std::fill(sums.begin(), sums.end(), T{0});
              for_each_share(rows, columns, i, j, xs, [&](std::int64_t offset, double weight) {
                const T* pixel = picture + offset;
                for (std::int64_t c = 0; c < channels; ++c)
                  sums[static_cast<std::size_t>(c)] += static_cast<T>(weight) * pixel[c * xs[1]];
              });
              T* y = out.array.data<T>() + roi * ys[0] + i * ys[2] + j * ys[3];
              for (std::int64_t c = 0; c < channels; ++c) {
                const T sum = sums[static_cast<std::size_t>(c)];
                y[c * ys[1]] = out.accumulate ? y[c * ys[1]] + sum : sum;
              }
            }
        });
    });
  });
}

void roi_align_backward(const Array& dy, const Array& boxes, const RoiAlignOptions& options, const Out& out) {
  const Array& dx = out.array;
  if (dx.elements() == 0) return;
  with_floating(dx.dtype(), "roi_align_backward", [&]<class T>(T) {
    if (!out.accumulate) fill_array(0, dx);
    const Strides &xs = dx.strides(), &ys = dy.strides();
    parallel_for(dx.shape(1), 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t roi = 0; roi < boxes.shape(0); ++roi)
        with_region<T>(boxes, roi, dx.shape(), options, [&](std::int64_t batch, const Axis& rows, const Axis& columns) {
          T* picture = dx.data<T>() + batch * xs[0];
          for (std::int64_t i = 0; i < options.height; ++i)
            for (std::int64_t j = 0; j < options.width; ++j) {
              const T* y = dy.data<T>() + roi * ys[0] + i * ys[2] + j * ys[3];
              for_each_share(rows, columns, i, j, xs, [&](std::int64_t offset, double weight) {
                for (std::int64_t c = begin; c < end; ++c)
                  picture[offset + c * xs[1]] += static_cast<T>(weight) * y[c * ys[1]];
              });
            }
        });
    });
  });
}

}  // namespace joist
