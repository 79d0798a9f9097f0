// Layers of convolution, pooling, padding, dropout and resampling. Parameters are inputs of the case.
#include <joist/layers/convolution.h>
#include <joist/layers/convolution_transposed.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>
#include <joist/layers/padding.h>
#include <joist/layers/pooling.h>
#include <joist/layers/reshape.h>
#include <joist/layers/resize.h>
#include <joist/layers/weight_norm.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

void use(Tensor& field, const Tensor& tensor) { field = tensor; }

// x through a layer whose weight and bias are the next two tensors.
template <class Layer>
Tensor through(Layer layer, std::span<const Tensor> t) {
  use(layer.weight, t[1]);
  if (t.size() > 2) use(layer.bias, t[2]);
  return layer(t[0]);
}

}  // namespace

Family layers_convolution_cases() {
  Family family{"layers_convolution", 5e-6, {}};
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run, bool differentiable = true) {
    family.cases.push_back({name, std::move(inputs), run, differentiable});
  };
  const Input line = uniform({2, 3, 6}), picture = uniform({2, 3, 4, 5}), volume = uniform({1, 2, 3, 4, 3});
  const Input last = in(Layout::channels_last, picture);

  add("Conv1d", {line, uniform({4, 3, 3}), uniform({4})},
      [](auto t) { return through(Conv1d{{.in = 3, .out = 4}}, t); });
  add("Conv1d_same", {line, uniform({4, 3, 4}), uniform({4})},
      [](auto t) { return through(Conv1d{{.in = 3, .out = 4, .kernel = 4, .padding = Padding::same}}, t); });
  add("Conv2d_uneven", {last, uniform({4, 3, 1, 3})}, [](auto t) {
    return through(Conv2d{{.in = 3, .out = 4, .kernel = {1, 3}, .stride = {2, 1}, .padding = {0, 2}, .bias = false}},
                   t);
  });
  for (const auto& [name, mode] : {std::pair("reflect", PadMode::reflect), std::pair("replicate", PadMode::replicate),
                                   std::pair("circular", PadMode::circular)}) {
    add(std::string("Conv2d_") + name, {last, uniform({4, 3, 3, 3}), uniform({4})}, [mode = mode](auto t) {
      return through(Conv2d{{.in = 3, .out = 4, .padding = {2, 1}, .padding_mode = mode}}, t);
    });
    add(std::string("Conv1d_same_") + name, {line, uniform({4, 3, 4}), uniform({4})}, [mode = mode](auto t) {
      return through(Conv1d{{.in = 3, .out = 4, .kernel = 4, .padding = Padding::same, .padding_mode = mode}}, t);
    });
  }
  add("Conv3d", {volume, uniform({3, 2, 2, 3, 3}), uniform({3})}, [](auto t) {
    return through(Conv3d{{.in = 2, .out = 3, .kernel = {2, 3, 3}, .padding = 1}}, t);
  });
  add("ConvTranspose1d", {line, uniform({3, 2, 3}), uniform({2})},
      [](auto t) { return through(ConvTranspose1d{{.in = 3, .out = 2, .stride = 2, .output_padding = 1}}, t); });
  add("ConvTranspose2d", {last, uniform({3, 2, 4, 4}), uniform({2})},
      [](auto t) { return through(ConvTranspose2d{{.in = 3, .out = 2, .kernel = 4, .stride = 2, .padding = 1}}, t); });
  add("ConvTranspose3d", {volume, uniform({2, 2, 2, 2, 2})}, [](auto t) {
    return through(ConvTranspose3d{{.in = 2, .out = 2, .kernel = 2, .stride = {1, 2, 1}, .bias = false}}, t);
  });

  const auto alone = [&](const std::string& name, const Input& x, auto layer) {
    add(name, {x}, [layer](auto t) { return layer(t[0]); });
  };
  alone("MaxPool1d", line, MaxPool1d{{.kernel = {2}}});
  alone("MaxPool2d", picture, MaxPool2d{{.kernel = {3}, .stride = {1}, .padding = {1}}});
  alone("MaxPool3d", volume, MaxPool3d{{.kernel = {2}, .stride = {1}}});
  alone("AvgPool1d", line, AvgPool1d{{.kernel = {2}}});
  alone("AvgPool2d", picture, AvgPool2d{{.kernel = {3}, .stride = {1}, .padding = {1}}});
  alone("AvgPool3d", volume, AvgPool3d{{.kernel = {2}, .stride = {1}}});
  alone("LPPool1d", uniform({2, 3, 6}, 0.1, 2), LPPool1d{2, {.kernel = {3}}});
  alone("LPPool2d", uniform({2, 3, 4, 5}, 0.1, 2), LPPool2d{3, {.kernel = {2}}});
  alone("LPPool3d", uniform({1, 2, 2, 4, 2}, 0.1, 2), LPPool3d{2, {.kernel = {2}}});
  alone("AdaptiveAvgPool1d", line, AdaptiveAvgPool1d{{4}});
  alone("AdaptiveAvgPool2d", picture, AdaptiveAvgPool2d{{3, 2}});
  alone("AdaptiveAvgPool3d", volume, AdaptiveAvgPool3d{{2}});
  alone("AdaptiveMaxPool1d", line, AdaptiveMaxPool1d{{4}});
  alone("AdaptiveMaxPool2d", picture, AdaptiveMaxPool2d{{3, 2}});
  alone("AdaptiveMaxPool3d", volume, AdaptiveMaxPool3d{{2}});
  add("MaxUnpool", {line, picture, volume}, [](auto t) {
    const auto [a, i] = max_pool1d_with_indices(t[0], {.kernel = {2}});
    const auto [b, j] = max_pool2d_with_indices(t[1], {.kernel = {2}});
    const auto [c, k] = max_pool3d_with_indices(t[2], {.kernel = {2}});
    return std::vector{MaxUnpool1d{{.kernel = {2}}}(a, i), MaxUnpool2d{{.kernel = {2}}}(b, j, {4, 5}),
                       MaxUnpool3d{{.kernel = {2}}}(c, k, {3, 4, 3})};
  });
  alone("ZeroPad1d", line, ZeroPad1d{{1, 2}});
  alone("ZeroPad2d", picture, ZeroPad2d{{1}});
  alone("ZeroPad3d", volume, ZeroPad3d{{1, 0, 2, 0, 0, 1}});
  alone("ConstantPad1d", line, ConstantPad1d{{1, 2}, 0.5});
  alone("ConstantPad2d", picture, ConstantPad2d{{-1, 2, 0, -1}, 0.5});
  alone("ConstantPad3d", volume, ConstantPad3d{{1}, -2});
  alone("ReflectionPad1d", line, ReflectionPad1d{{1, 2}});
  alone("ReflectionPad2d", picture, ReflectionPad2d{{1, 2, 0, 1}});
  alone("ReflectionPad3d", volume, ReflectionPad3d{{1}});
  alone("ReplicationPad1d", line, ReplicationPad1d{{7, 2}});
  alone("ReplicationPad2d", picture, ReplicationPad2d{{1, 2, 0, 1}});
  alone("ReplicationPad3d", volume, ReplicationPad3d{{1}});
  alone("CircularPad1d", line, CircularPad1d{{1, 2}});
  alone("CircularPad2d", picture, CircularPad2d{{1, 2, 0, 1}});
  alone("CircularPad3d", volume, CircularPad3d{{1}});
  alone("Upsample", picture, Upsample{{.scale_factor = {2}, .mode = InterpolateMode::bilinear}});
  alone("PixelShuffle", uniform({1, 8, 2, 3}), PixelShuffle{2});
  alone("PixelUnshuffle", uniform({1, 2, 4, 6}), PixelUnshuffle{2});
  alone("ChannelShuffle", uniform({1, 6, 2, 3}), ChannelShuffle{3});
  alone("Flatten", picture, Flatten{});
  alone("Flatten_axes", picture, Flatten{0, 2});
  alone("Unflatten", uniform({2, 6, 3}), Unflatten{1, {2, -1}});
  alone("Identity", picture, IdentityLayer{});
  alone("Unfold", picture, Unfold{{.kernel = {2, 2}}});
  alone("Fold", uniform({1, 8, 6}), Fold{3, 4, {.kernel = {2, 2}}});

  const auto seeded = [&](const std::string& name, const Input& x, auto layer) {
    add(name, {x}, [layer](auto t) {
      manual_seed(3);
      const Tensor trained = layer(t[0]);
      const Mode evaluation(Mode::evaluation);
      return std::vector{trained, layer(t[0])};
    });
  };
  seeded("Dropout", picture, Dropout{0.4});
  seeded("Dropout1d", line, Dropout1d{0.4});
  seeded("Dropout2d", last, Dropout2d{0.4});
  seeded("Dropout3d", volume, Dropout3d{0.4});
  seeded("AlphaDropout", picture, AlphaDropout{0.4});
  seeded("FeatureAlphaDropout", picture, FeatureAlphaDropout{0.4});
  seeded("DropPath", uniform({6, 2, 2}), DropPath{0.4});

  add("WeightNorm_Conv2d", {last, uniform({4, 1, 1, 1}), uniform({4, 3, 3, 3}), uniform({4})}, [](auto t) {
    WeightNorm<Conv2d> layer{Conv2d{{.in = 3, .out = 4}}};
    use(layer.g, t[1]);
    use(layer.v, t[2]);
    use(layer.layer.bias, t[3]);
    return layer(t[0]);
  });
  add("WeightNorm_Linear", {uniform({2, 3}), uniform({1, 3}), uniform({4, 3})}, [](auto t) {
    WeightNorm<Linear> layer(Linear{{.in = 3, .out = 4, .bias = false}}, 1);
    use(layer.g, t[1]);
    use(layer.v, t[2]);
    return layer(t[0]);
  });
  const auto spectral = [](std::span<const Tensor> t, auto inner, const SpectralNormOptions& options) {
    SpectralNorm layer{std::move(inner), options};
    use(layer.original, t[1]);
    layer.u = Buffer(copy_of(t[2].value()));  // training writes to them
    layer.v = Buffer(copy_of(t[3].value()));
    return layer;
  };
  const Input u = constant(uniform({4}, 0.1, 1)), v = constant(uniform({27}, 0.1, 1));
  add("SpectralNorm_evaluation", {last, uniform({4, 3, 3, 3}, 0.1, 1), u, v}, [spectral](auto t) {
    const Mode evaluation(Mode::evaluation);
    return spectral(t, Conv2d{{.in = 3, .out = 4, .bias = false}}, {})(t[0]);
  });
  // The gradient takes u and v as constants, which differences do not.
  add(
      "SpectralNorm_training", {last, uniform({4, 3, 3, 3}), u, v},
      [spectral](auto t) {
        const auto layer = spectral(t, Conv2d{{.in = 3, .out = 4, .bias = false}}, {.iterations = 2});
        return std::vector<Tensor>{layer(t[0]), layer.u, layer.v};
      },
      false);
  add("SpectralNorm_transposed", {last, uniform({3, 4, 2, 2}, 0.1, 1), u, constant(uniform({12}, 0.1, 1))},
      [spectral](auto t) {
        const Mode evaluation(Mode::evaluation);
        return spectral(t, ConvTranspose2d{{.in = 3, .out = 4, .kernel = 2, .bias = false}}, {.axis = 1})(t[0]);
      });
  return family;
}

}  // namespace joist::cases
