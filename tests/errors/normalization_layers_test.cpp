// What normalization layers refuse.
#include <joist/core/mode.h>
#include <joist/layers/normalization.h>
#include <joist/tests/support/refusals.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

Tensor pictures(int axes, std::int64_t channels, Dtype dtype = Dtype::float32) {
  return zeros(Shape::filled(axes + 2, 5).with(0, 2).with(1, channels), dtype);
}

// What both kinds over `axes` axes behind 4 channels refuse, in training and in evaluation.
template <class Layer, class Options>
void expect_common(const std::string& name, const std::string& function, int axes, const Options& good) {
  const auto with = [&good](auto&& change) {
    Options options = good;
    change(options);
    return Layer(options);
  };
  for (const auto kind : {Mode::training, Mode::evaluation}) {
    const Mode mode(kind);
    const Layer layer(good);
    expect_refusals({
        wrong_shape(name, [&] { return layer(zeros({4})); }, {name + ":", "[4]", "[batch, channel", "number of axes"}),
        wrong_shape(
            name, [&] { return layer(pictures(axes, 6)); },
            {name + ":", pictures(axes, 6).shape().text(), "4 channels on axis 1", "a layer of 6", "permute()"}),
        wrong_dtype(name, [&] { return layer(pictures(axes, 4, Dtype::int64)); },
                    {function, "input of int64", "float32, float64", "to(x, Dtype::float32)"}),
        wrong_dtype(name, [&] { return layer(pictures(axes, 4, Dtype::float64)); },
                    {function, "float64 and float32", "to(x, Dtype::float32)"}),
    });
  }
  expect_refusals({
      wrong_option(name, [&] { return with([](Options& o) { o.channels = 0; }); }, {name + ":", "channels 0"}),
      wrong_option(name, [&] { return with([](Options& o) { o.channels = -4; }); }, {name + ":", "channels -4"}),
      wrong_option(name, [&] { return with([](Options& o) { o.epsilon = -1; }); },
                   {name + ":", "epsilon -1", "0 or more", "1e-5"}),
      wrong_option(name, [&] { return with([](Options& o) { o.epsilon = std::nan(""); }); },
                   {name + ":", "epsilon nan"}),
      wrong_option(name, [&] { return with([](Options& o) { o.momentum = 1.5; }); },
                   {name + ":", "momentum 1.5", "0 to 1", "0.1"}),
  });
}

TEST(NormalizationLayerErrors, Batches) {
  const BatchNormLayerOptions good{.channels = 4};
  expect_common<BatchNorm1d>("BatchNorm1d", "batch_norm:", 1, good);
  expect_common<BatchNorm2d>("BatchNorm2d", "batch_norm:", 2, good);
  expect_common<BatchNorm3d>("BatchNorm3d", "batch_norm:", 3, good);
  const BatchNorm1d layer{{.channels = 4}};
  const BatchNorm2d bare{{.channels = 4, .affine = false, .track_running_stats = false}};
  const Mode training(Mode::training);
  expect_refusals({
      wrong_shape("BatchNorm1d",
                  [&] {
                    return layer(zeros({1, 4}));
                  },
                  {"batch_norm", "one value per channel", "[1, 4]", "at least two", "evaluation mode"}),
      wrong_shape("BatchNorm1d", [&] { return layer(pictures(2, 4)); }, {"BatchNorm1d", "[2, 4, 5, 5]", "length]"}),
      wrong_shape("BatchNorm2d", [&] { return bare(pictures(2, 6)); }, {"BatchNorm2d", "[2, 6, 5, 5]", "4 channels"}),
  });
}

TEST(NormalizationLayerErrors, Instances) {
  const InstanceNormLayerOptions good{.channels = 4, .affine = true, .track_running_stats = true};
  expect_common<InstanceNorm1d>("InstanceNorm1d", "instance_norm:", 1, good);
  expect_common<InstanceNorm2d>("InstanceNorm2d", "instance_norm:", 2, good);
  expect_common<InstanceNorm3d>("InstanceNorm3d", "instance_norm:", 3, good);
  const InstanceNorm2d bare{{.channels = 4}};
  expect_refusals({
      wrong_shape("InstanceNorm2d", [&] { return bare(pictures(2, 6)); },
                  {"InstanceNorm2d", "[2, 6, 5, 5]", "4 channels"}),
      wrong_shape("InstanceNorm2d",
                  [&] {
                    return bare(zeros({6, 5, 5}));
                  },
                  {"InstanceNorm2d", "6, 5, 5]", "4 channels"}),
      wrong_shape("InstanceNorm2d",
                  [&] {
                    return bare(zeros({2, 4, 1, 1}));
                  },
                  {"instance_norm", "one value per channel", "[2, 4, 1, 1]", "at least two", "larger pictures"}),
  });
}

TEST(NormalizationLayerErrors, Layers) {
  const LayerNorm layer{{.normalized_shape = Shape{4, 5}}};
  const RMSNorm rms{{.normalized_shape = Shape{5}}};
  const std::vector<std::string> last{"input [2, 5, 4] normalized over [4, 5]", "last axes", "permute"};
  expect_refusals({
      wrong_shape(
          "LayerNorm",
          [&] {
            return layer(zeros({2, 5, 4}));
          },
          last),
      wrong_shape("LayerNorm", [&] { return layer(zeros({5})); }, {"layer_norm", "input [5]", "[4, 5]"}),
      wrong_dtype("LayerNorm",
                  [&] {
                    return layer(zeros({4, 5}, Dtype::int64));
                  },
                  {"layer_norm", "int64", "to(x"}),
      wrong_dtype("LayerNorm",
                  [&] {
                    return layer(zeros({4, 5}, Dtype::float64));
                  },
                  {"float64 and float32"}),
      wrong_option("LayerNorm", [] { return LayerNorm{{.normalized_shape = Shape{}}}; },
                   {"LayerNorm", "normalized_shape []", "1 or more"}),
      wrong_option("LayerNorm",
                   [] {
                     return LayerNorm{{.normalized_shape = Shape{4, -1}}};
                   },
                   {"LayerNorm", "normalized_shape [4, -1]"}),
      wrong_option("LayerNorm", [] { return LayerNorm{{.normalized_shape = Shape{4}, .epsilon = -1}}; },
                   {"LayerNorm", "epsilon -1", "0 or more"}),
      wrong_shape("RMSNorm",
                  [&] {
                    return rms(zeros({5, 4}));
                  },
                  {"rms_norm", "input [5, 4] normalized over [5]"}),
      wrong_dtype("RMSNorm",
                  [&] {
                    return rms(zeros({4, 5}, Dtype::boolean));
                  },
                  {"rms_norm", "input of bool", "to(x"}),
      wrong_dtype("RMSNorm",
                  [&] {
                    return rms(zeros({4, 5}, Dtype::float64));
                  },
                  {"rms_norm", "float64 and float32"}),
      wrong_option("RMSNorm", [] { return RMSNorm{{.normalized_shape = Shape{0}}}; }, {"RMSNorm", "[0]", "1 or more"}),
  });
}

TEST(NormalizationLayerErrors, Groups) {
  const GroupNorm layer{{.groups = 2, .channels = 4}};
  const GroupNorm bare{{.groups = 2, .channels = 4, .affine = false}};
  const Tensor x = pictures(2, 4);
  expect_refusals({
      wrong_shape("GroupNorm", [&] { return layer(zeros({4})); }, {"group_norm", "[4]", "[batch, channel, ...]"}),
      wrong_shape("GroupNorm", [&] { return layer(pictures(2, 6)); }, {"GroupNorm", "[2, 6, 5, 5]", "4 channels"}),
      wrong_shape("GroupNorm", [&] { return bare(pictures(2, 6)); }, {"GroupNorm", "[2, 6, 5, 5]", "4 channels"}),
      wrong_dtype("GroupNorm", [&] { return bare(pictures(2, 4, Dtype::int64)); }, {"group_norm", "int64", "to(x"}),
      wrong_dtype("GroupNorm", [&] { return layer(pictures(2, 4, Dtype::float64)); }, {"float64 and float32"}),
      wrong_option("GroupNorm", [] { return GroupNorm{{.groups = 3, .channels = 4}}; },
                   {"GroupNorm", "3 groups of 4 channels", "divides", "1 group"}),
      wrong_option("GroupNorm", [] { return GroupNorm{{.groups = 0, .channels = 4}}; }, {"GroupNorm", "0 groups"}),
      wrong_option("GroupNorm", [] { return GroupNorm{{.groups = 1, .channels = 0}}; }, {"GroupNorm", "channels 0"}),
      wrong_option("GroupNorm", [] { return GroupNorm{{.groups = 2, .channels = 4, .epsilon = -1}}; },
                   {"GroupNorm", "epsilon -1"}),
      wrong_shape("LocalResponseNorm",
                  [] {
                    return LocalResponseNorm{}(zeros({2, 3}));
                  },
                  {"local_response_norm", "[2, 3]", "at least three axes"}),
      wrong_dtype("LocalResponseNorm", [] { return LocalResponseNorm{}(pictures(2, 4, Dtype::int64)); },
                  {"local_response_norm", "input of int64", "to(x"}),
      wrong_option("LocalResponseNorm", [&] { return LocalResponseNorm{0}(x); }, {"size 0", "at least one", "5"}),
  });
}

}  // namespace
}  // namespace joist
