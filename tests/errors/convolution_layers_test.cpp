// What convolutions as layers refuse, when they are made and when they are called.
#include <joist/layers/convolution.h>
#include <joist/layers/convolution_transposed.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

// A batch of 2 with so many channels and `axes` axes of length 5.
Tensor pictures(int axes, std::int64_t channels, Dtype dtype = Dtype::float32) {
  return zeros(Shape::filled(axes + 2, 5).with(0, 2).with(1, channels), dtype);
}
const char* axes_of(int axes) {
  return axes == 1   ? "[batch, channel, length]"
         : axes == 2 ? "[batch, channel, height, width]"
                     : "depth, height, width]";
}

// What every convolution of `axes` axes refuses, from 4 channels to 6 in 2 groups.
template <class Layer, class Options>
void expect_common(const std::string& name, const std::string& function, int axes, const Options& good) {
  const Layer layer(good);
  const auto with = [&good](auto&& change) {
    Options options = good;
    change(options);
    return Layer(options);
  };
  expect_refusals({
      wrong_shape(name, [&] { return layer(zeros({4})); }, {function, "[4]", axes_of(axes), "unsqueeze"}),
      wrong_shape(
          name, [&] { return layer(pictures(axes, 6)); },
          {function, "input " + pictures(axes, 6).shape().text(), "groups 2", "in = 6", "4 channels", "permute"}),
      wrong_dtype(name, [&] { return layer(pictures(axes, 4, Dtype::int64)); },
                  {function, "input of int64", "float32, float64, float16 or bfloat16", "to(x, Dtype::float32)"}),
      wrong_dtype(name, [&] { return layer(pictures(axes, 4, Dtype::boolean)); }, {function, "input of bool"}),
      wrong_dtype(name, [&] { return layer(pictures(axes, 4, Dtype::float64)); },
                  {function, "float64 and float32", "one element type", "to(x, Dtype::float32)"}),
      wrong_option(name, [&] { return with([](Options& o) { o.in = 0; }); }, {name + ":", "in 0", "1 or more"}),
      wrong_option(name, [&] { return with([](Options& o) { o.out = -6; }); }, {name + ":", "out -6", "1 or more"}),
      wrong_option(name, [&] { return with([](Options& o) { o.groups = 3; }); },
                   {name + ":", "4 channels to 6 in 3 groups", "divisible", "depthwise"}),
      wrong_option(name, [&] { return with([](Options& o) { o.groups = 0; }); }, {name + ":", "in 0 groups"}),
      wrong_option(name, [&] { return with([](Options& o) { o.kernel = 0; }); },
                   {name + ":", "kernel [0]", "one per spatial axis: " + std::to_string(axes) + ", from 1"}),
      wrong_option(name, [&] { return with([](Options& o) {
                                 o.kernel = {3, 3, 3, 3};
                               }); },
                   {name + ":", "kernel [3, 3, 3, 3]", "one per spatial axis", ".kernel = "}),
      wrong_option(name, [&] { return with([](Options& o) { o.stride = 0; }); }, {name + ":", "stride [0]", "from 1"}),
      wrong_option(name, [&] { return with([](Options& o) { o.dilation = -1; }); }, {name + ":", "dilation [-1]"}),
      wrong_option(name, [&] { return with([](Options& o) { o.padding = -2; }); }, {name + ":", "padding [-2]"}),
  });
}

TEST(ConvolutionLayerErrors, Convolution) {
  const ConvOptions good{.in = 4, .out = 6, .groups = 2};
  expect_common<Conv1d>("Conv1d", "conv1d:", 1, good);
  expect_common<Conv2d>("Conv2d", "conv2d:", 2, good);
  expect_common<Conv3d>("Conv3d", "conv3d:", 3, good);
  const Conv2d wide{{.in = 4, .out = 6, .kernel = 7, .padding = 0}};
  const Conv2d even{{.in = 4, .out = 6, .kernel = 2, .padding = Padding::same}};
  const Conv2d reflecting{{.in = 4, .out = 6, .padding_mode = PadMode::reflect}};
  expect_refusals({
      wrong_shape("Conv2d", [&] { return wide(pictures(2, 4)); },
                  {"conv2d", "a window of 7", "[2, 4, 5, 5]", "padding [0, 0]", "larger picture"}),
      wrong_dtype("Conv2d", [&] { return even(pictures(2, 4, Dtype::int32)); }, {"conv2d", "input of int32"}),
      wrong_dtype("Conv2d", [&] { return reflecting(pictures(2, 4, Dtype::int32)); }, {"of int32", "to(x"}),
      wrong_shape("Conv2d",
                  [&] {
                    return reflecting(zeros({2, 4, 1, 1}));
                  },
                  {"pad", "[2, 4, 1, 1]", "length - 1"}),
      wrong_shape("Conv2d",
                  [&] {
                    return reflecting(zeros({4, 5, 5}));
                  },
                  {"conv2d", "[4, 5, 5]", axes_of(2)}),
      wrong_option("Conv2d", [] { return Conv2d{{.in = 4, .out = 6, .stride = 2, .padding = Padding::same}}; },
                   {"Conv2d:", "padding same with stride [2, 2]", "stride 1", "padding as numbers"}),
  });
}

TEST(ConvolutionLayerErrors, Transposed) {
  const ConvTransposeOptions good{.in = 4, .out = 6, .groups = 2};
  expect_common<ConvTranspose1d>("ConvTranspose1d", "conv_transpose1d:", 1, good);
  expect_common<ConvTranspose2d>("ConvTranspose2d", "conv_transpose2d:", 2, good);
  expect_common<ConvTranspose3d>("ConvTranspose3d", "conv_transpose3d:", 3, good);
  const ConvTranspose2d cropping{{.in = 4, .out = 6, .kernel = 1, .padding = 3}};
  expect_refusals({
      wrong_shape("ConvTranspose2d", [&] { return cropping(pictures(2, 4)); },
                  {"conv_transpose2d", "[2, 4, 5, 5]", "padding [3, 3]", "at least one pixel", "less padding"}),
      wrong_option("ConvTranspose2d", [] { return ConvTranspose2d{{.in = 4, .out = 6, .output_padding = 1}}; },
                   {"ConvTranspose2d:", "output_padding [1, 1] with stride [1, 1]", "less than the stride", "pad()"}),
      wrong_option("ConvTranspose1d", [] { return ConvTranspose1d{{.in = 4, .out = 6, .output_padding = -1}}; },
                   {"ConvTranspose1d:", "output_padding [-1]", "from 0"}),
  });
}

TEST(ConvolutionLayerErrors, WithNormalization) {
  const ConvNorm layer{{.in = 4, .out = 6}};
  expect_refusals({
      wrong_shape("ConvNorm", [&] { return layer(pictures(2, 3)); }, {"conv2d", "[2, 3, 5, 5]", "[6, 4, 3, 3]"}),
      wrong_dtype("ConvNorm", [&] { return layer(pictures(2, 4, Dtype::uint8)); }, {"conv2d", "input of uint8"}),
      wrong_option("ConvNorm", [] { return ConvNorm{{.in = 4, .out = 6, .groups = 4}}; },
                   {"ConvNorm:", "4 channels to 6 in 4 groups", "divisible"}),
      wrong_option("ConvNorm", [] { return ConvNorm{{.in = 4, .out = 6, .kernel = 0}}; }, {"ConvNorm:", "kernel 0"}),
      wrong_option("ConvNorm", [] { return ConvNorm{{.in = 4, .out = 6, .stride = 0}}; }, {"ConvNorm:", "stride 0"}),
      wrong_option("ConvNorm", [] { return ConvNorm{{.in = 4, .out = 6, .epsilon = -1}}; },
                   {"BatchNorm2d:", "epsilon -1", "0 or more"}),
  });
}

}  // namespace
}  // namespace joist
