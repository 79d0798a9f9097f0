// Losses.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

void add_loss(Table& table) { table.family("loss"); }

}  // namespace joist::torchdb
