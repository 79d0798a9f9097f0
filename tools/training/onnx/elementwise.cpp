// Scalar functions, comparisons, types.
#include <joist/tools/training/onnx/call.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace joist::onnx_ops {
namespace {

using Unary1 = Tensor (*)(const Tensor&);
using Binary1 = Tensor (*)(const Tensor&, const Tensor&);

Operator unary(Unary1 function) {
  return [function](const Call& c) -> Outputs { return {function(c[0])}; };
}
Operator binary(Binary1 function) {
  return [function](const Call& c) -> Outputs {
    if (c.operator_set() < 7 && c.integer("broadcast", 0) != 0 && c.has("axis"))
      c.unsupported("broadcasting by an axis");
    return {function(c[0], c[1])};
  };
}
// Over any number of operands.
Operator folded(Binary1 function) {
  return [function](const Call& c) -> Outputs {
    Tensor result = c[0];
    for (std::size_t i = 1; i < c.inputs(); ++i) result = function(result, c[i]);
    return {result};
  };
}

Outputs divide(const Call& c) {
  if (c.operator_set() < 7 && c.has("axis")) c.unsupported("broadcasting by an axis");
  if (is_floating(c[0].dtype())) return {c[0] / c[1]};
  return {to(trunc_divide(c[0], c[1]), c[0].dtype())};
}

Outputs modulo(const Call& c) { return {c.integer("fmod", 0) != 0 ? fmod(c[0], c[1]) : remainder(c[0], c[1])}; }

Outputs power(const Call& c) { return {to(pow(c[0], to(c[1], c[0].dtype())), c[0].dtype())}; }

Outputs clip(const Call& c) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (c.operator_set() < 11) return {clamp(c[0], c.real("min", -infinity), c.real("max", infinity))};
  Tensor y = c[0];
  if (c.has(1)) y = maximum(y, c[1]);
  if (c.has(2)) y = minimum(y, c[2]);
  return {y};
}

Outputs cast(const Call& c) {
  const std::int64_t type = c.integer("to", 1);
  if (type == 8) c.unsupported("text");
  return {to(c[0], dtype_numbered(c, type))};
}

Outputs gelu_of(const Call& c) { return {gelu(c[0], c.text("approximate", "none") == "tanh")}; }

Outputs selu_of(const Call& c) {
  const double alpha = c.real("alpha", 1.67326319217681884765625), gamma = c.real("gamma", 1.05070102214813232421875);
  return {gamma * elu(c[0], alpha)};
}

Outputs prelu_of(const Call& c) {
  Tensor slope = c[1];
  if (c.operator_set() < 7 && slope.rank() == 1 && slope.shape(0) > 1) {  // one per channel
    Shape shape = Shape::filled(c[0].rank(), 1);
    shape[1] = slope.shape(0);
    slope = reshape(slope, shape);
  }
  return {where(lt(c[0], 0.0), c[0] * slope, c[0])};
}

Outputs shrink(const Call& c) {
  const double bias = c.real("bias", 0), lambda = c.real("lambd", 0.5);
  const Tensor& x = c[0];
  const Tensor wide = is_floating(x.dtype()) ? x : to(x, Dtype::float64);
  const Tensor y = where(lt(wide, -lambda), wide + bias, where(gt(wide, lambda), wide - bias, zeros_like(wide)));
  return {to(y, x.dtype())};
}

Outputs is_inf(const Call& c) {
  const bool negative = c.integer("detect_negative", 1) != 0, positive = c.integer("detect_positive", 1) != 0;
  const Tensor infinite = isinf(c[0]);
  if (negative && positive) return {infinite};
  if (!negative && !positive) return {logical_and(infinite, logical_not(infinite))};
  return {logical_and(infinite, positive ? gt(c[0], 0.0) : lt(c[0], 0.0))};
}

Outputs mean_of(const Call& c) {
  Tensor sum = c[0];
  for (std::size_t i = 1; i < c.inputs(); ++i) sum = sum + c[i];
  return {sum / static_cast<double>(c.inputs())};
}

Outputs bit_shift(const Call& c) {
  if (c[0].dtype() != Dtype::uint8) c.unsupported("bit shifts of other types than uint8");
  const Tensor factor = pow(2.0, to(c[1], Dtype::float64)), x = to(c[0], Dtype::float64);
  if (c.text("direction", "") == "RIGHT") return {to(floor(x / factor), Dtype::uint8)};
  return {to(remainder(x * factor, full({}, 256.0, Dtype::float64)), Dtype::uint8)};
}

}  // namespace

void add_elementwise(Table& t) {
  const std::pair<const char*, Unary1> unaries[] = {{"Abs", abs},
                                                    {"Acos", acos},
                                                    {"Acosh", acosh},
                                                    {"Asin", asin},
                                                    {"Asinh", asinh},
                                                    {"Atan", atan},
                                                    {"Atanh", atanh},
                                                    {"Ceil", ceil},
                                                    {"Cos", cos},
                                                    {"Cosh", cosh},
                                                    {"Erf", erf},
                                                    {"Exp", exp},
                                                    {"Floor", floor},
                                                    {"IsNaN", isnan},
                                                    {"Log", log},
                                                    {"Neg", neg},
                                                    {"Not", logical_not},
                                                    {"Reciprocal", reciprocal},
                                                    {"Relu", relu},
                                                    {"Round", round},
                                                    {"Sigmoid", sigmoid},
                                                    {"Sign", sign},
                                                    {"Sin", sin},
                                                    {"Sinh", sinh},
                                                    {"Softsign", softsign},
                                                    {"Sqrt", sqrt},
                                                    {"Tan", tan},
                                                    {"Tanh", tanh},
                                                    {"HardSwish", hardswish}};
  for (const auto& [name, function] : unaries) t[name] = unary(function);
  const Binary1 add = operator+, subtract = operator-, multiply = operator*;
  t["Add"] = binary(add);
  t["Sub"] = binary(subtract);
  t["Mul"] = binary(multiply);
  t["Div"] = divide;
  t["Mod"] = modulo;
  t["Pow"] = power;
  t["Sum"] = folded(add);
  t["Max"] = folded(maximum);
  t["Min"] = folded(minimum);
  t["Mean"] = mean_of;
  const std::pair<const char*, Binary1> comparisons[] = {
      {"And", logical_and}, {"Or", logical_or},  {"Xor", logical_xor}, {"Equal", eq},
      {"Less", lt},         {"LessOrEqual", le}, {"Greater", gt},      {"GreaterOrEqual", ge}};
  for (const auto& [name, function] : comparisons) t[name] = binary(function);
  t["Where"] = [](const Call& c) -> Outputs { return {where(c[0], c[1], c[2])}; };
  t["Clip"] = clip;
  t["Cast"] = cast;
  t["CastLike"] = [](const Call& c) -> Outputs { return {to(c[0], c[1].dtype())}; };
  t["Identity"] = [](const Call& c) -> Outputs { return {c[0]}; };
  t["Elu"] = [](const Call& c) -> Outputs { return {elu(c[0], c.real("alpha", 1))}; };
  t["Celu"] = [](const Call& c) -> Outputs { return {celu(c[0], c.real("alpha", 1))}; };
  t["Selu"] = selu_of;
  t["Gelu"] = gelu_of;
  t["Mish"] = unary(mish);
  t["LeakyRelu"] = [](const Call& c) -> Outputs { return {leaky_relu(c[0], c.real("alpha", 0.01))}; };
  t["PRelu"] = prelu_of;
  t["HardSigmoid"] = [](const Call& c) -> Outputs {
    return {clamp(c.real("alpha", 0.2) * c[0] + c.real("beta", 0.5), 0.0, 1.0)};
  };
  t["Softplus"] = [](const Call& c) -> Outputs { return {softplus(c[0])}; };
  t["ThresholdedRelu"] = [](const Call& c) -> Outputs { return {threshold(c[0], c.real("alpha", 1), 0)}; };
  t["Shrink"] = shrink;
  t["IsInf"] = is_inf;
  t["BitShift"] = bit_shift;
}

}  // namespace joist::onnx_ops
