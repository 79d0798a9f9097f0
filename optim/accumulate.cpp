#include <joist/optim/accumulate.h>

namespace joist {

Accumulation::Accumulation(std::int64_t parts) : parts_(parts) {
  if (parts < 1)
    throw UsageError({.where = "Accumulation", .what = std::to_string(parts) + " parts", .expected = "at least 1"});
}

bool Accumulation::backward(const Tensor& loss) {
  if (loss.value().elements() != 1)
    throw ShapeError({.where = "Accumulation",
                      .what = "a loss of shape " + loss.shape().text(),
                      .expected = "one element",
                      .remedy = "mean(loss)"});
  loss.backward(Tensor::full(loss.shape(), 1.0 / static_cast<double>(parts_), loss.dtype(), loss.device()).value());
  if (++done_ < parts_) return false;
  done_ = 0;
  return true;
}

}  // namespace joist
