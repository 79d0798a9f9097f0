// Pooling. Padding is made beforehand, so that it may differ before and after.
#include <joist/tools/training/onnx/windows.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace joist::onnx_ops {

bool are_small(std::span<const std::int64_t> numbers) {
  constexpr std::int64_t most = 1LL << 20;
  return std::all_of(numbers.begin(), numbers.end(), [](std::int64_t n) { return n >= -most && n <= most; });
}

Windows windows_of(const Call& c, const Shape& input, std::span<const std::int64_t> kernel) {
  const std::size_t axes = kernel.size();
  if (static_cast<int>(axes) + 2 != input.rank()) c.refuse("a kernel of another number of axes than the input");
  Windows w{.kernel = {kernel.begin(), kernel.end()},
            .stride = c.list("strides", std::vector<std::int64_t>(axes, 1)),
            .dilation = c.list("dilations", std::vector<std::int64_t>(axes, 1)),
            .before = std::vector<std::int64_t>(axes, 0),
            .after = std::vector<std::int64_t>(axes, 0)};
  const std::vector<std::int64_t> pads = c.list("pads", std::vector<std::int64_t>(2 * axes, 0));
  if (w.stride.size() != axes || w.dilation.size() != axes || pads.size() != 2 * axes)
    c.refuse("options of another length than there are axes");
  for (const auto* each :
       std::initializer_list<const std::vector<std::int64_t>*>{&w.stride, &w.dilation, &w.kernel, &pads})
    if (!are_small(*each)) c.refuse("a size beyond a million");
  const std::string automatic = c.text("auto_pad", "NOTSET");
  for (std::size_t i = 0; i < axes; ++i) {
    if (w.stride[i] < 1 || w.dilation[i] < 1 || kernel[i] < 1) c.refuse("a stride, dilation or kernel below 1");
    w.before[i] = pads[i];
    w.after[i] = pads[i + axes];
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const std::int64_t length = input[static_cast<int>(i) + 2], out = (length + w.stride[i] - 1) / w.stride[i];
      const std::int64_t total =
          std::max<std::int64_t>((out - 1) * w.stride[i] + (kernel[i] - 1) * w.dilation[i] + 1 - length, 0);
      w.before[i] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.after[i] = total - w.before[i];
    } else if (automatic == "VALID") {
      w.before[i] = w.after[i] = 0;
    }
  }
  return w;
}

namespace {

using Pool = Tensor (*)(const Tensor&, const PoolOptions&);

Windows pool_windows(const Call& c) {
  if (c[0].rank() < 3 || c[0].rank() > 5) c.unsupported("pooling over other than 1 to 3 axes");
  return windows_of(c, c[0].shape(), c.list("kernel_shape"));
}

PoolOptions options_of(const Call& c, const Windows& w) {
  return {.kernel = shape_of(c, w.kernel),
          .stride = shape_of(c, w.stride),
          .padding = Shape::filled(static_cast<int>(w.kernel.size()), 0),
          .ceil_mode = c.integer("ceil_mode", 0) != 0,
          .dilation = shape_of(c, w.dilation)};
}

Outputs maximum_pool(const Call& c) {
  const Windows w = pool_windows(c);
  const PoolOptions options = options_of(c, w);
  const bool floating = is_floating(c[0].dtype());
  const Tensor x = floating ? c[0] : to(c[0], Dtype::float32);
  const Tensor edged = with_edges(x, w, -std::numeric_limits<double>::infinity());
  const int rank = x.rank();
  if (!c.wants(1))
    return {to((rank == 3 ? max_pool1d : rank == 4 ? max_pool2d : max_pool3d)(edged, options), c[0].dtype())};
  if (rank != 4) c.unsupported("indices of other than two spatial axes");
  const auto [y, index] = max_pool2d_with_indices(edged, options);
  // From positions in the padded plane to positions in the whole input.
  const Tensor wide = to(index, Dtype::int64);
  const auto width = static_cast<double>(edged.shape(3));
  const Tensor row = floor_divide(wide, full({}, width, Dtype::int64)) - static_cast<double>(w.before[0]);
  const Tensor column = remainder(wide, full({}, width, Dtype::int64)) - static_cast<double>(w.before[1]);
  const auto height = static_cast<double>(x.shape(2)), own = static_cast<double>(x.shape(3));
  const Tensor plane = reshape(arange(0, static_cast<double>(x.shape(0) * x.shape(1))), {x.shape(0), x.shape(1), 1, 1});
  const Tensor within = c.integer("storage_order", 0) == 0 ? row * own + column : column * height + row;
  return {to(y, c[0].dtype()), to(plane * (height * own) + within, Dtype::int64)};
}

Outputs average_pool(const Call& c) {
  const Windows w = pool_windows(c);
  if (std::any_of(w.dilation.begin(), w.dilation.end(), [](auto n) { return n != 1; })) c.unsupported("dilation");
  const PoolOptions options = options_of(c, w);
  const Pool pool = c[0].rank() == 3 ? avg_pool1d : c[0].rank() == 4 ? avg_pool2d : avg_pool3d;
  const bool whole = c.integer("count_include_pad", 0) != 0;
  const Tensor counted = with_edges(ones_like(c[0].detach()), w, whole ? 1 : 0);
  return {pool(with_edges(c[0], w, 0), options) / pool(counted, options)};
}

Outputs lp_pool(const Call& c) {
  const Windows w = pool_windows(c);
  const auto p = static_cast<double>(c.integer("p", 2));
  const Pool pool = c[0].rank() == 3 ? avg_pool1d : c[0].rank() == 4 ? avg_pool2d : avg_pool3d;
  const auto area =
      static_cast<double>(std::accumulate(w.kernel.begin(), w.kernel.end(), std::int64_t{1}, std::multiplies<>()));
  return {pow(pool(with_edges(pow(abs(c[0]), p), w, 0), options_of(c, w)) * area, 1 / p)};
}

std::vector<int> spatial_axes(const Tensor& x) {
  std::vector<int> axes;
  for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  return axes;
}

Outputs maximum_unpool(const Call& c) {
  const Windows w = pool_windows(c);
  std::vector<std::int64_t> lengths = {c[0].shape(0), c[0].shape(1)};
  for (std::size_t i = 0; i < w.kernel.size(); ++i)
    lengths.push_back((c[0].shape(static_cast<int>(i) + 2) - 1) * w.stride[i] + w.kernel[i] - w.before[i] - w.after[i]);
  const Shape natural = shape_of(c, lengths), shape = c.has(2) ? shape_of(c, c.integers(2)) : natural;
  // Indices count through a tensor of the natural shape; in a larger one they keep their row and column.
  const Tensor flat =
      scatter(zeros({natural.elements()}, c[0].dtype()), 0, reshape(to(c[1], Dtype::int64), {-1}), reshape(c[0], {-1}));
  std::vector<std::int64_t> more;
  for (int axis = natural.rank() - 1; axis >= 0; --axis) more.insert(more.end(), {0, shape[axis] - natural[axis]});
  return {pad(reshape(flat, natural), more)};
}

}  // namespace

void add_pooling(Table& t) {
  t["MaxPool"] = maximum_pool;
  t["AveragePool"] = average_pool;
  t["LpPool"] = lp_pool;
  t["MaxUnpool"] = maximum_unpool;
  t["GlobalAveragePool"] = [](const Call& c) -> Outputs { return {mean(c[0], spatial_axes(c[0]), true)}; };
  t["GlobalMaxPool"] = [](const Call& c) -> Outputs { return {amax(c[0], spatial_axes(c[0]), true)}; };
}

}  // namespace joist::onnx_ops
