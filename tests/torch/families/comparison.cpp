// Comparisons, logic, choosing.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

template <class Function>
void add_two(Table& table, const std::string& names, Function function) {
  table.add(names, [function](Call& c) {
    const Tensor a = c.tensor(0);
    if constexpr (requires { function(a, 1.0); }) {
      if (c.is_number(1, "other")) return function(a, c.number(1, "other"));
    }
    return function(a, c.operand(1, a));
  });
}

}  // namespace

void add_comparison(Table& table) {
  table.family("comparison");
  add_two(table, "eq", [](const Tensor& a, const auto& b) { return eq(a, b); });
  add_two(table, "ne", [](const Tensor& a, const auto& b) { return ne(a, b); });
  add_two(table, "lt", [](const Tensor& a, const auto& b) { return lt(a, b); });
  add_two(table, "le", [](const Tensor& a, const auto& b) { return le(a, b); });
  add_two(table, "gt", [](const Tensor& a, const auto& b) { return gt(a, b); });
  add_two(table, "ge", [](const Tensor& a, const auto& b) { return ge(a, b); });
  add_two(table, "logical_and", [](const Tensor& a, const Tensor& b) { return logical_and(a, b); });
  add_two(table, "logical_or", [](const Tensor& a, const Tensor& b) { return logical_or(a, b); });
  add_two(table, "logical_xor", [](const Tensor& a, const Tensor& b) { return logical_xor(a, b); });
  table.add("logical_not", [](Call& c) { return logical_not(c.tensor(0)); });
  table.add("isfinite", [](Call& c) { return isfinite(c.tensor(0)); });
  table.add("isinf", [](Call& c) { return isinf(c.tensor(0)); });
  table.add("isnan", [](Call& c) { return isnan(c.tensor(0)); });
  table.add("isclose", [](Call& c) {
    return isclose(c.tensor(0), c.tensor(1, "other"), c.number(2, "rtol", 1e-5), c.number(3, "atol", 1e-8),
                   c.flag(4, "equal_nan", false));
  });
  table.add("allclose", [](Call& c) {
    return allclose(c.tensor(0), c.tensor(1, "other"), c.number(2, "rtol", 1e-5), c.number(3, "atol", 1e-8),
                    c.flag(4, "equal_nan", false));
  });
  table.add("equal", [](Call& c) { return equal(c.tensor(0), c.tensor(1, "other")); });
  table.add("where", [](Call& c) {
    // The database gives where's arguments in the order of the method: x, condition, y.
    const Tensor a = c.tensor(0), condition = c.tensor(1, "condition");
    if (c.is_number(2, "other")) return where(condition, a, c.number(2, "other"));
    return where(condition, a, c.tensor(2, "other"));
  });
  table.add("masked_fill", [](Call& c) {
    // A value with a gradient is where's business.
    if (!c.is_number(2, "value")) return where(c.tensor(1, "mask"), c.tensor(2, "value"), c.tensor(0));
    return masked_fill(c.tensor(0), c.tensor(1, "mask"), c.number(2, "value"));
  });
}

}  // namespace joist::torchdb
