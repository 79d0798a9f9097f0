// What activations as layers refuse. Functions of single numbers take any shape and, as in PyTorch, compute integers in
// float32, so that only a missing input is wrong for them.
#include <joist/core/mode.h>
#include <joist/layers/activation.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(ActivationLayerErrors, OfSingleNumbers) {
  const Tensor none;
  expect_refusals({
      no_input("Activation", [&] { return Activation{Sigmoid{}}(none); }),
      no_input("ReLU", [&] { return ReLU{}(none); }),
      no_input("ReLU6", [&] { return ReLU6{}(none); }),
      no_input("SELU", [&] { return SELU{}(none); }),
      no_input("SiLU", [&] { return SiLU{}(none); }),
      no_input("MishLayer", [&] { return MishLayer{}(none); }),
      no_input("SigmoidLayer", [&] { return SigmoidLayer{}(none); }),
      no_input("LogSigmoidLayer", [&] { return LogSigmoidLayer{}(none); }),
      no_input("Tanh", [&] { return Tanh{}(none); }),
      no_input("Tanhshrink", [&] { return Tanhshrink{}(none); }),
      no_input("SoftsignLayer", [&] { return SoftsignLayer{}(none); }),
      no_input("Hardsigmoid", [&] { return Hardsigmoid{}(none); }),
      no_input("Hardswish", [&] { return Hardswish{}(none); }),
      no_input("LeakyReLU", [&] { return LeakyReLU{}(none); }),
      no_input("ELU", [&] { return ELU{}(none); }),
      no_input("GELU", [&] { return GELU{}(none); }),
      no_input("Hardshrink", [&] { return Hardshrink{}(none); }),
      no_input("ThresholdLayer", [&] { return ThresholdLayer{}(none); }),
  });
}

TEST(ActivationLayerErrors, IntegersAreComputedInFloat32) {
  const Tensor x = full({3}, -2, Dtype::int64);
  for (const auto mode : {Mode::training, Mode::evaluation}) {
    const Mode scope(mode);
    for (const Tensor& y : {RReLU{}(x), LeakyReLU{}(x), GELU{}(x), PReLU{}(x)}) EXPECT_EQ(y.dtype(), Dtype::float32);
  }
}

TEST(ActivationLayerErrors, Options) {
  const Tensor x = zeros({2, 3});
  expect_refusals({
      wrong_option("CELU", [&] { return CELU{0}(x); }, {"celu", "alpha 0", "not 0", "relu()"}),
      wrong_option("SoftplusLayer", [&] { return SoftplusLayer{0}(x); }, {"softplus", "beta 0", "not 0"}),
      wrong_option("Hardtanh",
                   [&] {
                     return Hardtanh{1, -1}(x);
                   },
                   {"hardtanh", "min_val 1", "max_val -1", "swap"}),
      wrong_option("Softshrink", [&] { return Softshrink{-1}(x); }, {"softshrink", "lambda -1", "lambda >= 0"}),
      wrong_option("RReLU",
                   [&] {
                     return RReLU{0.5, 0.25}(x);
                   },
                   {"RReLU", "lower 0.5", "upper 0.25", "swap"}),
      wrong_option("PReLU", [] { return PReLU{{.channels = 0}}; }, {"PReLU", "channels 0", "1 or more"}),
      wrong_shape("PReLU", [&] { return PReLU{{.channels = 4}}(x); }, {"prelu", "[2, 3]", "weight [4]", "axis 1"}),
      wrong_shape("PReLU", [] { return PReLU{{.channels = 2}}(zeros({2})); }, {"prelu", "input [2]", "weight [2]"}),
  });
}

TEST(ActivationLayerErrors, AlongAnAxis) {
  const Tensor x = zeros({2, 3}), integers = zeros({2, 4}, Dtype::int64);
  const auto axis = [](const char* function, const char* number) {
    return std::vector<std::string>{function, std::string("axis ") + number + " of shape [2, 3]", "-2 to 1", "last"};
  };
  const auto type = [](const char* function) {
    return std::vector<std::string>{function, "input of int64", "float32, float64", "to(x, Dtype::float32)"};
  };
  const auto odd = [](const char* function) {
    return std::vector<std::string>{function, "axis -1 of [2, 3]", "an even length", "twice as many"};
  };
  expect_refusals({
      wrong_shape(
          "Softmax", [&] { return Softmax{2}(x); }, axis("softmax:", "2")),
      wrong_dtype(
          "Softmax", [&] { return Softmax{}(integers); }, type("softmax:")),
      wrong_shape(
          "LogSoftmax", [&] { return LogSoftmax{-3}(x); }, axis("log_softmax:", "-3")),
      wrong_dtype(
          "LogSoftmax", [&] { return LogSoftmax{}(integers); }, type("log_softmax:")),
      wrong_shape(
          "Softmin", [&] { return Softmin{2}(x); }, axis("softmin:", "2")),
      wrong_dtype(
          "Softmin", [&] { return Softmin{}(integers); }, type("softmin:")),
      wrong_shape(
          "Sparsemax", [&] { return Sparsemax{2}(x); }, axis("sparsemax:", "2")),
      wrong_dtype(
          "Sparsemax", [&] { return Sparsemax{}(integers); }, type("sparsemax:")),
      wrong_shape("Softmax2d", [&] { return Softmax2d{}(x); }, {"softmax_2d", "[2, 3]", "[channel, height, width]"}),
      wrong_dtype(
          "Softmax2d",
          [] {
            return Softmax2d{}(zeros({2, 3, 4}, Dtype::int64));
          },
          type("softmax_2d:")),
      wrong_option("GumbelSoftmax", [&] { return GumbelSoftmax{0}(x); },
                   {"gumbel_softmax", "temperature 0", "above 0"}),
      wrong_shape(
          "GumbelSoftmax",
          [&] {
            return GumbelSoftmax{1, false, 2}(x);
          },
          axis("gumbel_softmax:", "2")),
      wrong_dtype(
          "GumbelSoftmax", [&] { return GumbelSoftmax{}(integers); }, type("gumbel_softmax:")),
      wrong_shape(
          "GLU", [&] { return GLU{}(x); }, odd("glu:")),
      wrong_shape(
          "GLU", [&] { return GLU{2}(x); }, axis("glu:", "2")),
      wrong_shape(
          "SwiGLU", [&] { return SwiGLU{}(x); }, odd("swiglu:")),
      wrong_shape(
          "GEGLU", [&] { return GEGLU{}(x); }, odd("geglu:")),
  });
}

}  // namespace
}  // namespace joist
