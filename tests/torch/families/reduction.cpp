// Sums, extremes, moments over axes.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

void add_reduction(Table& table) {
  table.family("reduction");
  table.add("sum", [](Call& c) {
    const Tensor x = in_dtype(c, c.tensor(0));
    if (c.axes(1, "dim").empty() && !c.flag(2, "keepdim", false)) return sum(x);
    if (c.axes(1, "dim").size() == 1) return sum(x, {c.axes(1, "dim")[0]}, c.flag(2, "keepdim", false));
    throw Unsupported("several axes");
  });
  table.add("mean", [](Call& c) {
    const Tensor x = in_dtype(c, c.tensor(0));
    if (c.axes(1, "dim").empty() && !c.flag(2, "keepdim", false)) return mean(x);
    if (c.axes(1, "dim").size() == 1) return mean(x, {c.axes(1, "dim")[0]}, c.flag(2, "keepdim", false));
    throw Unsupported("several axes");
  });
}

}  // namespace joist::torchdb
