// y = x · keep / (1 - p)      dx = dy · keep / (1 - p)      keep is drawn again in backward, not stored
// Channels and samples: keep has length 1 along the other axes.
// alpha: y = a (x · keep + α' (1 - keep)) + b, α' = -λα of SELU, a = ((1 - p)(1 + p α'²))^-½, b = -a α' p
#include <joist/core/kernels/random.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dropout.h>
#include <joist/core/ops/spatial.h>

#include <cmath>
#include <string>

namespace joist {
namespace {

// What all of them want.
void check(const char* op, const Tensor& x, double probability, bool training) {
  if (!(probability >= 0 && probability <= 1))
    throw UsageError({.where = op,
                      .what = "probability " + std::to_string(probability),
                      .expected = "0 <= p <= 1",
                      .remedy = "the probability to drop a number, not to keep it"});
  if (training) require_floating(op, x);
}

// 1 / (1 - p) or 0 for each element of a shape; all 0 for p = 1.
Tensor keep(const Shape& shape, double probability, const Tensor& like) {
  if (probability == 1) return zeros(shape, like.dtype(), like.device());
  return dropout(ones(shape, like.dtype(), like.device()), probability, next_random_key(Stream::dropout));
}

Shape per_channel(const Tensor& x) {
  Shape shape = Shape::filled(x.rank(), 1);
  shape[0] = x.shape(0);
  shape[1] = x.shape(1);
  return shape;
}

Tensor drop_channels(const char* op, const Tensor& x, double probability, bool training, int rank) {
  check(op, x, probability, training);
  require_rank(op, x, rank, picture_axes(rank - 2));
  if (!training || probability == 0) return x;
  return x * keep(per_channel(x), probability, x);
}

Tensor alpha(const Tensor& x, const Shape& shape, double p) {
  constexpr double limit = -1.7580993408473766;  // SELU's: -λα
  if (p == 1) return x * 0.0;
  const double a = 1 / std::sqrt((1 - p) * (1 + p * limit * limit)), b = -a * limit * p;
  const Tensor kept = keep(shape, p, x) * (1 - p);
  return x * (kept * a) + ((1.0 - kept) * (a * limit) + b);
}

}  // namespace

Tensor dropout(const Tensor& x, double probability, const RandomKey& key) {
  check("dropout", x, probability, true);
  if (probability == 1)
    throw UsageError({.where = "dropout",
                      .what = "probability 1 with a key",
                      .expected = "0 <= p < 1",
                      .remedy = "zeros() where nothing is kept"});
  if (probability == 0) return x;
  const auto& table = kernels_of<RandomKernels>(x.value());
  Array y = Array::like(x.value());
  table.dropout(x.value(), probability, key, {y, false});
  return record(
      {Op::dropout, DropoutAttribute{probability}}, {x}, std::move(y),
      [probability, key, &table](const Array& dy, Node& node) { table.dropout(dy, probability, key, node.slot(0)); });
}

Tensor dropout(const Tensor& x, double probability, bool training) {
  check("dropout", x, probability, training);
  if (!training || probability == 0) return x;
  return probability == 1 ? x * 0.0 : dropout(x, probability, next_random_key(Stream::dropout));
}

Tensor dropout1d(const Tensor& x, double probability, bool training) {
  return drop_channels("dropout1d", x, probability, training, 3);
}
Tensor dropout2d(const Tensor& x, double probability, bool training) {
  return drop_channels("dropout2d", x, probability, training, 4);
}
Tensor dropout3d(const Tensor& x, double probability, bool training) {
  return drop_channels("dropout3d", x, probability, training, 5);
}

Tensor alpha_dropout(const Tensor& x, double probability, bool training) {
  check("alpha_dropout", x, probability, training);
  return !training || probability == 0 ? x : alpha(x, x.shape(), probability);
}
Tensor feature_alpha_dropout(const Tensor& x, double probability, bool training) {
  check("feature_alpha_dropout", x, probability, training);
  if (x.rank() < 2)
    throw ShapeError({.where = "feature_alpha_dropout",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[batch, channel, ...]",
                      .remedy = "unsqueeze(x, 0) adds a batch axis"});
  return !training || probability == 0 ? x : alpha(x, per_channel(x), probability);
}

Tensor drop_path(const Tensor& x, double probability, bool training) {
  check("drop_path", x, probability, training);
  if (x.rank() < 1)
    throw ShapeError({.where = "drop_path",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[batch, ...]",
                      .remedy = "unsqueeze(x, 0) adds a batch axis"});
  if (!training || probability == 0) return x;
  return x * keep(Shape::filled(x.rank(), 1).with(0, x.shape(0)), probability, x);
}

}  // namespace joist
