// Layers with their parameters as inputs of the case.
#include <joist/core/mode.h>
#include <joist/layers/activation.h>
#include <joist/layers/channel_norm.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>
#include <joist/layers/mobile_block.h>
#include <joist/layers/normalization.h>
#include <joist/layers/permute.h>
#include <joist/layers/sequence.h>
#include <joist/layers/window_attention.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

// Puts the case's tensor into a layer's field: gradients reach it, on every device.
void put(Tensor& field, const Tensor& given) { field = given; }

// A layer made by `make`, all of whose fields are inputs of the case behind x.
template <class Make>
Case of_fields(const std::string& name, const Input& x, Make make) {
  std::vector<Input> inputs{x};
  auto made = make();
  for (const Field& field : fields_of(made)) {
    const Shape& shape = field.tensor.shape();
    if (field.tensor.dtype() != Dtype::float32) continue;
    if (field.name.ends_with("running_mean") || field.name.ends_with("running_var"))
      inputs.push_back(constant(uniform(shape, 0.5, 1.5)));
    else
      inputs.push_back(field.name.ends_with("weight") && shape.rank() == 1 ? uniform(shape, 0.5, 1.5)
                                                                           : uniform(shape, -1, 1));
  }
  return {name, inputs, [make](std::span<const Tensor> t) {
            const Mode mode(Mode::evaluation);
            auto layer = make();
            std::size_t next = 1;
            visit_fields(layer, [&](const std::string&, auto& field) {
              if (field.dtype() == Dtype::float32) put(field, t[next++]);
            });
            return layer(t[0]);
          }};
}

}  // namespace

Family basic_layer_cases() {
  Family family{"basic_layers", 5e-6, {}};
  const auto add = [&](const char* name, std::vector<Input> inputs, auto run) {
    family.cases.push_back({name, std::move(inputs), run});
  };
  const Input picture = in(Layout::channels_last, uniform({2, 4, 5, 6}));
  const Input statistics = constant(uniform({4}, 0.5, 1.5));

  add("Linear", {uniform({3, 2, 5}), uniform({4, 5}), uniform({4})}, [](auto t) {
    Linear layer({.in = 5, .out = 4});
    put(layer.weight, t[1]);
    put(layer.bias, t[2]);
    return layer(t[0]);
  });
  add("Linear_without_bias", {uniform({3, 5}), uniform({4, 5})}, [](auto t) {
    Linear layer({.in = 5, .out = 4, .bias = false});
    put(layer.weight, t[1]);
    return layer(t[0]);
  });
  add("Conv2d", {picture, uniform({6, 2, 3, 3}), uniform({6})}, [](auto t) {
    Conv2d layer({.in = 4, .out = 6, .stride = 2, .groups = 2});
    put(layer.weight, t[1]);
    put(layer.bias, t[2]);
    return layer(t[0]);
  });
  for (const bool train : {true, false})
    add(train ? "BatchNorm2d_train" : "BatchNorm2d_evaluate",
        {picture, uniform({4}, 0.5, 1.5), uniform({4}), statistics, statistics}, [train](auto t) {
          const Mode mode(train ? Mode::training : Mode::evaluation);
          BatchNorm2d layer({.channels = 4, .activation = Silu{}});
          put(layer.weight, t[1]);
          put(layer.bias, t[2]);
          put(layer.running_mean, t[3]);
          put(layer.running_var, t[4]);
          return std::vector{layer(t[0]), t[3], t[4]};
        });
  add("ConvNorm", {picture, uniform({4, 4, 3, 3}), uniform({4}, 0.5, 1.5), uniform({4}), statistics, statistics},
      [](auto t) {
        const Mode mode(Mode::training);
        ConvNorm layer({.in = 4, .out = 4});
        put(layer.conv.weight, t[1]);
        put(layer.bn.weight, t[2]);
        put(layer.bn.bias, t[3]);
        put(layer.bn.running_mean, t[4]);
        put(layer.bn.running_var, t[5]);
        return std::vector{layer(t[0]), t[4], t[5]};
      });
  const auto block = [&](const char* name, const Input& x, auto make) {
    family.cases.push_back(of_fields(name, x, make));
  };
  block("Permute_LayerNorm2d_Sequence", picture, [] {
    Sequence<LayerNorm2d, ReLU, Permute> layers;
    layers.add(LayerNorm2d{{.channels = 4}});
    layers.add(ReLU{});
    layers.add(Permute{});
    return layers;
  });
  block("ConvNormUnit", picture, [] { return ConvNormUnit({.in = 4, .out = 6, .stride = 2, .groups = 2}); });
  block("SqueezeExcitation", picture, [] { return SqueezeExcitation(4, 2, Relu{}, HardSigmoid{}); });
  block("MobileBlock", picture, [] { return MobileBlock({.in = 4, .out = 4, .expanded = 6, .squeezed = 2}); });
  block("MobileBlock_plain", picture, [] { return MobileBlock({.in = 4, .out = 3, .kernel = 5, .stride = 2}); });
  const Input pixels = uniform({1, 3, 4, 4});
  block("WindowAttention", pixels, [] { return WindowAttention({.width = 4, .heads = 2, .window = 2}); });
  block("WindowAttention_shifted", pixels,
        [] { return WindowAttention({.width = 4, .heads = 1, .window = 2, .shift = 1}); });
  return family;
}

}  // namespace joist::cases
