// Products, convolutions, normalizations.
#include <joist/tools/training/onnx/call.h>
#include <joist/tools/training/onnx/windows.h>

#include <algorithm>

namespace joist::onnx_ops {
namespace {

Outputs gemm(const Call& c) {
  const Tensor a = c.integer("transA", 0) != 0 ? transpose(c[0], 0, 1) : c[0];
  const Tensor b = c.integer("transB", 0) != 0 ? transpose(c[1], 0, 1) : c[1];
  const double alpha = c.real("alpha", 1), beta = c.real("beta", 1);
  Tensor y = matmul(a, b);
  if (alpha != 1) y = y * alpha;
  if (c.has(2)) y = y + (beta == 1 ? c[2] : c[2] * beta);
  return {to(y, c[0].dtype())};
}

Tensor padded(const Tensor& x, const Windows& windows, double value) {
  if (std::all_of(windows.before.begin(), windows.before.end(), [](auto n) { return n == 0; }) &&
      std::all_of(windows.after.begin(), windows.after.end(), [](auto n) { return n == 0; }))
    return x;
  std::vector<std::int64_t> amounts;
  for (std::size_t i = windows.before.size(); i-- > 0;) {
    amounts.push_back(windows.before[i]);
    amounts.push_back(windows.after[i]);
  }
  return pad(x, amounts, PadMode::constant, value);
}

Outputs convolution(const Call& c) {
  const Tensor &x = c[0], &weight = c[1];
  if (x.rank() < 3 || x.rank() > 5 || weight.rank() != x.rank())
    c.unsupported("convolutions over other than 1 to 3 axes");
  const Windows windows = windows_of(c, x.shape(), std::span(weight.shape().begin() + 2, weight.shape().end()));
  ConvolutionOptions options{.stride = shape_of(c, windows.stride),
                             .padding = Shape::filled(x.rank() - 2, 0),
                             .dilation = shape_of(c, windows.dilation),
                             .groups = c.integer("group", 1)};
  Tensor input = x;
  if (windows.before == windows.after)
    options.padding = shape_of(c, windows.before);
  else
    input = padded(x, windows, 0);
  using Convolve = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const ConvolutionOptions&);
  constexpr Convolve by_rank[] = {conv1d, conv2d, conv3d};
  const Convolve run = by_rank[x.rank() - 3];
  return {run(input, weight, c.optional(2), options)};
}

// Without padding, then cut: any padding before and after is possible so.
Outputs transposed_convolution(const Call& c) {
  const Tensor &x = c[0], &weight = c[1];
  const int rank = x.rank(), spatial = rank - 2;
  if (rank < 3 || rank > 5 || weight.rank() != rank) c.unsupported("convolutions over other than 1 to 3 axes");
  const auto axes = static_cast<std::size_t>(spatial);
  const std::vector<std::int64_t> stride = c.list("strides", std::vector<std::int64_t>(axes, 1)),
                                  dilation = c.list("dilations", std::vector<std::int64_t>(axes, 1)),
                                  extra = c.list("output_padding", std::vector<std::int64_t>(axes, 0)),
                                  wanted = c.list("output_shape");
  std::vector<std::int64_t> pads = c.list("pads", std::vector<std::int64_t>(2 * axes, 0));
  const std::string automatic = c.text("auto_pad", "NOTSET");
  if (stride.size() != axes || dilation.size() != axes || extra.size() != axes || pads.size() != 2 * axes)
    c.refuse("options of another length than there are axes");
  if (!wanted.empty() && wanted.size() < axes) c.refuse("output_shape of another length than there are axes");
  shape_of(c, wanted);
  for (const auto* each : std::initializer_list<const std::vector<std::int64_t>*>{&stride, &dilation, &extra, &pads})
    if (!are_small(*each)) c.refuse("a size beyond a million");
  TransposedConvolutionOptions options{.stride = shape_of(c, stride),
                                       .padding = Shape::filled(spatial, 0),
                                       .output_padding = Shape::filled(spatial, 0),
                                       .dilation = shape_of(c, dilation),
                                       .groups = c.integer("group", 1)};
  const auto run = rank == 3 ? conv_transpose1d : rank == 4 ? conv_transpose2d : conv_transpose3d;
  Tensor y = run(x, weight, {}, options);
  std::vector<std::int64_t> grow;
  for (int axis = spatial - 1; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    const std::int64_t full_length = y.shape(axis + 2) + extra[i];
    std::int64_t longer = 0;
    if (!wanted.empty() || automatic.starts_with("SAME")) {
      const std::int64_t length = !wanted.empty() ? wanted[wanted.size() - axes + i] : x.shape(axis + 2) * stride[i];
      const std::int64_t total = std::max<std::int64_t>(full_length - length, 0);
      longer = std::max<std::int64_t>(length - full_length, 0);
      const bool upper = automatic == "SAME_UPPER";
      pads[i] = upper ? total / 2 : total - total / 2;
      pads[i + axes] = total - pads[i];
    }
    grow.push_back(-pads[i]);
    grow.push_back(extra[i] + longer - pads[i + axes]);
  }
  if (std::any_of(grow.begin(), grow.end(), [](auto n) { return n != 0; })) y = pad(y, grow);
  if (c.has(2)) {
    Shape channels = Shape::filled(rank, 1);
    channels[1] = c[2].shape(0);
    y = y + reshape(c[2], channels);
  }
  return {y};
}

Tensor per_channel(const Tensor& values, int rank) {
  Shape shape = Shape::filled(rank, 1);
  if (rank > 1) shape[1] = values.value().elements();
  return reshape(values, rank > 1 ? shape : Shape{values.value().elements()});
}

Outputs batch_normalization(const Call& c) {
  const Tensor& x = c[0];
  const double epsilon = c.real("epsilon", 1e-5), momentum = c.real("momentum", 0.9);
  if (c.operator_set() < 7 && c.integer("is_test", 0) == 0) c.unsupported("batch statistics before operator set 7");
  if (c.integer("spatial", 1) == 0) c.unsupported("statistics per element");
  const bool by_batch = c.operator_set() < 7     ? false
                        : c.operator_set() >= 14 ? c.integer("training_mode", 0) != 0
                                                 : c.wants(1);
  Tensor mean_ = c[3], variance = c[4];
  if (by_batch) {
    std::vector<int> axes = {0};
    for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
    mean_ = mean(x, axes);
    variance = var(x, axes, 0);
  }
  const Tensor scale = c[1] / sqrt(variance + epsilon);
  const Tensor y = (x - per_channel(mean_, x.rank())) * per_channel(scale, x.rank()) + per_channel(c[2], x.rank());
  if (!by_batch) return {to(y, x.dtype())};
  return {to(y, x.dtype()), c[3] * momentum + mean_ * (1 - momentum), c[4] * momentum + variance * (1 - momentum)};
}

Outputs layer_normalization(const Call& c) {
  const int first = c.axis("axis", -1, c[0].rank());
  std::vector<int> axes;
  for (int axis = first; axis < c[0].rank(); ++axis) axes.push_back(axis);
  const Tensor average = mean(c[0], axes, true), centered = c[0] - average;
  const Tensor inverse_deviation = rsqrt(mean(centered * centered, axes, true) + c.real("epsilon", 1e-5));
  Tensor y = centered * inverse_deviation * c[1];
  if (c.has(2)) y = y + c[2];
  return {y, average, inverse_deviation};
}

Outputs group_normalization(const Call& c) {
  const std::int64_t groups = c.integer("num_groups", 1), channels = c[0].shape(1);
  if (groups < 1 || channels % groups != 0) c.refuse("channels that the groups do not divide");
  const auto spread = [&](const Tensor& values) {
    return values.shape(0) == channels ? values : repeat_interleave(values, channels / groups, 0);
  };
  return {group_norm(c[0], groups, spread(c[1]), spread(c[2]), c.real("epsilon", 1e-5))};
}

Outputs mean_variance_normalization(const Call& c) {
  const std::vector<int> axes = axes_of(c, c.list("axes", {0, 2, 3}), c[0].rank());
  const Tensor average = mean(c[0], axes, true);
  const Tensor deviation = sqrt(mean(c[0] * c[0], axes, true) - average * average);
  return {(c[0] - average) / (deviation + 1e-9)};
}

Outputs local_response(const Call& c) {
  const std::int64_t size = c.integer("size", 1);
  if (size % 2 == 0) c.unsupported("LRN over an even number of channels");
  return {local_response_norm(c[0], size, c.real("alpha", 1e-4), c.real("beta", 0.75), c.real("bias", 1))};
}

Outputs drop_out(const Call& c) {
  const bool acts = c.operator_set() >= 12 && c.has(2) && c.number(2) != 0 && (!c.has(1) || c.number(1) > 0);
  if (acts || (c.operator_set() < 7 && c.integer("is_test", 0) == 0)) c.unsupported("dropout in training mode");
  return {c[0], c.operator_set() >= 10 ? ne(ones_like(c[0].detach()), 0.0) : ones_like(c[0].detach())};
}

Outputs einstein_sum(const Call& c) {
  std::string equation = c.text("equation", "");
  std::erase(equation, ' ');
  return {einsum(equation, c.all())};
}

Outputs lp_normalization(const Call& c) {
  const std::int64_t p = c.integer("p", 2);
  const int axis = c.axis("axis", -1, c[0].rank());
  const Tensor length = p == 1 ? sum(abs(c[0]), axis, true) : sqrt(sum(c[0] * c[0], axis, true));
  return {c[0] / length};
}

}  // namespace

Tensor with_edges(const Tensor& x, const Windows& windows, double value) { return padded(x, windows, value); }

void add_networks(Table& t) {
  t["MatMul"] = [](const Call& c) -> Outputs { return {matmul(c[0], c[1])}; };
  t["Gemm"] = gemm;
  t["Einsum"] = einstein_sum;
  t["Det"] = [](const Call& c) -> Outputs { return {det(c[0])}; };
  t["Conv"] = convolution;
  t["ConvTranspose"] = transposed_convolution;
  t["BatchNormalization"] = batch_normalization;
  t["InstanceNormalization"] = [](const Call& c) -> Outputs {
    return {instance_norm(c[0], {}, {}, c[1], c[2], {.epsilon = c.real("epsilon", 1e-5)})};
  };
  t["LayerNormalization"] = layer_normalization;
  t["GroupNormalization"] = group_normalization;
  t["MeanVarianceNormalization"] = mean_variance_normalization;
  t["LpNormalization"] = lp_normalization;
  t["LRN"] = local_response;
  t["Dropout"] = drop_out;
}

}  // namespace joist::onnx_ops
