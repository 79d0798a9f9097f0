// Convolutions.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

void add_convolution(Table& table) { table.family("convolution"); }

}  // namespace joist::torchdb
