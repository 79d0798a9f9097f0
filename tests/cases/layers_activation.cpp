#include <joist/core/mode.h>
#include <joist/layers/activation.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family activation_layer_cases() {
  Family family{"activation_layer", 3e-6, {}};
  const auto add = [&](const std::string& name, const auto& layer, const Input& x = uniform({3, 8}, -4, 4)) -> Case& {
    return family.cases.emplace_back(Case{name, {x}, [layer](auto t) { return layer(t[0]); }});
  };
  add("identity", IdentityLayer{});
  add("relu", ReLU{});
  add("relu6", ReLU6{}, uniform({3, 8}, -4, 8));
  add("selu", SELU{});
  add("silu", SiLU{});
  add("mish", MishLayer{});
  add("sigmoid", SigmoidLayer{});
  add("log_sigmoid", LogSigmoidLayer{});
  add("tanh", Tanh{});
  add("tanhshrink", Tanhshrink{});
  add("softsign", SoftsignLayer{});
  add("hardsigmoid", Hardsigmoid{});
  add("hardswish", Hardswish{});
  add("leaky_relu", LeakyReLU{});
  add("leaky_relu_slope", LeakyReLU{.negative_slope = 0.2});
  add("elu", ELU{.alpha = 0.5});
  add("celu", CELU{.alpha = 0.5});
  add("gelu", GELU{});
  add("gelu_tanh", GELU{.approximate = true});
  add("softplus", SoftplusLayer{.beta = 2, .threshold = 3});
  add("hardtanh", Hardtanh{.min_val = -2, .max_val = 0.5});
  add("hardshrink", Hardshrink{.lambda = 0.75});
  add("softshrink", Softshrink{});
  add("threshold", ThresholdLayer{.threshold = 0.25, .value = -3});
  add("chosen", Activation{LeakyRelu{.slope = 0.3}});
  add("softmax", Softmax{});
  add("softmax_axis", Softmax{.axis = 0});
  add("log_softmax", LogSoftmax{.axis = -1});
  add("softmin", Softmin{});
  add("sparsemax", Sparsemax{});
  add("softmax_2d", Softmax2d{}, uniform({2, 3, 2, 2}));
  add("glu", GLU{});
  add("swiglu", SwiGLU{});
  add("geglu", GEGLU{.axis = 1});

  const auto with_weight = [](std::span<const Tensor> t) {
    PReLU layer{{.channels = t[1].shape(0)}};
    static_cast<Tensor&>(layer.weight) = t[1];
    return Outputs(layer(t[0]));
  };
  family.cases.push_back({"prelu_one", {uniform({3, 8}), uniform({1}, 0, 1)}, with_weight});
  family.cases.push_back({"prelu_channels", {uniform({2, 3, 2, 2}), uniform({3}, 0, 1)}, with_weight});

  const auto random = [&](const std::string& name, const auto& layer, Mode::Kind mode) {
    family.cases.push_back({name, {uniform({3, 8})}, [layer, mode](auto t) {
                              const Mode scope(mode);
                              manual_seed(3);
                              return layer(t[0]);
                            }});
  };
  random("rrelu_training", RReLU{}, Mode::training);
  random("rrelu_evaluation", RReLU{.lower = 0.25, .upper = 0.5}, Mode::evaluation);
  random("gumbel_softmax", GumbelSoftmax{.temperature = 0.5}, Mode::training);
  return family;
}

}  // namespace joist::cases
