// y = x · keep / (1 - p)      dx = dy · keep / (1 - p)      keep is drawn again in backward, not stored
#include <joist/core/kernels/random.h>
#include <joist/core/ops/dropout.h>

namespace joist {

Tensor dropout(const Tensor& x, double probability, const RandomKey& key) {
  if (!(probability >= 0 && probability < 1))
    throw UsageError(
        {.where = "dropout", .what = "probability " + std::to_string(probability), .expected = "0 <= p < 1"});
  if (probability == 0) return x;
  const auto& table = kernels_of<RandomKernels>(x.value());
  Array y = Array::like(x.value());
  table.dropout(x.value(), probability, key, {y, false});
  return record(
      {Op::dropout, DropoutAttribute{probability}}, {x}, std::move(y),
      [probability, key, &table](const Array& dy, Node& node) { table.dropout(dy, probability, key, node.slot(0)); });
}

}  // namespace joist
