// Sampling points are worked out in double, as on the CPU. Gradients are gathered: every pixel looks for the sampling
// points beside it, region after region, so that it is written by one thread in one order.
#include <joist/core/kernels/region_points.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/roi_align.h>
#include <joist/cuda/volume.h>

namespace joist::cuda {
namespace {

struct Regions {
  Floats boxes;  // [regions, 5]: picture, x1, y1, x2, y2
  std::int64_t count, row, column, height, width;
  RoiAlignOptions options;

  Regions(const Array& given, const Volume& pictures, const RoiAlignOptions& wanted)
      : boxes(given),
        count(given.shape(0)),
        row(given.strides()[0]),
        column(given.strides()[1]),
        height(pictures.length[1]),
        width(pictures.length[2]),
        options(wanted) {}
  JOIST_DEVICE double side(std::int64_t region, int k) const {
    return static_cast<double>(boxes[region * row + k * column]);
  }
  JOIST_DEVICE std::int64_t picture(std::int64_t region) const { return static_cast<std::int64_t>(side(region, 0)); }
  JOIST_DEVICE RegionAxis rows(std::int64_t region) const {
    return {side(region, 2), side(region, 4), options.height, height, options};
  }
  JOIST_DEVICE RegionAxis columns(std::int64_t region) const {
    return {side(region, 1), side(region, 3), options.width, width, options};
  }
};

/// What the sum over a bin's sampling points is divided by.
JOIST_DEVICE double points_of(const RegionAxis& rows, const RegionAxis& columns) {
  const std::int64_t count = rows.samples * columns.samples;
  return static_cast<double>(count > 1 ? count : 1);
}

/// The sampling points of all bins along an axis that may lie less than a pixel from one, and one more on either side.
struct Beside {
  std::int64_t begin = 0, end;
  JOIST_DEVICE Beside(const RegionAxis& axis, std::int64_t pixel) : end(axis.bins * axis.samples) {
    const double apart = axis.bin / static_cast<double>(axis.samples);
    if (!(apart > 1e-6)) return;  // all at one place, or backwards
    const double count = static_cast<double>(end), at = static_cast<double>(pixel) - axis.start;
    const double first = (at - 1) / apart - 1.5, last = (at + 1) / apart + 0.5;
    if (first > 0) begin = first < count ? static_cast<std::int64_t>(first) : end;
    if (last < count - 1) end = last < 0 ? 0 : static_cast<std::int64_t>(last) + 1;
  }
};

}  // namespace

void roi_align(const Array& x, const Array& boxes, const RoiAlignOptions& options, const Out& y) {
  if (y.array.elements() == 0) return;
  const Volume in(x), out(y.array);
  const Regions regions(boxes, in, options);
  const Floats from(x);
  const Result to(y);
  each("roi_align", out.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place o = out.place(i);
    Place p{regions.picture(o.batch), o.channel, {0, 0, 0}};
    const RegionAxis rows = regions.rows(o.batch), columns = regions.columns(o.batch);
    const double count = points_of(rows, columns);
    Total total;
    const auto add = [&](std::int64_t row, std::int64_t column, double weight) {
      if (weight == 0) return;
      p.at[1] = row, p.at[2] = column;
      total.add(static_cast<float>(weight / count) * from[in.offset(p)]);
    };
    for (std::int64_t k = 0; k < rows.samples; ++k) {
      const RegionPoint a = rows.point(o.at[1], k);
      for (std::int64_t m = 0; m < columns.samples; ++m) {
        const RegionPoint b = columns.point(o.at[2], m);
        add(a.low, b.low, a.low_weight * b.low_weight);
        add(a.low, b.high, a.low_weight * b.high_weight);
        add(a.high, b.low, a.high_weight * b.low_weight);
        add(a.high, b.high, a.high_weight * b.high_weight);
      }
    }
    to.put(out.offset(o), total.value());
  });
}

void roi_align_backward(const Array& dy, const Array& boxes, const RoiAlignOptions& options, const Out& dx) {
  if (dx.array.elements() == 0) return;
  const Volume in(dx.array), out(dy);
  const Regions regions(boxes, in, options);
  const Floats slope(dy);
  const Result to(dx);
  each("roi_align_backward", in.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place p = in.place(i);
    Total total;
    for (std::int64_t region = 0; region < regions.count; ++region) {
      if (regions.picture(region) != p.batch) continue;
      const RegionAxis rows = regions.rows(region);
      const Beside beside_row(rows, p.at[1]);
      if (beside_row.begin >= beside_row.end) continue;
      const RegionAxis columns = regions.columns(region);
      const Beside beside_column(columns, p.at[2]);
      const double count = points_of(rows, columns);
      for (std::int64_t k = beside_row.begin; k < beside_row.end; ++k) {
        Place o{region, p.channel, {0, k / rows.samples, 0}};
        const double by_row = rows.point(o.at[1], k % rows.samples).weight_of(p.at[1]);
        if (by_row == 0) continue;
        for (std::int64_t m = beside_column.begin; m < beside_column.end; ++m) {
          o.at[2] = m / columns.samples;
          const double weight = by_row * columns.point(o.at[2], m % columns.samples).weight_of(p.at[2]);
          if (weight != 0) total.add(static_cast<float>(weight / count) * slope[out.offset(o)]);
        }
      }
    }
    to.put(in.offset(p), total.value());
  });
}

}  // namespace joist::cuda
