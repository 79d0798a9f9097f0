// roi_align: y = mean of bilinear samples in a bin      dx += dy · weight of each pixel in them
// roi_pool:  y = max over a bin's pixels                dx[argmax] += dy
// The functions of boxes are compositions.
#include <joist/core/kernels/windows.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/detection.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

void require_boxes(const char* op, const Tensor& boxes) {
  if (boxes.rank() < 1 || boxes.shape(-1) != 4)
    throw ShapeError({.where = op, .what = "boxes of shape " + boxes.shape().text(), .expected = "[..., 4]"});
}

// The four columns of [..., 4], each [...].
std::array<Tensor, 4> columns(const Tensor& boxes) {
  std::array<Tensor, 4> result;
  for (int i = 0; i < 4; ++i)
    result[static_cast<std::size_t>(i)] = reshape(slice(boxes, -1, i, i + 1), boxes.shape().without(-1));
  return result;
}

Tensor stacked(const std::array<Tensor, 4>& columns) {
  std::array<Tensor, 4> parts;
  for (std::size_t i = 0; i < 4; ++i) parts[i] = reshape(columns[i], columns[i].shape().inserted(columns[i].rank(), 1));
  return concat(parts, -1);
}

// Of all pairs, [n, m].
struct Overlap {
  Tensor intersection, together;
  Tensor hull;
};
Overlap overlap(const char* op, const Tensor& a, const Tensor& b) {
  for (const Tensor* boxes : {&a, &b})
    if (boxes->rank() != 2 || boxes->shape(1) != 4)
      throw ShapeError({.where = op, .what = "boxes of shape " + boxes->shape().text(), .expected = "[n, 4]"});
  require_same_kind(op, a, b);
  std::array<Tensor, 4> p = columns(a), q = columns(b);
  for (Tensor& column : p) column = reshape(column, {a.shape(0), 1});
  for (Tensor& column : q) column = reshape(column, {1, b.shape(0)});
  const Tensor intersection =
      clamp_min(minimum(p[2], q[2]) - maximum(p[0], q[0]), 0) * clamp_min(minimum(p[3], q[3]) - maximum(p[1], q[1]), 0);
  const Tensor areas = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]);
  const Tensor hull =
      clamp_min(maximum(p[2], q[2]) - minimum(p[0], q[0]), 0) * clamp_min(maximum(p[3], q[3]) - minimum(p[1], q[1]), 0);
  return {intersection, areas - intersection, hull};
}

// [regions, 5] whose first column numbers the pictures.
void require_regions(const char* op, const Tensor& x, const Tensor& boxes, std::int64_t height, std::int64_t width,
                     double scale) {
  require_rank(op, x, 4, "[batch, channel, height, width]");
  require_same_kind(op, x, boxes);
  if (boxes.rank() != 2 || boxes.shape(1) != 5)
    throw ShapeError({.where = op,
                      .what = "boxes of shape " + boxes.shape().text(),
                      .expected = "[regions, 5]: the picture's number, x1, y1, x2, y2"});
  if (height < 1 || width < 1 || !(scale > 0) || x.shape(2) < 1 || x.shape(3) < 1)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + ", output " + std::to_string(height) + " × " +
                              std::to_string(width) + ", spatial_scale " + std::to_string(scale),
                      .expected = "pictures that are not empty, at least one bin, a scale above 0"});
  if (!boxes.device().on_host()) return;
  const Array numbers = boxes.value().sliced(1, 0, 1);
  for (std::int64_t i = 0; i < boxes.shape(0); ++i) {
    const double picture = numbers.sliced(0, i, i + 1).item();
    if (!(picture >= 0 && picture < static_cast<double>(x.shape(0))))
      throw DataError({.where = op,
                       .what = "region " + std::to_string(i) + " of picture " + std::to_string(picture),
                       .expected = "0 to " + std::to_string(x.shape(0) - 1) + " for input " + x.shape().text()});
  }
}

}  // namespace

Tensor roi_align(const Tensor& given, const Tensor& given_boxes, const RoiAlignOptions& options) {
  const Tensor x = unhalved(given), boxes = unhalved(given_boxes);
  require_regions("roi_align", x, boxes, options.height, options.width, options.spatial_scale);
  const auto& table = kernels_of<WindowKernels>(x.value());
  Array y = Array::like(x.value(), {boxes.shape(0), x.shape(1), options.height, options.width});
  table.roi_align(x.value(), boxes.value(), options, {y, false});
  return record({Op::roi_align, options}, {x, boxes}, std::move(y),
                [boxes = saved(boxes), options, &table](const Array& dy, Node& node) {
                  if (node.wants(0)) table.roi_align_backward(dy, boxes, options, node.slot(0));
                });
}

Tensor roi_pool(const Tensor& given, const Tensor& given_boxes, std::int64_t height, std::int64_t width,
                double spatial_scale) {
  const Tensor x = unhalved(given), boxes = unhalved(given_boxes);
  require_regions("roi_pool", x, boxes, height, width, spatial_scale);
  const Shape& s = x.shape();
  const Tensor flat = reshape(x, {s.elements()});
  const std::vector<double> values = to(flat.detach(), Dtype::float64).value().to_vector<double>(),
                            rows = to(boxes.detach(), Dtype::float64).value().to_vector<double>();
  const Shape shape{boxes.shape(0), s[1], height, width};
  std::vector<std::int64_t> index;
  std::vector<double> inside;
  for_each_index(shape, [&](const Shape& o) {
    const double* region = rows.data() + 5 * o[0];
    // The pixels of bin `bin` along one axis.
    const auto bin = [&](std::int64_t number, std::int64_t bins, double from, double to_, std::int64_t length) {
      const double start = std::round(from * spatial_scale);
      const double size = std::max(std::round(to_ * spatial_scale) - start + 1, 1.0) / static_cast<double>(bins);
      const auto edge = [&](double at) {
        return static_cast<std::int64_t>(std::clamp(at + start, 0.0, static_cast<double>(length)));
      };
      return std::pair(edge(std::floor(static_cast<double>(number) * size)),
                       edge(std::ceil(static_cast<double>(number + 1) * size)));
    };
    const auto [top, bottom] = bin(o[2], height, region[2], region[4], s[2]);
    const auto [left, right] = bin(o[3], width, region[1], region[3], s[3]);
    const std::int64_t plane = (static_cast<std::int64_t>(region[0]) * s[1] + o[1]) * s[2];
    std::int64_t best = -1;
    for (std::int64_t row = top; row < bottom; ++row)
      for (std::int64_t column = left; column < right; ++column) {
        const std::int64_t at = (plane + row) * s[3] + column;
        if (best < 0 || values[static_cast<std::size_t>(at)] > values[static_cast<std::size_t>(best)]) best = at;
      }
    index.push_back(std::max<std::int64_t>(best, 0));
    inside.push_back(best < 0 ? 0 : 1);
  });
  const Tensor y = reshape(index_select(flat, Array::from(index, {shape.elements()}, x.device())), shape);
  if (std::find(inside.begin(), inside.end(), 0.0) == inside.end()) return y;
  return where(ne(to(Tensor(Array::from(inside, shape, x.device())), x.dtype()), 0.0), y, 0.0);
}

Tensor box_area(const Tensor& boxes) {
  require_boxes("box_area", boxes);
  const auto c = columns(boxes);
  return (c[2] - c[0]) * (c[3] - c[1]);
}

Tensor box_iou(const Tensor& a, const Tensor& b) {
  const Overlap pairs = overlap("box_iou", a, b);
  return pairs.intersection / pairs.together;
}

Tensor generalized_box_iou(const Tensor& a, const Tensor& b) {
  const Overlap pairs = overlap("generalized_box_iou", a, b);
  return pairs.intersection / pairs.together - (pairs.hull - pairs.together) / pairs.hull;
}

Tensor box_convert(const Tensor& boxes, BoxFormat from, BoxFormat to) {
  require_boxes("box_convert", boxes);
  if (from == to) return boxes;
  auto c = columns(boxes);
  if (from == BoxFormat::xywh) c = {c[0], c[1], c[0] + c[2], c[1] + c[3]};
  if (from == BoxFormat::cxcywh) c = {c[0] - c[2] * 0.5, c[1] - c[3] * 0.5, c[0] + c[2] * 0.5, c[1] + c[3] * 0.5};
  if (to == BoxFormat::xywh) c = {c[0], c[1], c[2] - c[0], c[3] - c[1]};
  if (to == BoxFormat::cxcywh) c = {(c[0] + c[2]) * 0.5, (c[1] + c[3]) * 0.5, c[2] - c[0], c[3] - c[1]};
  return stacked(c);
}

Tensor clip_boxes_to_image(const Tensor& boxes, std::int64_t height, std::int64_t width) {
  require_boxes("clip_boxes_to_image", boxes);
  const auto c = columns(boxes);
  const auto w = static_cast<double>(width), h = static_cast<double>(height);
  return stacked({clamp(c[0], 0, w), clamp(c[1], 0, h), clamp(c[2], 0, w), clamp(c[3], 0, h)});
}

}  // namespace joist
