// Functions of two operands, which broadcast.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

// Calls the function with tensors, or with a number where it has an overload for one.
template <class Function>
void add_two(Table& table, const std::string& names, Function function) {
  table.add(names, [function](Call& c) {
    const Tensor a = c.tensor(0, "input");
    if constexpr (requires { function(a, 1.0); }) {
      if (c.is_number(1, "other")) return function(a, c.number(1, "other"));
    }
    return function(a, c.operand(1, a));
  });
}

// a ∘ alpha b
template <class Function>
void add_scaled(Table& table, const std::string& names, Function function) {
  table.add(names, [function](Call& c) {
    const Tensor a = c.tensor(0);
    if (c.is_number(1, "other") && !c.has(-1, "alpha")) return function(a, c.number(1, "other"));
    const Tensor b = c.operand(1, a);
    return c.has(-1, "alpha") ? function(a, b * c.operand(-1, b, "alpha")) : function(a, b);
  });
}

}  // namespace

void add_binary(Table& table) {
  table.family("binary");
  add_scaled(table, "add", [](const Tensor& a, const auto& b) { return a + b; });
  add_scaled(table, "sub", [](const Tensor& a, const auto& b) { return a - b; });
  add_two(table, "mul", [](const Tensor& a, const auto& b) { return a * b; });
  add_two(table, "div.no_rounding_mode true_divide", [](const Tensor& a, const auto& b) { return a / b; });
  for (const char* name : {"div.trunc_rounding", "div.floor_rounding"})
    table.add(name, [](Call& c) {
      const Tensor a = c.tensor(0), b = c.operand(1, a);
      return c.text(-1, "rounding_mode", "") == "trunc" ? trunc_divide(a, b) : floor_divide(a, b);
    });
  table.add("rsub", [](Call& c) {
    const Tensor a = c.tensor(0);
    if (c.is_number(1, "other") && !c.has(-1, "alpha")) return c.number(1, "other") - a;
    return c.operand(1, a) - (c.has(-1, "alpha") ? a * c.operand(-1, a, "alpha") : a);
  });
  add_two(table, "__radd__", [](const Tensor& a, const auto& b) { return b + a; });
  add_two(table, "__rmul__", [](const Tensor& a, const auto& b) { return b * a; });
  add_two(table, "__rsub__", [](const Tensor& a, const auto& b) { return b - a; });
  add_two(table, "__rdiv__", [](const Tensor& a, const Tensor& b) { return b / a; });
  add_two(table, "__rmod__", [](const Tensor& a, const Tensor& b) { return remainder(b, a); });
  add_two(table, "__rpow__", [](const Tensor& a, const Tensor& b) { return pow(b, a); });
  table.add("float_power", [](Call& c) {
    const Tensor a = to(c.tensor(0), Dtype::float64);
    return pow(a, to(c.operand(1, a), Dtype::float64));
  });
  add_two(table, "pow", [](const Tensor& a, const auto& b) { return pow(a, b); });
  add_two(table, "maximum max.binary", [](const Tensor& a, const Tensor& b) { return maximum(a, b); });
  add_two(table, "minimum min.binary", [](const Tensor& a, const Tensor& b) { return minimum(a, b); });
  add_two(table, "fmax", [](const Tensor& a, const Tensor& b) { return fmax(a, b); });
  add_two(table, "fmin", [](const Tensor& a, const Tensor& b) { return fmin(a, b); });
  add_two(table, "atan2", [](const Tensor& a, const Tensor& b) { return atan2(a, b); });
  add_two(table, "hypot", [](const Tensor& a, const Tensor& b) { return hypot(a, b); });
  add_two(table, "remainder", [](const Tensor& a, const Tensor& b) { return remainder(a, b); });
  add_two(table, "fmod", [](const Tensor& a, const Tensor& b) { return fmod(a, b); });
  add_two(table, "floor_divide", [](const Tensor& a, const Tensor& b) { return floor_divide(a, b); });
  add_two(table, "xlogy", [](const Tensor& a, const Tensor& b) { return xlogy(a, b); });
  add_two(table, "special.xlog1py", [](const Tensor& a, const Tensor& b) { return xlog1py(a, b); });
  add_two(table, "logaddexp", [](const Tensor& a, const Tensor& b) { return logaddexp(a, b); });
  add_two(table, "logaddexp2", [](const Tensor& a, const Tensor& b) { return logaddexp2(a, b); });
  add_two(table, "copysign", [](const Tensor& a, const Tensor& b) { return copysign(a, b); });
  add_two(table, "ldexp", [](const Tensor& a, const Tensor& b) { return ldexp(a, b); });
  add_two(table, "heaviside", [](const Tensor& a, const Tensor& b) { return heaviside(a, b); });
  table.add("lerp", [](Call& c) {
    if (c.is_number(2, "weight")) return lerp(c.tensor(0), c.tensor(1, "end"), c.number(2, "weight"));
    return lerp(c.tensor(0), c.tensor(1, "end"), c.tensor(2, "weight"));
  });
  table.add("addcmul", [](Call& c) {
    return addcmul(c.tensor(0), c.tensor(1, "tensor1"), c.tensor(2, "tensor2"), c.number(-1, "value", 1));
  });
  table.add("addcdiv", [](Call& c) {
    return addcdiv(c.tensor(0), c.tensor(1, "tensor1"), c.tensor(2, "tensor2"), c.number(-1, "value", 1));
  });
}

}  // namespace joist::torchdb
