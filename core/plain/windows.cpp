#include <joist/core/plain/plain.h>

#include <algorithm>

namespace joist::plain {
namespace {

// Where position i of a padded axis comes from, or -1 for the constant.
std::int64_t source(std::int64_t i, std::int64_t length, std::int64_t before, PadMode mode) {
  const std::int64_t s = i - before;
  if (s >= 0 && s < length) return s;
  switch (mode) {
    case PadMode::constant: return -1;
    case PadMode::reflect: return s < 0 ? -s : 2 * (length - 1) - s;
    case PadMode::replicate: return s < 0 ? 0 : length - 1;
    case PadMode::circular: return s < 0 ? s + length : s - length;
  }
  return -1;
}

// visit(index in y, index in x) for every element of y, the second of rank 0 where y holds the constant.
template <class Visit>
void for_each_padded(const Shape& x, const Shape& y, const PadOptions& options, Visit&& visit) {
  for_each_index(y, [&](const Shape& to) {
    Shape from = to;
    for (int axis = 0; axis < to.rank(); ++axis) {
      from[axis] = source(to[axis], x[axis], options.before[axis], options.mode);
      if (from[axis] < 0) return visit(to, Shape{});
    }
    visit(to, from);
  });
}

void pad(const Array& x, const PadOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_padded(x.shape(), total.shape(), options, [&](const Shape& to, const Shape& from) {
    at(total, to) = from.rank() < to.rank() ? options.value : at(x, from);
  });
  put(y, total);
}

void pad_backward(const Array& dy, const PadOptions& options, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_padded(total.shape(), dy.shape(), options, [&](const Shape& to, const Shape& from) {
    if (from.rank() == to.rank()) at(total, from) += at(dy, to);
  });
  put(dx, total);
}

// visit(index in the pictures, index in the columns) for every pair of the two.
template <class Visit>
void for_each_column(const Shape& picture, const UnfoldOptions& o, Visit&& visit) {
  Shape windows{0, 0};
  for (int i = 0; i < 2; ++i)
    windows[i] = (picture[2 + i] + 2 * o.padding[i] - o.dilation[i] * (o.kernel[i] - 1) - 1) / o.stride[i] + 1;
  for_each_index({picture[0], picture[1], o.kernel[0], o.kernel[1], windows[0], windows[1]}, [&](const Shape& i) {
    const std::int64_t row = i[4] * o.stride[0] - o.padding[0] + i[2] * o.dilation[0];
    const std::int64_t column = i[5] * o.stride[1] - o.padding[1] + i[3] * o.dilation[1];
    if (row < 0 || row >= picture[2] || column < 0 || column >= picture[3]) return;
    visit(Shape{i[0], i[1], row, column},
          Shape{i[0], (i[1] * o.kernel[0] + i[2]) * o.kernel[1] + i[3], i[4] * windows[1] + i[5]});
  });
}

void unfold(const Array& x, const UnfoldOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_column(x.shape(), options, [&](const Shape& pixel, const Shape& to) { at(total, to) = at(x, pixel); });
  put(y, total);
}

void fold(const Array& x, const UnfoldOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_column(total.shape(), options,
                  [&](const Shape& pixel, const Shape& from) { at(total, pixel) += at(x, from); });
  put(y, total);
}

// Bilinear weights of the four pixels around a point; none for points more than a pixel outside.
template <class Visit>
void for_each_neighbour(double y, double x, std::int64_t height, std::int64_t width, Visit&& visit) {
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) return;
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  const auto top = static_cast<std::int64_t>(y), left = static_cast<std::int64_t>(x);
  for (std::int64_t row = top; row < std::min(top + 2, height); ++row)
    for (std::int64_t column = left; column < std::min(left + 2, width); ++column)
      visit(row, column,
            (1 - std::abs(y - static_cast<double>(row))) * (1 - std::abs(x - static_cast<double>(column))));
}

// visit(index in x, index in y, weight) for every pixel that an output averages.
template <class Visit>
void for_each_share(const Shape& x, const Array& boxes, const RoiAlignOptions& o, Visit&& visit) {
  const double shift = o.aligned ? 0.5 : 0;
  for (std::int64_t roi = 0; roi < boxes.shape(0); ++roi) {
    const auto batch = static_cast<std::int64_t>(at(boxes, {roi, 0}));
    const double left = at(boxes, {roi, 1}) * o.spatial_scale - shift,
                 top = at(boxes, {roi, 2}) * o.spatial_scale - shift;
    double width = at(boxes, {roi, 3}) * o.spatial_scale - shift - left;
    double height = at(boxes, {roi, 4}) * o.spatial_scale - shift - top;
    if (!o.aligned) {
      width = std::max(width, 1.0);
      height = std::max(height, 1.0);
    }
    const double bin_height = height / static_cast<double>(o.height), bin_width = width / static_cast<double>(o.width);
    const auto samples = [&](double bin) {
      return o.sampling_ratio > 0 ? o.sampling_ratio : static_cast<std::int64_t>(std::ceil(bin));
    };
    const std::int64_t rows = samples(bin_height), columns = samples(bin_width);
    const auto count = static_cast<double>(std::max<std::int64_t>(rows * columns, 1));
    for_each_index(
        {o.height, o.width, std::max<std::int64_t>(rows, 0), std::max<std::int64_t>(columns, 0)}, [&](const Shape& i) {
          const double py =
              top +
              (static_cast<double>(i[0]) + (static_cast<double>(i[2]) + 0.5) / static_cast<double>(rows)) * bin_height;
          const double px =
              left + (static_cast<double>(i[1]) + (static_cast<double>(i[3]) + 0.5) / static_cast<double>(columns)) *
                         bin_width;
          for_each_neighbour(py, px, x[2], x[3], [&](std::int64_t row, std::int64_t column, double weight) {
            for (std::int64_t channel = 0; channel < x[1]; ++channel)
              visit(Shape{batch, channel, row, column}, Shape{roi, channel, i[0], i[1]}, weight / count);
          });
        });
  }
}

void roi_align(const Array& x, const Array& boxes, const RoiAlignOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_share(x.shape(), boxes, options,
                 [&](const Shape& from, const Shape& to, double weight) { at(total, to) += weight * at(x, from); });
  put(y, total);
}

void roi_align_backward(const Array& dy, const Array& boxes, const RoiAlignOptions& options, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_share(total.shape(), boxes, options,
                 [&](const Shape& to, const Shape& from, double weight) { at(total, to) += weight * at(dy, from); });
  put(dx, total);
}

}  // namespace

void fill(WindowKernels& kernels) {
  kernels.pad = pad;
  kernels.pad_backward = pad_backward;
  kernels.unfold = unfold;
  kernels.fold = fold;
  kernels.roi_align = roi_align;
  kernels.roi_align_backward = roi_align_backward;
}

}  // namespace joist::plain
