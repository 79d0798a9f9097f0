// Layers with their parameters as inputs of the case.
#include <joist/core/mode.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>
#include <joist/layers/normalization.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

// Puts the case's tensor into a layer's field: gradients reach it, on every device.
void put(Tensor& field, const Tensor& given) { field = given; }

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
  return family;
}

}  // namespace joist::cases
