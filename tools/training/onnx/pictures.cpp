// Resizing, sampling, boxes, windows of signals.
#include <joist/tools/training/onnx/call.h>
#include <joist/tools/training/onnx/windows.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace joist::onnx_ops {
namespace {

// How one axis is resized. Every mode is a matrix [out, in], which is applied as a product.
struct AxisResize {
  std::int64_t in = 0, out = 0;
  double scale = 1, begin = 0, end = 1;
};

struct ResizeMode {
  std::string kind, coordinates, nearest;
  double cubic = -0.75, extrapolation = 0;
  bool exclude_outside = false, antialias = false;
};

double source_of(const ResizeMode& mode, const AxisResize& a, std::int64_t at) {
  const auto x = static_cast<double>(at), in = static_cast<double>(a.in), out = static_cast<double>(a.out);
  const double length = mode.coordinates == "half_pixel_symmetric" ? in * a.scale : out;
  if (mode.coordinates == "align_corners") return out == 1 ? 0 : x * (in - 1) / (in * a.scale - 1);
  if (mode.coordinates == "asymmetric") return x / a.scale;
  if (mode.coordinates == "pytorch_half_pixel") return out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
  if (mode.coordinates == "tf_half_pixel_for_nn") return (x + 0.5) / a.scale;
  if (mode.coordinates == "tf_crop_and_resize")
    return out > 1 ? a.begin * (in - 1) + x * (a.end - a.begin) * (in - 1) / (out - 1)
                   : 0.5 * (a.begin + a.end) * (in - 1);
  if (mode.coordinates == "half_pixel_symmetric") {
    const double adjustment = out / length, center = in / 2, offset = center * (1 - adjustment);
    return offset + (x + 0.5) / a.scale - 0.5;
  }
  return (x + 0.5) / a.scale - 0.5;
}

double cubic_weight(double t, double a) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

std::int64_t nearest_of(const ResizeMode& mode, double x) {
  const double down = std::floor(x);
  if (mode.nearest == "floor") return static_cast<std::int64_t>(down);
  if (mode.nearest == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  if (x - down == 0.5) return static_cast<std::int64_t>(mode.nearest == "round_prefer_ceil" ? down + 1 : down);
  return static_cast<std::int64_t>(std::floor(x + 0.5));
}

// Rows of weights; `outside` marks outputs that lie beyond the input (tf_crop_and_resize).
std::vector<double> resize_matrix(const ResizeMode& mode, const AxisResize& a, std::vector<char>& outside) {
  std::vector<double> matrix(static_cast<std::size_t>(a.in * a.out), 0.0);
  outside.assign(static_cast<std::size_t>(a.out), 0);
  const double stretch = mode.antialias ? std::max(1.0, 1 / a.scale) : 1;
  for (std::int64_t i = 0; i < a.out; ++i) {
    double* row = matrix.data() + i * a.in;
    const double x = source_of(mode, a, i);
    if (mode.coordinates == "tf_crop_and_resize" && (x < 0 || x > static_cast<double>(a.in - 1)))
      outside[static_cast<std::size_t>(i)] = 1;
    const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at, 0, a.in - 1); };
    if (mode.kind == "nearest") {
      row[clamped(nearest_of(mode, x))] = 1;
      continue;
    }
    const bool cubic = mode.kind == "cubic";
    const double reach = (cubic ? 2 : 1) * stretch;
    const auto first = static_cast<std::int64_t>(std::floor(x - reach)),
               last = static_cast<std::int64_t>(std::ceil(x + reach));
    double total = 0;
    for (std::int64_t at = first; at <= last; ++at) {
      const double distance = (static_cast<double>(at) - x) / stretch;
      const double weight = cubic ? cubic_weight(distance, mode.cubic) : std::max(0.0, 1 - std::abs(distance));
      if (mode.exclude_outside && (at < 0 || at >= a.in)) continue;
      row[clamped(at)] += weight;
      total += weight;
    }
    if ((mode.exclude_outside || mode.antialias) && total != 0)
      for (std::int64_t at = 0; at < a.in; ++at) row[at] /= total;
  }
  return matrix;
}

Tensor resize_axis(const Tensor& x, int axis, const ResizeMode& mode, const AxisResize& a, Tensor& outside) {
  std::vector<char> beyond;
  const std::vector<double> weights = resize_matrix(mode, a, beyond);
  const Tensor matrix = to(tensor(weights, {a.out, a.in}), x.dtype());
  if (std::any_of(beyond.begin(), beyond.end(), [](char c) { return c != 0; })) {
    Shape shape = Shape::filled(x.rank(), 1);
    shape[axis] = a.out;
    std::vector<std::int64_t> flags(beyond.begin(), beyond.end());
    const Tensor here = ne(reshape(integers_tensor(flags), shape), 0.0);
    outside = outside.defined() ? logical_or(outside, here) : here;
  }
  const int last = x.rank() - 1;
  return transpose(matmul(transpose(x, axis, last), transpose(matrix, 0, 1)), axis, last);
}

Outputs resize(const Call& c) {
  const bool old = c.operator_set() < 11;  // (x, scales)
  const std::size_t scales_at = old ? 1 : 2;
  ResizeMode mode{.kind = c.text("mode", "nearest"),
                  .coordinates = old ? "asymmetric" : c.text("coordinate_transformation_mode", "half_pixel"),
                  .nearest = old ? "floor" : c.text("nearest_mode", "round_prefer_floor"),
                  .cubic = c.real("cubic_coeff_a", -0.75),
                  .extrapolation = c.real("extrapolation_value", 0),
                  .exclude_outside = c.integer("exclude_outside", 0) != 0,
                  .antialias = c.integer("antialias", 0) != 0};
  if (mode.kind == "bilinear") mode.kind = "linear";
  const Tensor& x = c[0];
  const bool floating = is_floating(x.dtype());
  std::vector<std::int64_t> axes = c.list("axes");
  if (axes.empty())
    for (int axis = 0; axis < x.rank(); ++axis) axes.push_back(axis);
  const std::vector<int> which = axes_of(c, axes, x.rank());
  std::vector<double> scales;
  std::vector<std::int64_t> sizes;
  if (c.has("scales")) {
    for (const float scale : c.reals("scales")) scales.push_back(static_cast<double>(scale));
  } else if (c.has(scales_at) && c[scales_at].value().elements() > 0) {
    scales = c.numbers(scales_at);
  } else if (c.has(3)) {
    sizes = c.integers(3);
  }
  if (scales.size() != which.size() && sizes.size() != which.size()) c.refuse("neither a scale nor a size per axis");
  const std::string policy = c.text("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && !sizes.empty()) {
    double common = policy == "not_larger" ? std::numeric_limits<double>::infinity() : 0;
    for (std::size_t i = 0; i < which.size(); ++i) {
      const double scale = static_cast<double>(sizes[i]) / static_cast<double>(x.shape(which[i]));
      common = policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
    }
    for (std::size_t i = 0; i < which.size(); ++i)
      sizes[i] = static_cast<std::int64_t>(
          std::clamp(std::floor(common * static_cast<double>(x.shape(which[i])) + 0.5), -1.0, 1e9));
    scales.assign(which.size(), common);
  }
  std::vector<double> roi;
  if (mode.coordinates == "tf_crop_and_resize") roi = c.numbers(1);
  Tensor y = floating ? x : to(x, Dtype::float64), outside;
  for (std::size_t i = 0; i < which.size(); ++i) {
    AxisResize a{.in = x.shape(which[i])};
    const double wanted =
        !sizes.empty() ? static_cast<double>(sizes[i]) : std::floor(scales[i] * static_cast<double>(a.in));
    if (!(wanted >= 0 && wanted <= (1 << 24))) c.refuse("an impossible size");  // false for NaN too
    a.out = static_cast<std::int64_t>(wanted);
    a.scale = !scales.empty() ? scales[i] : static_cast<double>(a.out) / static_cast<double>(a.in);
    if (a.in < 1 || !(a.scale > 0)) c.refuse("an impossible size");
    if (roi.size() == 2 * which.size()) {
      a.begin = roi[i];
      a.end = roi[i + which.size()];
    }
    if (a.in == a.out && a.scale == 1 && a.begin == 0 && a.end == 1) continue;
    y = resize_axis(y, which[i], mode, a, outside);
  }
  if (outside.defined()) y = where(outside, mode.extrapolation, y);
  return {to(y, x.dtype())};
}

Outputs affine(const Call& c) {
  const std::vector<std::int64_t> size = c.integers(1);
  if (size.size() != 4) c.unsupported("grids over other than two axes");
  return {affine_grid(c[0], shape_of(c, size), c.integer("align_corners", 0) != 0)};
}

// To lengths along some axes: what is too much is cut off on both sides, what is missing becomes zeros.
Outputs center_crop_pad(const Call& c) {
  const std::vector<std::int64_t> lengths = c.integers(1);
  std::vector<std::int64_t> axes = c.list("axes");
  if (axes.empty())
    for (int axis = 0; axis < c[0].rank(); ++axis) axes.push_back(axis);
  if (axes.size() != lengths.size()) c.refuse("another number of lengths than of axes");
  Tensor y = c[0];
  const std::vector<int> which = axes_of(c, axes, y.rank());
  for (std::size_t i = 0; i < which.size(); ++i) {
    const std::int64_t length = y.shape(which[i]), wanted = lengths[i];
    if (wanted < 0 || wanted > (1 << 24)) c.refuse("an impossible size");
    if (wanted < length) {
      y = narrow(y, which[i], (length - wanted) / 2, wanted);
    } else if (wanted > length) {
      std::vector<std::int64_t> amounts(2 * static_cast<std::size_t>(y.rank()), 0);
      const auto place = 2 * static_cast<std::size_t>(y.rank() - 1 - which[i]);
      amounts[place] = (wanted - length) / 2;
      amounts[place + 1] = wanted - length - amounts[place];
      y = pad(y, amounts);
    }
  }
  return {y};
}

Outputs columns_to_picture(const Call& c) {
  const std::vector<std::int64_t> picture = c.integers(1), block = c.integers(2);
  if (picture.size() != 2 || block.size() != 2) c.unsupported("columns of other than two axes");
  const std::vector<std::int64_t> pads = c.list("pads", {0, 0, 0, 0}), strides = c.list("strides", {1, 1}),
                                  dilations = c.list("dilations", {1, 1});
  for (const auto* list : {&picture, &block, &pads, &strides, &dilations})
    if (!are_small(*list) || std::any_of(list->begin(), list->end(), [](std::int64_t n) { return n < 0; }))
      c.refuse("an impossible size");
  if (pads.size() != 4 || strides.size() != 2 || dilations.size() != 2) c.refuse("lists of other than two axes");
  // The columns of the padded picture, from which the padding is cut.
  const Tensor whole =
      fold(c[0], picture[0] + pads[0] + pads[2], picture[1] + pads[1] + pads[3],
           {.kernel = shape_of(c, block), .stride = shape_of(c, strides), .dilation = shape_of(c, dilations)});
  return {narrow(narrow(whole, 2, pads[0], picture[0]), 3, pads[1], picture[1])};
}

Outputs sample_grid(const Call& c) {
  const std::string mode = c.text("mode", "bilinear"), padding = c.text("padding_mode", "zeros");
  if (c[0].rank() != 4) c.unsupported("sampling over other than two axes");
  const GridSampleOptions options{.mode = mode == "nearest"         ? SampleMode::nearest
                                          : mode.ends_with("cubic") ? SampleMode::bicubic
                                                                    : SampleMode::bilinear,
                                  .padding = padding == "border"       ? SamplePadding::border
                                             : padding == "reflection" ? SamplePadding::reflection
                                                                       : SamplePadding::zeros,
                                  .align_corners = c.integer("align_corners", 0) != 0};
  return {grid_sample(c[0], c[1], options)};
}

Outputs align_regions(const Call& c) {
  if (c.text("mode", "avg") != "avg") c.unsupported("RoiAlign by maximum");
  const bool half = c.operator_set() >= 16 && c.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  const std::int64_t ratio = c.integer("sampling_ratio", 0);
  const Tensor boxes = concat({to(reshape(c[2], {-1, 1}), c[1].dtype()), c[1]}, 1);
  return {roi_align(c[0], boxes,
                    {.height = c.integer("output_height", 1),
                     .width = c.integer("output_width", 1),
                     .spatial_scale = c.real("spatial_scale", 1),
                     .sampling_ratio = ratio > 0 ? ratio : -1,
                     .aligned = half})};
}

Outputs suppress(const Call& c) {
  const std::int64_t most = c.has(2) ? c.whole(2) : 0;
  const double overlap = c.has(3) ? c.number(3) : 0,
               least = c.has(4) ? c.number(4) : -std::numeric_limits<double>::infinity();
  const Tensor all_boxes = c[0].detach(), all_scores = c[1].detach();
  std::vector<std::int64_t> chosen;
  for (std::int64_t batch = 0; batch < all_scores.shape(0); ++batch) {
    Tensor boxes = select(all_boxes, 0, batch);
    if (c.integer("center_point_box", 0) != 0) boxes = box_convert(boxes, BoxFormat::cxcywh, BoxFormat::xyxy);
    // Corners may come in any order.
    const Tensor first = narrow(boxes, 1, 0, 2), second = narrow(boxes, 1, 2, 2);
    boxes = concat({minimum(first, second), maximum(first, second)}, 1);
    for (std::int64_t kind = 0; kind < all_scores.shape(1); ++kind) {
      const Tensor scores = select(select(all_scores, 0, batch), 0, kind);
      const Tensor good = reshape(nonzero(gt(scores, least)), {-1});
      if (good.shape(0) == 0) continue;
      const Tensor kept =
          index_select(good, 0, nms(index_select(boxes, 0, good), index_select(scores, 0, good), overlap));
      const std::vector<std::int64_t> numbers = kept.value().to_vector<std::int64_t>();
      for (std::size_t i = 0; i < numbers.size() && static_cast<std::int64_t>(i) < most; ++i)
        chosen.insert(chosen.end(), {batch, kind, numbers[i]});
    }
  }
  return {tensor(chosen, {static_cast<std::int64_t>(chosen.size() / 3), 3})};
}

// a - b cos(2 π n / N) + d cos(4 π n / N)
Operator window(double a, double b, double d) {
  return [=](const Call& c) -> Outputs {
    const auto size = c.whole(0);
    if (size < 1 || size > (1 << 24)) c.refuse("an impossible size");
    const bool periodic = c.integer("periodic", 1) != 0;
    const double turn = 2 * std::numbers::pi / static_cast<double>(periodic ? size : size - 1);
    const Tensor n = arange(0, static_cast<double>(size), 1, Dtype::float64);
    const Tensor y = a - b * cos(n * turn) + d * cos(n * (2 * turn));
    return {to(y, dtype_numbered(c, c.integer("output_datatype", 1)))};
  };
}

}  // namespace

void add_pictures(Table& t) {
  t["Resize"] = resize;
  t["Upsample"] = resize;
  t["AffineGrid"] = affine;
  t["CenterCropPad"] = center_crop_pad;
  t["Col2Im"] = columns_to_picture;
  t["GridSample"] = sample_grid;
  t["RoiAlign"] = align_regions;
  t["NonMaxSuppression"] = suppress;
  t["HannWindow"] = window(0.5, 0.5, 0);
  t["HammingWindow"] = window(25.0 / 46, 21.0 / 46, 0);
  t["BlackmanWindow"] = window(0.42, 0.5, 0.08);
}

}  // namespace joist::onnx_ops
