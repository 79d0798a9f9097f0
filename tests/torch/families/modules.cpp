// Layers, with their state by its names in PyTorch.
#include <joist/layers/linear.h>
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

void add_modules(Table& table) {
  table.family("modules");
  table.add("nn.Linear", [](Call& c) {
    Linear layer({.in = c.integer(0, "in_features"),
                  .out = c.integer(1, "out_features"),
                  .bias = c.flag(2, "bias", true)});
    c.load(layer);
    return layer(c.inputs.tensor(0, "input"));
  });
}

}  // namespace joist::torchdb
