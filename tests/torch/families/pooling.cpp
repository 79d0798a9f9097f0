// Pooling over windows.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

void add_pooling(Table& table) { table.family("pooling"); }

}  // namespace joist::torchdb
