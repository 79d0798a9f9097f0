// Pooling over windows.
#include <joist/tests/torch/families/spatial.h>

namespace joist::torchdb {
namespace {

using Pool = Tensor (*)(const Tensor&, const PoolOptions&);
using PoolIndices = std::pair<Tensor, Tensor> (*)(const Tensor&, const PoolOptions&);
using Unpool = Tensor (*)(const Tensor&, const Tensor&, const PoolOptions&, const Shape&);
using Adaptive = Tensor (*)(const Tensor&, const Shape&);
using AdaptiveIndices = std::pair<Tensor, Tensor> (*)(const Tensor&, const Shape&);
using Norm = Tensor (*)(const Tensor&, double, const PoolOptions&);

// `first`: position of the window's size, behind the input of the function.
Outputs max_pool(const Args& c, int first, const Tensor& x, int axes, Pool values, PoolIndices with_indices) {
  const PoolOptions options = max_pool_options(c, first, axes);
  if (c.flag(first + 5, "return_indices", false))
    return batched_pair(x, axes, [&](const Tensor& b) { return with_indices(b, options); });
  return batched(x, axes, [&](const Tensor& b) { return values(b, options); });
}

void add_max(Table& table, int axes, Pool values, PoolIndices with_indices, Unpool back) {
  const std::string d = std::to_string(axes) + "d";
  table.add("nn.functional.max_pool" + d,
            [=](Call& c) { return max_pool(c, 1, c.tensor(0), axes, values, with_indices); });
  table.add("nn.MaxPool" + d, [=](Call& c) { return max_pool(c, 0, c.inputs.tensor(0), axes, values, with_indices); });
  table.add("nn.functional.max_unpool" + d + " nn.functional.max_unpool" + d + ".grad", [=](Call& c) {
    const PoolOptions options{.kernel = c.spread(2, "kernel_size", axes, 0),
                              .stride = c.has(3, "stride") ? c.spread(3, "stride", axes, 0) : Shape{},
                              .padding = c.spread(4, "padding", axes, 0)};
    auto size = c.integers(5, "output_size");
    if (static_cast<int>(size.size()) > axes) size.erase(size.begin(), size.end() - axes);
    const bool batch = c.tensor(0).rank() == axes + 2;
    const Tensor index = batch ? c.tensor(1) : unsqueeze(c.tensor(1), 0);
    return batched(c.tensor(0), axes, [&](const Tensor& b) { return back(b, index, options, Shape(size)); });
  });
}

void add_average(Table& table, int axes, Pool function) {
  const std::string d = std::to_string(axes) + "d";
  table.add("nn.functional.avg_pool" + d, [=](Call& c) {
    const PoolOptions options = average_pool_options(c, 1, axes);
    return batched(c.tensor(0), axes, [&](const Tensor& b) { return function(b, options); });
  });
  table.add("nn.AvgPool" + d, [=](Call& c) {
    const PoolOptions options = average_pool_options(c, 0, axes);
    return batched(c.inputs.tensor(0), axes, [&](const Tensor& b) { return function(b, options); });
  });
}

void add_adaptive(Table& table, int axes, Adaptive average, Adaptive maximum, AdaptiveIndices with_indices) {
  const std::string d = std::to_string(axes) + "d";
  table.add("nn.functional.adaptive_avg_pool" + d, [=](Call& c) {
    const Shape size = output_size(c, 1, axes);
    return batched(c.tensor(0), axes, [&](const Tensor& b) { return average(b, size); });
  });
  table.add("nn.AdaptiveAvgPool" + d, [=](Call& c) {
    const Shape size = output_size(c, 0, axes);
    return batched(c.inputs.tensor(0), axes, [&](const Tensor& b) { return average(b, size); });
  });
  table.add("nn.functional.adaptive_max_pool" + d, [=](Call& c) -> Outputs {
    const Shape size = output_size(c, 1, axes);
    if (c.flag(2, "return_indices", false))
      return batched_pair(c.tensor(0), axes, [&](const Tensor& b) { return with_indices(b, size); });
    return batched(c.tensor(0), axes, [&](const Tensor& b) { return maximum(b, size); });
  });
  table.add("nn.AdaptiveMaxPool" + d, [=](Call& c) {
    const Shape size = output_size(c, 0, axes);
    return batched(c.inputs.tensor(0), axes, [&](const Tensor& b) { return maximum(b, size); });
  });
}

void add_norm(Table& table, int axes, Norm function) {
  table.add("nn.LPPool" + std::to_string(axes) + "d", [=](Call& c) {
    const PoolOptions options{.kernel = c.spread(1, "kernel_size", axes, 0),
                              .stride = c.has(2, "stride") ? c.spread(2, "stride", axes, 0) : Shape{},
                              .padding = Shape::filled(axes, 0),
                              .ceil_mode = c.flag(3, "ceil_mode", false)};
    return batched(c.inputs.tensor(0), axes,
                   [&](const Tensor& b) { return function(b, c.number(0, "norm_type"), options); });
  });
}

}  // namespace

Shape output_size(const Args& c, int position, int axes) {
  const Value& given = c.at(position, "output_size");
  if (given.kind != Value::Kind::list) return Shape::filled(axes, given.none() ? -1 : given.integer);
  std::vector<std::int64_t> lengths;
  for (const Value& item : given.items) lengths.push_back(item.none() ? -1 : item.integer);
  return lengths.size() == 1 ? Shape::filled(axes, lengths[0]) : Shape(lengths);
}

PoolOptions max_pool_options(const Args& c, int first, int axes) {
  const bool steps = !c.integers(first + 1, "stride").empty();
  return {.kernel = c.spread(first, "kernel_size", axes, 0),
          .stride = steps ? c.spread(first + 1, "stride", axes, 0) : Shape{},
          .padding = c.spread(first + 2, "padding", axes, 0),
          .ceil_mode = c.flag(first + 4, "ceil_mode", false),
          .dilation = c.spread(first + 3, "dilation", axes, 1)};
}

PoolOptions average_pool_options(const Args& c, int first, int axes) {
  const bool steps = !c.integers(first + 1, "stride").empty();
  return {.kernel = c.spread(first, "kernel_size", axes, 0),
          .stride = steps ? c.spread(first + 1, "stride", axes, 0) : Shape{},
          .padding = c.spread(first + 2, "padding", axes, 0),
          .count_padding = c.flag(first + 4, "count_include_pad", true),
          .ceil_mode = c.flag(first + 3, "ceil_mode", false),
          .divisor = c.integer(first + 5, "divisor_override", 0)};
}

void add_pooling(Table& table) {
  table.family("pooling");
  add_max(table, 1, max_pool1d, max_pool1d_with_indices, max_unpool1d);
  add_max(table, 2, max_pool2d, max_pool2d_with_indices, max_unpool2d);
  add_max(table, 3, max_pool3d, max_pool3d_with_indices, max_unpool3d);
  add_average(table, 1, avg_pool1d);
  add_average(table, 2, avg_pool2d);
  add_average(table, 3, avg_pool3d);
  add_adaptive(table, 1, adaptive_avg_pool1d, adaptive_max_pool1d, adaptive_max_pool1d_with_indices);
  add_adaptive(table, 2, adaptive_avg_pool2d, adaptive_max_pool2d, adaptive_max_pool2d_with_indices);
  add_adaptive(table, 3, adaptive_avg_pool3d, adaptive_max_pool3d, adaptive_max_pool3d_with_indices);
  add_norm(table, 1, lp_pool1d);
  add_norm(table, 2, lp_pool2d);
  add_norm(table, 3, lp_pool3d);
}

}  // namespace joist::torchdb
