// Products of matrices and vectors, distances.
#include <joist/tests/torch/families/families.h>

#include <cmath>

namespace joist::torchdb {
namespace {

using Added = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, double, double);
void add_added(Table& table, const std::string& names, Added function) {
  table.add(names, [function](Call& c) {
    const double beta = c.number(-1, "beta", 1), alpha = c.number(-1, "alpha", 1);
    const Dtype dtype = c.tensor(0).dtype();
    if (dtype == Dtype::boolean || (!is_floating(dtype) && (beta != std::floor(beta) || alpha != std::floor(alpha))))
      throw Unsupported("factors of integers that are none");
    return function(c.tensor(0), c.tensor(1), c.tensor(2), beta, alpha);
  });
}
using Product = Tensor (*)(const Tensor&, const Tensor&);
void add_product(Table& table, const std::string& names, Product function) {
  table.add(names, [function](Call& c) { return function(c.tensor(0), c.tensor(1)); });
}

}  // namespace

void add_matmul(Table& table) {
  table.family("matmul");
  add_product(table, "matmul", matmul);
  add_product(table, "mm", mm);
  add_product(table, "bmm", bmm);
  add_product(table, "mv", mv);
  add_product(table, "dot", dot);
  add_product(table, "vdot", vdot);
  add_product(table, "outer", outer);
  add_product(table, "inner", inner);
  add_product(table, "kron", kron);
  add_added(table, "addmm addmm.decomposed", addmm);
  add_added(table, "addmv", addmv);
  add_added(table, "baddbmm", baddbmm);
  add_added(table, "addbmm", addbmm);
  add_added(table, "addr", addr);
  table.add("__rmatmul__", [](Call& c) { return matmul(c.tensor(1), c.tensor(0)); });
  table.add("nn.functional.linear",
            [](Call& c) { return linear(c.tensor(0), c.tensor(1, "weight"), c.maybe(2, "bias")); });
  table.add("nn.functional.bilinear", [](Call& c) {
    return bilinear(c.tensor(0), c.tensor(1, "input2"), c.tensor(2, "weight"), c.maybe(3, "bias"));
  });
  table.add("einsum", [](Call& c) { return einsum(c.text(1, "equation", ""), c.tensors(0)); });
  table.add("tensordot", [](Call& c) {
    const Value& axes = c.at(2, "dims");
    if (axes.kind == Value::Kind::integer) return tensordot(c.tensor(0), c.tensor(1), c.axis(2, "dims"));
    const auto list = [](const Value& value) {
      std::vector<int> numbers;
      for (const Value& item : value.items) numbers.push_back(static_cast<int>(item.integer));
      return numbers;
    };
    return tensordot(c.tensor(0), c.tensor(1), list(axes.items.at(0)), list(axes.items.at(1)));
  });
  table.add("linalg.multi_dot", [](Call& c) { return multi_dot(c.tensors(0)); });
  table.add("trace", [](Call& c) { return trace(c.tensor(0)); });
  table.add("cross", [](Call& c) {
    if (c.has(2, "dim")) return cross(c.tensor(0), c.tensor(1), c.axis(2, "dim"));
    const Tensor x = c.tensor(0);  // the first axis of length 3
    int axis = 0;
    while (x.shape(axis) != 3) ++axis;
    return cross(x, c.tensor(1), axis);
  });
  table.add("linalg.cross", [](Call& c) { return cross(c.tensor(0), c.tensor(1), c.axis(2, "dim", -1)); });
  table.add("linalg.vecdot", [](Call& c) { return sum(c.tensor(0) * c.tensor(1), c.axis(2, "dim", -1)); });
  table.add("linalg.vander", [](Call& c) { return vander(c.tensor(0), c.integer(-1, "N", -1), true); });

  table.family("distance");
  table.add("cdist", [](Call& c) {
    (void)c.at(3, "compute_mode");  // differences one by one in any case
    return cdist(c.tensor(0), c.tensor(1, "x2"), c.number(2, "p", 2));
  });
  table.add("nn.functional.pdist", [](Call& c) { return pdist(c.tensor(0), c.number(1, "p", 2)); });
  table.add("nn.functional.pairwise_distance", [](Call& c) {
    return pairwise_distance(c.tensor(0), c.tensor(1), c.number(2, "p", 2), c.number(3, "eps", 1e-6),
                             c.flag(4, "keepdim", false));
  });
  table.add("nn.functional.cosine_similarity", [](Call& c) {
    return cosine_similarity(c.tensor(0), c.tensor(1), c.axis(2, "dim", 1), c.number(3, "eps", 1e-8));
  });
}

}  // namespace joist::torchdb
