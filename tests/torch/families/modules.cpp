// Layers with their state by its names in PyTorch: linear, convolution, normalization, embedding, padding.
#include <joist/layers/convolution.h>
#include <joist/layers/convolution_transposed.h>
#include <joist/layers/embedding.h>
#include <joist/layers/linear.h>
#include <joist/layers/normalization.h>
#include <joist/layers/padding.h>
#include <joist/tests/torch/families/spatial.h>

namespace joist::torchdb {
namespace {

PerAxis per_axis(const Args& c, int position, const char* name, std::int64_t otherwise) {
  const auto given = c.integers(position, name);
  if (given.size() == 2) return {given[0], given[1]};
  if (given.size() == 3) return {given[0], given[1], given[2]};
  return given.empty() ? otherwise : given[0];
}

// lazy: PyTorch's layer learns its number of input channels from the first input; joist's is told.
template <int axes>
void add_convolution(Table& table, const std::string& name, bool lazy) {
  table.add(name, [lazy](Call& c) {
    const int at = lazy ? -1 : 0;
    ConvOptions options{.in = lazy ? c.state("weight").shape(1) : c.integer(0, "in_channels"),
                        .out = c.integer(at + 1, "out_channels"),
                        .kernel = per_axis(c, at + 2, "kernel_size", 0),
                        .stride = per_axis(c, at + 3, "stride", 1),
                        .padding = 0,
                        .dilation = per_axis(c, at + 5, "dilation", 1),
                        .groups = c.integer(at + 6, "groups", 1),
                        .bias = c.flag(at + 7, "bias", true)};
    if (c.at(at + 4, "padding").kind == Value::Kind::text) {
      options.padding = c.text(at + 4, "padding", "") == "same" ? Padding::same : Padding::valid;
    } else {
      options.padding = c.integer(at + 4, "padding", 0);
    }
    Convolution<axes> layer(options);
    c.load(layer);
    return batched(c.inputs.tensor(0), axes, [&](const Tensor& x) { return layer(x); });
  });
}

template <int axes>
void add_transposed(Table& table, const std::string& name, bool lazy) {
  table.add(name, [lazy](Call& c) {
    const int at = lazy ? -1 : 0;
    ConvTranspose<axes> layer({.in = lazy ? c.state("weight").shape(0) : c.integer(0, "in_channels"),
                               .out = c.integer(at + 1, "out_channels"),
                               .kernel = per_axis(c, at + 2, "kernel_size", 0),
                               .stride = per_axis(c, at + 3, "stride", 1),
                               .padding = per_axis(c, at + 4, "padding", 0),
                               .output_padding = per_axis(c, at + 5, "output_padding", 0),
                               .dilation = per_axis(c, -1, "dilation", 1),
                               .groups = c.integer(-1, "groups", 1),
                               .bias = c.flag(-1, "bias", true)});
    c.load(layer);
    return batched(c.inputs.tensor(0), axes, [&](const Tensor& x) { return layer(x); });
  });
}

template <int axes>
void add_norms(Table& table) {
  const std::string d = std::to_string(axes) + "d";
  table.add("nn.BatchNorm" + d, [](Call& c) {
    if (!c.flag(-1, "bias", true)) throw Unsupported("a weight without a bias");
    BatchNormLayerOptions options{.channels = c.integer(0, "num_features"),
                                  .epsilon = c.number(1, "eps", 1e-5),
                                  .affine = c.flag(3, "affine", true),
                                  .track_running_stats = c.flag(4, "track_running_stats", true)};
    const bool plain_average = c.count() > 2 && !c.has(2, "momentum");
    options.momentum = plain_average ? std::nullopt : std::optional(c.number(2, "momentum", 0.1));
    BatchNorm<axes> layer(options);
    c.load(layer);
    return layer(c.inputs.tensor(0));
  });
  table.add("nn.InstanceNorm" + d, [](Call& c) {
    if (!c.flag(-1, "bias", true)) throw Unsupported("a weight without a bias");
    InstanceNorm<axes> layer({.channels = c.integer(0, "num_features"),
                              .epsilon = c.number(1, "eps", 1e-5),
                              .momentum = c.number(2, "momentum", 0.1),
                              .affine = c.flag(3, "affine", false),
                              .track_running_stats = c.flag(4, "track_running_stats", false)});
    c.load(layer);
    return layer(c.inputs.tensor(0));
  });
}

template <class Layer>
void add_padding(Table& table, const std::string& name, int axes) {
  table.add("nn." + name, [axes](Call& c) {
    Layer layer;
    layer.padding = c.shape(0, "padding");
    if constexpr (requires { layer.value; }) layer.value = c.number(1, "value");
    return batched(c.inputs.tensor(0), axes, [&](const Tensor& x) { return layer(x); });
  });
}

void add_other(Table& table) {
  table.add("nn.Linear", [](Call& c) {
    Linear layer(
        {.in = c.integer(0, "in_features"), .out = c.integer(1, "out_features"), .bias = c.flag(2, "bias", true)});
    c.load(layer);
    return layer(c.inputs.tensor(0, "input"));
  });
  table.add("nn.Embedding", [](Call& c) {
    Embedding layer({.num_embeddings = c.integer(0, "num_embeddings"), .embedding_dim = c.integer(1, "embedding_dim")});
    c.load(layer);
    return layer(to(c.inputs.tensor(0), Dtype::int64));
  });
  table.add("nn.LayerNorm", [](Call& c) {
    LayerNorm layer({.normalized_shape = c.shape(0, "normalized_shape"),
                     .epsilon = c.number(1, "eps", 1e-5),
                     .elementwise_affine = c.flag(2, "elementwise_affine", true),
                     .bias = c.flag(3, "bias", true)});
    c.load(layer);
    return layer(c.inputs.tensor(0));
  });
  table.add("nn.RMSNorm", [](Call& c) {
    RMSNorm layer({.normalized_shape = c.shape(0, "normalized_shape"),
                   .epsilon = c.number(1, "eps", -1),
                   .elementwise_affine = c.flag(2, "elementwise_affine", true)});
    c.load(layer);
    return layer(c.inputs.tensor(0));
  });
  table.add("nn.GroupNorm", [](Call& c) {
    if (!c.flag(-1, "bias", true)) throw Unsupported("a weight without a bias");
    GroupNorm layer({.groups = c.integer(0, "num_groups"),
                     .channels = c.integer(1, "num_channels"),
                     .epsilon = c.number(2, "eps", 1e-5),
                     .affine = c.flag(3, "affine", true)});
    c.load(layer);
    return layer(c.inputs.tensor(0));
  });
  table.add("nn.LocalResponseNorm", [](Call& c) {
    const LocalResponseNorm layer{c.integer(0, "size"), c.number(1, "alpha", 1e-4), c.number(2, "beta", 0.75),
                                  c.number(3, "k", 1)};
    return layer(c.inputs.tensor(0));
  });
}

void add_paddings(Table& table) {
  add_padding<ZeroPad1d>(table, "ZeroPad1d", 1);
  add_padding<ZeroPad2d>(table, "ZeroPad2d", 2);
  add_padding<ZeroPad3d>(table, "ZeroPad3d", 3);
  add_padding<ConstantPad1d>(table, "ConstantPad1d", 1);
  add_padding<ConstantPad2d>(table, "ConstantPad2d", 2);
  add_padding<ConstantPad3d>(table, "ConstantPad3d", 3);
  add_padding<ReflectionPad1d>(table, "ReflectionPad1d", 1);
  add_padding<ReflectionPad2d>(table, "ReflectionPad2d", 2);
  add_padding<ReflectionPad3d>(table, "ReflectionPad3d", 3);
  add_padding<ReplicationPad1d>(table, "ReplicationPad1d", 1);
  add_padding<ReplicationPad2d>(table, "ReplicationPad2d", 2);
  add_padding<ReplicationPad3d>(table, "ReplicationPad3d", 3);
  add_padding<CircularPad1d>(table, "CircularPad1d", 1);
  add_padding<CircularPad2d>(table, "CircularPad2d", 2);
  add_padding<CircularPad3d>(table, "CircularPad3d", 3);
}

}  // namespace

void add_modules(Table& table) {
  table.family("modules: convolution");
  for (const bool lazy : {false, true}) {
    const std::string prefix = lazy ? "nn.Lazy" : "nn.";
    add_convolution<1>(table, prefix + "Conv1d", lazy);
    add_convolution<2>(table, prefix + "Conv2d", lazy);
    add_convolution<3>(table, prefix + "Conv3d", lazy);
    add_transposed<1>(table, prefix + "ConvTranspose1d", lazy);
    add_transposed<2>(table, prefix + "ConvTranspose2d", lazy);
    add_transposed<3>(table, prefix + "ConvTranspose3d", lazy);
  }
  add_paddings(table);
  table.family("modules: normalization");
  add_norms<1>(table);
  add_norms<2>(table);
  add_norms<3>(table);
  add_other(table);
}

}  // namespace joist::torchdb
