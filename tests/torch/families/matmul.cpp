// Products of matrices.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

// beta x + alpha y, as the functions addmm … end.
Tensor added(const Args& c, const Tensor& x, const Tensor& y) {
  const Tensor scaled_x = c.has(-1, "beta") ? x * c.operand(-1, x, "beta") : x;
  return scaled_x + (c.has(-1, "alpha") ? y * c.operand(-1, y, "alpha") : y);
}

}  // namespace

void add_matmul(Table& table) {
  table.family("matmul");
  table.add("matmul mm bmm mv dot vdot", [](Call& c) { return matmul(c.tensor(0), c.tensor(1)); });
  table.add("__rmatmul__", [](Call& c) { return matmul(c.tensor(1), c.tensor(0)); });
  table.add("addmm addmm.decomposed addmv baddbmm",
            [](Call& c) { return added(c, c.tensor(0), matmul(c.tensor(1), c.tensor(2))); });
  table.add("nn.functional.linear",
            [](Call& c) { return linear(c.tensor(0), c.tensor(1, "weight"), c.maybe(2, "bias")); });
}

}  // namespace joist::torchdb
