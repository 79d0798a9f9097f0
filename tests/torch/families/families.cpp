#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

Table make_table() {
  Table table;
  for (auto* add : {add_elementwise, add_binary, add_comparison, add_creation, add_matmul, add_shape, add_reduction,
                    add_indexing, add_convolution, add_pooling, add_softmax, add_loss, add_linalg, add_modules,
                    add_activation_modules, add_sequence_modules})
    add(table);
  return table;
}

}  // namespace joist::torchdb
