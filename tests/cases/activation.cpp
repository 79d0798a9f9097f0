#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {
namespace {

struct Function {
  const char* name;
  Unary function;
  double low = -4, high = 4;
};

const std::vector<Function> functions{{"identity", Identity{}},
                                      {"affine", Affine{-0.75F, 2}},
                                      {"absolute", Absolute{}},
                                      {"square", Square{}},
                                      {"square_root", SquareRoot{}, 0.05, 4},
                                      {"reciprocal", Reciprocal{}, -4, -0.3},
                                      {"exponential", Exponential{}},
                                      {"logarithm", Logarithm{}, 0.05, 4},
                                      {"sine", Sine{}},
                                      {"cosine", Cosine{}},
                                      {"power", Power{2.5F}, 0.05, 3},
                                      {"cube", Power{3}},
                                      {"inverse_root", Power{-0.5F}, 0.2, 3},
                                      {"tanh", HyperbolicTangent{}},
                                      {"sigmoid", Sigmoid{}},
                                      {"relu", Relu{}},
                                      {"leaky_relu", LeakyRelu{0.1F}},
                                      {"elu", Elu{0.7F}},
                                      {"clamp", Clamp{-1, 2}},
                                      {"silu", Silu{}},
                                      {"gelu", Gelu{}},
                                      {"gelu_tanh", GeluTanh{}},
                                      {"hard_sigmoid", HardSigmoid{}},
                                      {"hard_swish", HardSwish{}},
                                      {"softplus", Softplus{}}};

}  // namespace

Family activation_cases() {
  Family family{"activation", 1e-6, {}};
  auto& cases = family.cases;
  const auto one = [&](const std::string& name, const Unary& function, const Input& x) -> Case& {
    cases.push_back({name, {x}, [function](auto inputs) { return apply(function, inputs[0]); }});
    return cases.back();
  };

  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [name, function, low, high] : functions) {
    const std::string prefix = std::string(name) + "_";
    one(prefix + "vector", function, uniform({67}, low, high));
    one(prefix + "spaced", function, in(Layout::spaced, uniform({5, 7}, low, high)));
    one(prefix + "large", function, uniform({40013}, low, high)).large = true;
    // A value that is no number must show in the result, in full registers and in the rest of a loop alike.
    one(prefix + "nan", function, of_values({19}, {1, 1, nan, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, nan, 1}))
        .differentiable = false;
  }
  for (const auto& [name, function, low, high] : functions) {
    const std::string prefix = name;
    if (low == -4 && prefix != "exponential" && prefix != "square" && prefix != "cube")
      one(prefix + "_far", function, uniform({301}, -100, 100));
    if (prefix == "sigmoid" || prefix == "silu" ||
        prefix == "softplus")  // small results, not differences of large numbers
      one(prefix + "_low", function, uniform({45}, -20, -10)).large = true;
  }
  one("exponential_low", Exponential{}, uniform({45}, -30, -20)).large = true;
  one("exponential_high", Exponential{}, uniform({45}, 60, 80)).large = true;
  one("logarithm_small", Logarithm{}, uniform({45}, 1e-30, 1e-28)).large = true;
  one("tanh_small", HyperbolicTangent{}, uniform({45}, -1e-4, 1e-4));
  one("relu_kinks", Relu{}, coarse({41})).differentiable = false;
  one("clamp_kinks", Clamp{-1, 1}, coarse({41})).differentiable = false;
  one("absolute_kinks", Absolute{}, coarse({41})).differentiable = false;
  one("hard_sigmoid_kinks", HardSigmoid{}, of_values({5}, {-3, 3, 0, -4, 4})).differentiable = false;

  one("scalar", Silu{}, uniform({}));
  one("empty", Silu{}, uniform({3, 0, 2}));
  one("channels_last", Silu{}, in(Layout::channels_last, uniform({2, 5, 3, 4})));
  one("channel_slice", Silu{}, in(Layout::channel_slice, uniform({2, 5, 3, 4})));
  one("transposed", Silu{}, in(Layout::transposed, uniform({2, 5, 7})));
  one("rank_five", Silu{}, in(Layout::transposed, uniform({2, 1, 3, 2, 3})));
  one("large_channel_slice", Silu{}, in(Layout::channel_slice, uniform({2, 37, 23, 29}))).large = true;
  cases.push_back({"clamp_function", {uniform({9, 3})}, [](auto x) { return clamp(x[0], -0.5, 1.5); }});
  return family;
}

}  // namespace joist::cases
