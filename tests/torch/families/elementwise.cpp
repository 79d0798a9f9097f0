// Functions of one operand.
#include <joist/tests/torch/families/families.h>

#include <cmath>
#include <limits>

namespace joist::torchdb {
namespace {

using Function = Tensor (*)(const Tensor&);

void add_plain(Table& table, const std::string& names, Function function) {
  table.add(names, [function](Call& c) {
    place_only(c);
    return function(c.tensor(0));
  });
}

void add_activations(Table& table) {
  add_plain(table, "nn.functional.relu", relu);
  add_plain(table, "nn.functional.relu6", relu6);
  add_plain(table, "nn.functional.selu", selu);
  add_plain(table, "nn.functional.silu", silu);
  add_plain(table, "nn.functional.mish", mish);
  add_plain(table, "nn.functional.logsigmoid", logsigmoid);
  // PyTorch's gradient takes the float32 nearest to 1/6.
  table.add(
      "nn.functional.hardsigmoid", [](Call& c) { return hardsigmoid(c.tensor(0)); }, 100);
  add_plain(table, "nn.functional.hardswish", hardswish);
  add_plain(table, "nn.functional.softsign", softsign);
  add_plain(table, "nn.functional.tanhshrink", tanhshrink);
  add_plain(table, "sigmoid", sigmoid);
  add_plain(table, "tanh", tanh);
  table.add("nn.functional.leaky_relu",
            [](Call& c) { return leaky_relu(c.tensor(0), c.number(1, "negative_slope", 0.01)); });
  table.add("nn.functional.prelu", [](Call& c) { return prelu(c.tensor(0), c.tensor(1, "weight")); });
  table.add("nn.functional.elu", [](Call& c) { return elu(c.tensor(0), c.number(1, "alpha", 1)); });
  table.add("nn.functional.celu", [](Call& c) { return celu(c.tensor(0), c.number(1, "alpha", 1)); });
  table.add("nn.functional.gelu",
            [](Call& c) { return gelu(c.tensor(0), c.text(1, "approximate", "none") == "tanh"); });
  table.add("nn.functional.hardtanh", [](Call& c) {
    const double low = c.number(1, "min_val", -1), high = c.number(2, "max_val", 1);
    if (!is_floating(c.tensor(0).dtype()) && (low != std::floor(low) || high != std::floor(high)))
      throw Unsupported("fractional bounds of integers");
    return hardtanh(c.tensor(0), low, high);
  });
  table.add("nn.functional.softplus",
            [](Call& c) { return softplus(c.tensor(0), c.number(1, "beta", 1), c.number(2, "threshold", 20)); });
  table.add("nn.functional.hardshrink", [](Call& c) { return hardshrink(c.tensor(0), c.number(1, "lambd", 0.5)); });
  table.add("nn.functional.softshrink", [](Call& c) { return softshrink(c.tensor(0), c.number(1, "lambd", 0.5)); });
  table.add("nn.functional.threshold",
            [](Call& c) { return threshold(c.tensor(0), c.number(1, "threshold"), c.number(2, "value")); });
  table.add("nn.functional.glu", [](Call& c) { return glu(c.tensor(0), c.axis(1, "dim", -1)); });
}

void add_scalar_functions(Table& table) {
  add_plain(table, "exp", exp);
  add_plain(table, "exp2", exp2);
  add_plain(table, "expm1", expm1);
  add_plain(table, "log", log);
  add_plain(table, "log2", log2);
  add_plain(table, "log10", log10);
  add_plain(table, "log1p", log1p);
  add_plain(table, "sqrt", sqrt);
  add_plain(table, "rsqrt", rsqrt);
  add_plain(table, "square", square);
  add_plain(table, "reciprocal", reciprocal);
  add_plain(table, "sin", sin);
  add_plain(table, "cos", cos);
  add_plain(table, "tan", tan);
  add_plain(table, "asin", asin);
  add_plain(table, "acos", acos);
  add_plain(table, "atan", atan);
  add_plain(table, "sinh", sinh);
  add_plain(table, "cosh", cosh);
  add_plain(table, "asinh", asinh);
  add_plain(table, "acosh", acosh);
  add_plain(table, "atanh", atanh);
  add_plain(table, "sinc", sinc);
  add_plain(table, "deg2rad", deg2rad);
  add_plain(table, "rad2deg", rad2deg);
  add_plain(table, "erf", erf);
  add_plain(table, "erfc", erfc);
  add_plain(table, "erfinv", erfinv);
  add_plain(table, "lgamma", lgamma);
  add_plain(table, "digamma", digamma);
  table.add("logit", [](Call& c) { return logit(c.tensor(0), c.number(1, "eps", 0)); });
}

void add_rounding(Table& table) {
  add_plain(table, "abs", abs);
  add_plain(table, "neg", neg);
  add_plain(table, "sign sgn", sign);
  add_plain(table, "floor", floor);
  add_plain(table, "ceil", ceil);
  table.add("round round.decimals_0", [](Call& c) {
    if (c.integer(-1, "decimals", 0) != 0) throw Unsupported("decimals");
    return round(c.tensor(0));
  });
  add_plain(table, "trunc", trunc);
  add_plain(table, "frac", frac);
  add_plain(table, "signbit", signbit);
  table.add("clamp", [](Call& c) {
    if (c.is_number(1, "min") || c.is_number(2, "max")) {
      constexpr double infinity = std::numeric_limits<double>::infinity();
      return clamp(c.tensor(0), c.number(1, "min", -infinity), c.number(2, "max", infinity));
    }
    return clamp(c.tensor(0), c.maybe(1, "min"), c.maybe(2, "max"));
  });
  table.add("clamp_min", [](Call& c) { return clamp(c.tensor(0), c.tensor(1, "min"), {}); });
  table.add("clamp_max", [](Call& c) { return clamp(c.tensor(0), {}, c.tensor(1, "max")); });
  table.add("nan_to_num", [](Call& c) {
    const Tensor x = c.tensor(0);
    const double nan = c.number(1, "nan", 0);
    if (!c.has(2, "posinf") && !c.has(3, "neginf")) return nan_to_num(x, nan);
    const double largest =
        x.dtype() == Dtype::float64 ? std::numeric_limits<double>::max() : double{std::numeric_limits<float>::max()};
    return nan_to_num(x, nan, c.number(2, "posinf", largest), c.number(3, "neginf", -largest));
  });
}

}  // namespace

void add_elementwise(Table& table) {
  table.family("elementwise");
  add_activations(table);
  add_scalar_functions(table);
  add_rounding(table);
}

}  // namespace joist::torchdb
