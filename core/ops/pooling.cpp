// maximum: y = max over the window      dx[argmax] += dy
// average: y = mean over the window     dx += dy / window, spread over the window
// One spatial axis is computed as two, the first of length 1.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/pooling.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/pooling.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/spatial.h>

#include <limits>

namespace joist {
namespace {

struct Pooled {
  PoolOptions options;
  Shape shape;
};

// The options with one entry per axis, and the result's shape.
Pooled pooled(const char* op, const Tensor& x, const PoolOptions& given, int spatial, bool dilated) {
  require_rank(op, x, 2 + spatial, picture_axes(spatial));
  require_floating(op, x);
  PoolOptions options = given;
  if (options.stride.rank() == 0) options.stride = options.kernel;
  options.kernel = per_axis(op, "kernel", options.kernel, spatial);
  options.stride = per_axis(op, "stride", options.stride, spatial);
  options.padding = per_axis(op, "padding", options.padding, spatial);
  options.dilation = per_axis(op, "dilation", options.dilation, spatial);
  Shape shape = x.shape();
  for (int i = 0; i < spatial; ++i) {
    const std::int64_t kernel = options.kernel[i], stride = options.stride[i], padding = options.padding[i];
    const std::int64_t dilation = options.dilation[i], length = x.shape(2 + i);
    if (!dilated && dilation != 1)
      throw ShapeError({.where = op,
                        .what = "dilation " + options.dilation.text(),
                        .expected = "1 for averages",
                        .remedy = "a convolution with equal weights has a dilation"});
    const std::int64_t window = dilation * (kernel - 1) + 1;
    if (kernel < 1 || stride < 1 || dilation < 1 || padding < 0 || padding * 2 > window)
      throw ShapeError({.where = op,
                        .what = "kernel " + options.kernel.text() + ", stride " + options.stride.text() + ", padding " +
                                options.padding.text() + ", dilation " + options.dilation.text(),
                        .expected = "kernel, stride and dilation at least 1, padding at most half the kernel",
                        .remedy = "pad() first for more padding"});
    const std::int64_t room = length + 2 * padding - window;
    if (room < 0 || length < 1)
      throw ShapeError({.where = op,
                        .what = "kernel " + options.kernel.text() + " does not fit input " + x.shape().text(),
                        .expected = "a window of at most the padded length",
                        .remedy = "a smaller kernel or a larger picture"});
    std::int64_t& count = shape[2 + i];
    count = (options.ceil_mode ? room + stride - 1 : room) / stride + 1;
    if (options.ceil_mode && (count - 1) * stride >= length + padding) --count;  // it would start beyond the input
  }
  if (x.shape().elements(2, x.rank()) > std::numeric_limits<std::int32_t>::max())
    throw UnsupportedError(
        {.where = op, .what = "unsupported: more than 2^31 - 1 positions in a plane of input " + x.shape().text()});
  return {options, shape};
}

Tensor flattened(const Tensor& x) { return reshape(x, x.shape().inserted(2, 1)); }
PoolOptions flattened(PoolOptions options) {
  options.kernel = options.kernel.inserted(0, 1);
  options.stride = options.stride.inserted(0, 1);
  options.padding = options.padding.inserted(0, 0);
  options.dilation = options.dilation.inserted(0, 1);
  return options;
}

// Two or three spatial axes, checked.
std::pair<Tensor, Array> maximum(const Tensor& x, const PoolOptions& options, const Shape& shape) {
  const auto& table = kernels_of<PoolKernels>(x.value());
  const bool volume = x.rank() == 5;
  Array y = Array::like(x.value(), shape);
  Array index = Array::empty(shape, Dtype::int32, x.device(), y.order());
  (volume ? table.maximum_3d : table.maximum)(x.value(), options, {y, false}, index);
  return {record({Op::max_pool, options}, {x}, std::move(y),
                 [index = saved(index), options, volume, &table](const Array& dy, Node& node) {
                   (volume ? table.maximum_3d_backward : table.maximum_backward)(dy, index, options, node.slot(0));
                 }),
          index};
}

Tensor max_pool(const char* op, const Tensor& x, const PoolOptions& given, int spatial) {
  const auto [options, shape] = pooled(op, x, given, spatial, true);
  if (spatial > 1) return maximum(x, options, shape).first;
  return reshape(maximum(flattened(x), flattened(options), shape.inserted(2, 1)).first, shape);
}

std::pair<Tensor, Tensor> max_pool_with_indices(const char* op, const Tensor& x, const PoolOptions& given,
                                                int spatial) {
  const auto [options, shape] = pooled(op, x, given, spatial, true);
  const auto [y, index] =
      spatial > 1 ? maximum(x, options, shape) : maximum(flattened(x), flattened(options), shape.inserted(2, 1));
  Array wide = Array::empty(index.shape(), Dtype::int64, index.device(), index.order());
  kernels_of<ElementwiseKernels>(index).copy(index, {wide, false});
  return {reshape(y, shape), reshape(Tensor(wide), shape)};
}

Tensor avg_pool(const char* op, const Tensor& input, const PoolOptions& given, int spatial) {
  auto [options, shape] = pooled(op, input, given, spatial, false);
  const Tensor x = spatial > 1 ? input : flattened(input);
  if (spatial == 1) options = flattened(options);
  const auto& table = kernels_of<PoolKernels>(x.value());
  const bool volume = spatial == 3;
  Array y = Array::like(x.value(), spatial > 1 ? shape : shape.inserted(2, 1));
  (volume ? table.average_3d : table.average)(x.value(), options, {y, false});
  const Tensor result =
      record({Op::average_pool, options}, {x}, std::move(y), [options, volume, &table](const Array& dy, Node& node) {
        (volume ? table.average_3d_backward : table.average_backward)(dy, options, node.slot(0));
      });
  return reshape(result, shape);
}

Tensor lp_pool(const char* op, const Tensor& x, double norm, PoolOptions options, int spatial) {
  require_rank(op, x, 2 + spatial, picture_axes(spatial));
  require_floating(op, x);
  if (!(norm != 0))
    throw UsageError({.where = op,
                      .what = "norm " + std::to_string(norm),
                      .expected = "a number other than 0",
                      .remedy = "2 for root mean squares, max_pool for infinity"});
  if (std::any_of(options.padding.begin(), options.padding.end(), [](auto padding) { return padding != 0; }))
    throw ShapeError(
        {.where = op, .what = "padding " + options.padding.text(), .expected = "no padding", .remedy = "pad() first"});
  options.kernel = per_axis(op, "kernel", options.kernel, spatial);
  const auto area = static_cast<double>(options.kernel.elements());
  return pow(avg_pool(op, pow(x, norm), options, spatial) * area, 1 / norm);
}

Tensor max_unpool(const char* op, const Tensor& x, const Tensor& indices, const PoolOptions& given,
                  const Shape& output_size, int spatial) {
  require_rank(op, x, 2 + spatial, picture_axes(spatial));
  require_floating(op, x);
  require_same_device(op, x, indices);
  if (indices.dtype() != Dtype::int64)
    throw DtypeError({.where = op,
                      .what = "indices of " + std::string(name_of(indices.dtype())),
                      .expected = "int64 indices",
                      .remedy = "the indices that max_pool*_with_indices returned"});
  if (indices.shape() != x.shape())
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + " and indices " + indices.shape().text(),
                      .expected = "indices of the input's shape",
                      .remedy = "the indices that max_pool*_with_indices returned"});
  const Shape kernel = per_axis(op, "kernel", given.kernel, spatial),
              stride = given.stride.rank() == 0 ? kernel : per_axis(op, "stride", given.stride, spatial),
              padding = per_axis(op, "padding", given.padding, spatial);
  for (int i = 0; i < spatial; ++i)
    if (kernel[i] < 1 || stride[i] < 1 || padding[i] < 0)
      throw ShapeError({.where = op,
                        .what = "kernel " + kernel.text() + ", stride " + stride.text() + ", padding " + padding.text(),
                        .expected = "kernel and stride at least 1, padding at least 0",
                        .remedy = "the options that the pooling had"});
  if (output_size.rank() != 0 && output_size.rank() != spatial)
    throw ShapeError({.where = op,
                      .what = "output_size " + output_size.text(),
                      .expected = std::to_string(spatial) + " lengths of the spatial axes",
                      .remedy = "the last lengths of what was pooled"});
  Shape shape = x.shape();
  for (int i = 0; i < spatial; ++i) {
    const std::int64_t least = (x.shape(2 + i) - 1) * stride[i] - 2 * padding[i] + kernel[i];
    shape[2 + i] = output_size.rank() == 0 ? least : output_size[i];
    if (shape[2 + i] < 1 || std::abs(shape[2 + i] - least) >= stride[i])
      throw ShapeError({.where = op,
                        .what = "input " + x.shape().text() + " to the lengths " + output_size.text(),
                        .expected = "a length less than the stride away from " + std::to_string(least) + " on axis " +
                                    std::to_string(2 + i),
                        .remedy = "the options and the length that the pooling had"});
  }
  if (indices.device().on_host()) {
    const std::int64_t positions = shape.elements(2, shape.rank());
    for_each_index(x.shape(), [&](const Shape& i) {
      const std::int64_t at = indices.value().data<std::int64_t>()[offset_of(i, indices.value().strides())];
      if (at < 0 || at >= positions)
        throw DataError({.where = op,
                         .what = "index " + std::to_string(at) + " at " + i.text(),
                         .expected = "0 to " + std::to_string(positions - 1) + " for output " + shape.text(),
                         .remedy = "the output_size that was pooled"});
    });
  }
  const auto& table = kernels_of<PoolKernels>(x.value());
  Array y = Array::like(x.value(), shape);
  table.place(x.value(), indices.value(), false, {y, false});
  return record({Op::max_unpool}, {x, indices}, std::move(y),
                [index = saved(indices), &table](const Array& dy, Node& node) {
                  if (node.wants(0)) table.pick(dy, index, node.slot(0));
                });
}

}  // namespace

Tensor max_pool1d(const Tensor& x, const PoolOptions& options) { return max_pool("max_pool1d", x, options, 1); }
Tensor max_pool2d(const Tensor& x, const PoolOptions& options) { return max_pool("max_pool2d", x, options, 2); }
Tensor max_pool3d(const Tensor& x, const PoolOptions& options) { return max_pool("max_pool3d", x, options, 3); }
std::pair<Tensor, Tensor> max_pool1d_with_indices(const Tensor& x, const PoolOptions& options) {
  return max_pool_with_indices("max_pool1d", x, options, 1);
}
std::pair<Tensor, Tensor> max_pool2d_with_indices(const Tensor& x, const PoolOptions& options) {
  return max_pool_with_indices("max_pool2d", x, options, 2);
}
std::pair<Tensor, Tensor> max_pool3d_with_indices(const Tensor& x, const PoolOptions& options) {
  return max_pool_with_indices("max_pool3d", x, options, 3);
}
Tensor max_unpool1d(const Tensor& x, const Tensor& indices, const PoolOptions& options, const Shape& output_size) {
  return max_unpool("max_unpool1d", x, indices, options, output_size, 1);
}
Tensor max_unpool2d(const Tensor& x, const Tensor& indices, const PoolOptions& options, const Shape& output_size) {
  return max_unpool("max_unpool2d", x, indices, options, output_size, 2);
}
Tensor max_unpool3d(const Tensor& x, const Tensor& indices, const PoolOptions& options, const Shape& output_size) {
  return max_unpool("max_unpool3d", x, indices, options, output_size, 3);
}

Tensor avg_pool1d(const Tensor& x, const PoolOptions& options) { return avg_pool("avg_pool1d", x, options, 1); }
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) { return avg_pool("avg_pool2d", x, options, 2); }
Tensor avg_pool3d(const Tensor& x, const PoolOptions& options) { return avg_pool("avg_pool3d", x, options, 3); }
Tensor lp_pool1d(const Tensor& x, double norm, const PoolOptions& options) {
  return lp_pool("lp_pool1d", x, norm, options, 1);
}
Tensor lp_pool2d(const Tensor& x, double norm, const PoolOptions& options) {
  return lp_pool("lp_pool2d", x, norm, options, 2);
}
Tensor lp_pool3d(const Tensor& x, double norm, const PoolOptions& options) {
  return lp_pool("lp_pool3d", x, norm, options, 3);
}

Tensor global_average_pool(const Tensor& x) {
  require_rank("global_average_pool", x, 4, "[batch, channel, height, width]");
  require_floating("global_average_pool", x);
  return mean(x, {2, 3}, true);
}

}  // namespace joist
