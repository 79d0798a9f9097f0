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
                                      {"softplus", Softplus{}},
                                      {"softplus_beta", Softplus{3, 5}},
                                      {"reciprocal_root", ReciprocalRoot{}, 0.05, 4},
                                      {"exponential_2", Exponential2{}},
                                      {"exponential_minus_one", ExponentialMinusOne{}},
                                      {"logarithm_2", Logarithm2{}, 0.05, 4},
                                      {"logarithm_10", Logarithm10{}, 0.05, 4},
                                      {"logarithm_plus_one", LogarithmPlusOne{}, -0.9, 4},
                                      {"tangent", Tangent{}, -1.4, 1.4},
                                      {"arc_sine", ArcSine{}, -0.95, 0.95},
                                      {"arc_cosine", ArcCosine{}, -0.95, 0.95},
                                      {"arc_tangent", ArcTangent{}},
                                      {"hyperbolic_sine", HyperbolicSine{}},
                                      {"hyperbolic_cosine", HyperbolicCosine{}},
                                      {"arc_hyperbolic_sine", ArcHyperbolicSine{}},
                                      {"arc_hyperbolic_cosine", ArcHyperbolicCosine{}, 1.1, 5},
                                      {"arc_hyperbolic_tangent", ArcHyperbolicTangent{}, -0.9, 0.9},
                                      {"error_function", ErrorFunction{}},
                                      {"complementary_error", ComplementaryError{}},
                                      {"inverse_error", InverseError{}, -0.95, 0.95},
                                      {"log_gamma", LogGamma{}, 0.1, 8},
                                      {"log_gamma_negative", LogGamma{}, -3.9, -3.1},
                                      {"digamma", Digamma{}, 0.2, 8},
                                      {"digamma_negative", Digamma{}, -3.8, -3.2},
                                      {"sign", Sign{}},
                                      {"floor", Floor{}},
                                      {"ceiling", Ceiling{}},
                                      {"round", Round{}},
                                      {"truncate", Truncate{}},
                                      {"fraction", Fraction{}},
                                      {"selu", Selu{}},
                                      {"celu", Celu{0.7}},
                                      {"mish", Mish{}},
                                      {"softsign", Softsign{}},
                                      {"log_sigmoid", LogSigmoid{}},
                                      {"threshold", Threshold{0.5, -7}},
                                      {"hard_shrink", HardShrink{}},
                                      {"soft_shrink", SoftShrink{}},
                                      {"tanh_shrink", TanhShrink{}},
                                      {"logit", Logit{0.1}, 0, 1},
                                      {"replace_not_finite", ReplaceNotFinite{3, 8, -9}},
                                      {"sinc", Sinc{}}};

// Functions whose magnitude grows too fast, or whose slope is rounded, far from 0.
bool has_far_case(const std::string& name) {
  for (const char* without : {"exponential", "square", "cube", "exponential_2", "exponential_minus_one",
                              "hyperbolic_sine", "hyperbolic_cosine", "sinc"})
    if (name == without) return false;
  return true;
}

}  // namespace

Family activation_cases() {
  Family family{"activation", 1e-6, {}};
  auto& cases = family.cases;
  const auto one = [&](const std::string& name, const Unary& function, const Input& x) -> Case& {
    cases.push_back({name, {x}, [function](auto inputs) { return apply(function, inputs[0]); }});
    return cases.back();
  };

  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> not_numbers(19, 0.75);
  not_numbers[2] = not_numbers[17] = nan;
  for (const auto& [name, function, low, high] : functions) {
    const std::string prefix = std::string(name) + "_";
    one(prefix + "vector", function, uniform({67}, low, high));
    one(prefix + "spaced", function, in(Layout::spaced, uniform({5, 7}, low, high)));
    one(prefix + "large", function, uniform({40013}, low, high)).large = true;
    // A value that is no number must show in the result, in full registers and in the rest of a loop alike.
    one(prefix + "nan", function, of_values({19}, not_numbers)).differentiable = false;
  }
  for (const auto& [name, function, low, high] : functions) {
    const std::string prefix = name;
    if (low == -4 && has_far_case(prefix)) one(prefix + "_far", function, uniform({301}, -100, 100));
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
  one("round_halves", Round{}, coarse({41})).differentiable = false;
  one("shrink_kinks", HardShrink{}, coarse({41})).differentiable = false;
  const double infinity = std::numeric_limits<double>::infinity();
  one("replace_infinities", ReplaceNotFinite{3, 8, -9}, of_values({6}, {infinity, -infinity, nan, 1, -2, 0}))
      .differentiable = false;

  // The public functions, each once; their numbers are checked above.
  const auto call = [&](const std::string& name, const Input& x, auto function) {
    cases.push_back({"function_" + name, {x}, [function](auto t) { return function(t[0]); }});
  };
  const Input any = uniform({3, 4}, -3, 3), positive = uniform({3, 4}, 0.1, 0.9), even = uniform({3, 4, 2}, -3, 3);
  call("relu", any, [](auto x) { return relu(x); });
  call("relu6", uniform({3, 4}, -9, 9), [](auto x) { return relu6(x); });
  call("leaky_relu", any, [](auto x) { return leaky_relu(x, 0.2); });
  call("elu", any, [](auto x) { return elu(x, 1.5); });
  call("selu", any, [](auto x) { return selu(x); });
  call("celu", any, [](auto x) { return celu(x, 1.5); });
  call("gelu", any, [](auto x) { return gelu(x); });
  call("gelu_approximate", any, [](auto x) { return gelu(x, true); });
  call("silu", any, [](auto x) { return silu(x); });
  call("mish", any, [](auto x) { return mish(x); });
  call("sigmoid", any, [](auto x) { return sigmoid(x); });
  call("logsigmoid", any, [](auto x) { return logsigmoid(x); });
  call("hardsigmoid", uniform({3, 4}, -5, 5), [](auto x) { return hardsigmoid(x); });
  call("hardswish", uniform({3, 4}, -5, 5), [](auto x) { return hardswish(x); });
  call("hardtanh", any, [](auto x) { return hardtanh(x); });
  call("softplus", any, [](auto x) { return softplus(x, 2, 3); });
  call("softsign", any, [](auto x) { return softsign(x); });
  call("tanh", any, [](auto x) { return tanh(x); });
  call("tanhshrink", any, [](auto x) { return tanhshrink(x); });
  call("hardshrink", any, [](auto x) { return hardshrink(x, 0.7); });
  call("softshrink", any, [](auto x) { return softshrink(x, 0.7); });
  call("threshold", any, [](auto x) { return threshold(x, 0.1, 2); });
  call("glu", even, [](auto x) { return glu(x); });
  call("glu_axis", even, [](auto x) { return glu(x, 1); });
  call("swiglu", even, [](auto x) { return swiglu(x); });
  call("geglu", even, [](auto x) { return geglu(x); });
  call("exp", any, [](auto x) { return exp(x); });
  call("exp2", any, [](auto x) { return exp2(x); });
  call("expm1", any, [](auto x) { return expm1(x); });
  call("log", positive, [](auto x) { return log(x); });
  call("log2", positive, [](auto x) { return log2(x); });
  call("log10", positive, [](auto x) { return log10(x); });
  call("log1p", positive, [](auto x) { return log1p(x); });
  call("logit", positive, [](auto x) { return logit(x); });
  call("sqrt", positive, [](auto x) { return sqrt(x); });
  call("rsqrt", positive, [](auto x) { return rsqrt(x); });
  call("square", any, [](auto x) { return square(x); });
  call("reciprocal", positive, [](auto x) { return reciprocal(x); });
  call("pow", positive, [](auto x) { return pow(x, 1.7); });
  call("sin", any, [](auto x) { return sin(x); });
  call("cos", any, [](auto x) { return cos(x); });
  call("tan", positive, [](auto x) { return tan(x); });
  call("asin", positive, [](auto x) { return asin(x); });
  call("acos", positive, [](auto x) { return acos(x); });
  call("atan", any, [](auto x) { return atan(x); });
  call("sinh", any, [](auto x) { return sinh(x); });
  call("cosh", any, [](auto x) { return cosh(x); });
  call("asinh", any, [](auto x) { return asinh(x); });
  call("acosh", uniform({3, 4}, 1.2, 3), [](auto x) { return acosh(x); });
  call("atanh", positive, [](auto x) { return atanh(x); });
  call("sinc", any, [](auto x) { return sinc(x); });
  call("deg2rad", any, [](auto x) { return deg2rad(x); });
  call("rad2deg", any, [](auto x) { return rad2deg(x); });
  call("erf", any, [](auto x) { return erf(x); });
  call("erfc", any, [](auto x) { return erfc(x); });
  call("erfinv", positive, [](auto x) { return erfinv(x); });
  call("lgamma", uniform({3, 4}, 0.3, 5), [](auto x) { return lgamma(x); });
  call("digamma", uniform({3, 4}, 0.3, 5), [](auto x) { return digamma(x); });
  call("abs", any, [](auto x) { return abs(x); });
  call("neg", any, [](auto x) { return neg(x); });
  call("sign", any, [](auto x) { return sign(x); });
  call("floor", any, [](auto x) { return floor(x); });
  call("ceil", any, [](auto x) { return ceil(x); });
  call("round", any, [](auto x) { return round(x); });
  call("trunc", any, [](auto x) { return trunc(x); });
  call("frac", any, [](auto x) { return frac(x); });
  call("signbit", constant(any), [](auto x) { return signbit(x); });
  call("clamp_min", any, [](auto x) { return clamp_min(x, -0.5); });
  call("clamp_max", any, [](auto x) { return clamp_max(x, 0.5); });
  call("nan_to_num", any, [](auto x) { return nan_to_num(x); });
  cases.push_back({"function_prelu_one", {any, uniform({1}, 0.1, 0.9)}, [](auto t) { return prelu(t[0], t[1]); }});
  cases.push_back({"function_prelu_channels", {uniform({2, 3, 5}), uniform({3}, 0.1, 0.9)}, [](auto t) {
                     return prelu(t[0], t[1]);
                   }});
  cases.push_back({"clamp_function", {uniform({9, 3})}, [](auto x) { return clamp(x[0], -0.5, 1.5); }});
  return family;
}

}  // namespace joist::cases
