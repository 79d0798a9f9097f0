// Softmax and its relatives.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

void add_softmax(Table& table) {
  table.family("softmax");
  table.add("softmax softmax.with_dtype",
            [](Call& c) { return softmax(in_dtype(c, c.tensor(0)), c.axis(1, "dim")); });
  table.add("log_softmax log_softmax.with_dtype",
            [](Call& c) { return log_softmax(in_dtype(c, c.tensor(0)), c.axis(1, "dim")); });
}

}  // namespace joist::torchdb
