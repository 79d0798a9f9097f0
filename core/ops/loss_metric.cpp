// triplet = max(0, d(a, p) - d(a, n) + margin)      cosine = a · b / (|a| |b|)
// contrastive: cross entropy of cosines / temperature against the position of the partner
// cos(θ + m) = cos θ cos m - sin θ sin m
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <cmath>
#include <limits>
#include <vector>

namespace joist {
namespace {

Tensor triplet(const Tensor& near, const Tensor& far, const Tensor& swapped, double margin, Reduction reduction) {
  const Tensor other = swapped.defined() ? minimum(far, swapped) : far;
  return reduced(clamp_min(near - other + margin, 0), reduction);
}

void require_triplet(const char* op, const Tensor& anchor, const Tensor& positive, const Tensor& negative) {
  require_same_shape(op, anchor, positive, "positive");
  require_same_shape(op, anchor, negative, "negative");
  if (anchor.rank() < 1 || anchor.shape(-1) < 1)
    throw ShapeError({.where = op,
                      .what = "input " + anchor.shape().text(),
                      .expected = "[..., features] with at least one feature",
                      .remedy = "unsqueeze(x, -1) where each row is one number"});
}

// Rows divided by their lengths; a row of zeros stays.
Tensor normalized(const Tensor& x) {
  const Tensor length = norm(x, 2, {-1}, true);
  return x / where(eq(length, 0), 1.0, length);
}

void require_rows(const char* op, const Tensor& x, const Tensor& other) {
  require_same_device(op, x, other);
  if (x.rank() != 2 || other.rank() != 2 || x.shape(1) != other.shape(1))
    throw ShapeError({.where = op,
                      .what = x.shape().text() + " and " + other.shape().text(),
                      .expected = "[rows, features] with equal features",
                      .remedy = "flatten(x) in front, or as many features on both sides"});
  require_floating(op, x);
  require_same_kind(op, x, other);
}

// The target's elements among [batch, classes].
Tensor chosen(const char* op, const Tensor& cosines, const Tensor& target) {
  if (cosines.rank() != 2 || target.shape() != Shape{cosines.shape(0)})
    throw ShapeError({.where = op,
                      .what = "cosines " + cosines.shape().text() + ", target " + target.shape().text(),
                      .expected = "[batch, classes] and [batch]",
                      .remedy = "one class number for each row"});
  require_same_device(op, cosines, target);
  require_classes(op, "target", target);
  require_class_range(op, target.value(), cosines.shape(1));
  const NoGradient off;
  return eq(reshape(target, {target.shape(0), 1}),
            arange(0, static_cast<double>(cosines.shape(1)), 1, Dtype::int64, cosines.device()));
}

}  // namespace

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& options) {
  constexpr const char* op = "triplet_margin_loss";
  require_triplet(op, anchor, positive, negative);
  require_option(op, options.p > 0, "p", options.p, "a number above 0");
  require_option(op, options.margin > 0, "margin", options.margin, "a number above 0");
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    return pairwise_distance(a, b, options.p, options.eps);
  };
  return triplet(distance(anchor, positive), distance(anchor, negative),
                 options.swap ? distance(positive, negative) : Tensor(), options.margin, options.reduction);
}

Tensor triplet_margin_with_distance_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                         const TripletDistanceOptions& options) {
  constexpr const char* op = "triplet_margin_with_distance_loss";
  require_triplet(op, anchor, positive, negative);
  require_option(op, options.margin > 0, "margin", options.margin, "a number above 0");
  const auto distance =
      options.distance ? options.distance : [](const Tensor& a, const Tensor& b) { return pairwise_distance(a, b); };
  return triplet(distance(anchor, positive), distance(anchor, negative),
                 options.swap ? distance(positive, negative) : Tensor(), options.margin, options.reduction);
}

Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& target, double margin,
                             Reduction reduction) {
  constexpr const char* op = "cosine_embedding_loss";
  require_same_shape(op, a, b, "second input");
  if (a.rank() < 1 || a.rank() > 2 || target.shape() != a.shape().without(-1))
    throw ShapeError({.where = op,
                      .what = "inputs " + a.shape().text() + ", target " + target.shape().text(),
                      .expected = "[batch, features] and [batch], or [features] and []",
                      .remedy = "one target, 1 or -1, for each pair"});
  constexpr double eps = 1e-12;
  const Tensor lengths = (sum(square(a), {-1}) + eps) * (sum(square(b), {-1}) + eps);
  const Tensor cosine = sum(a * b, {-1}) / sqrt(lengths);
  return reduced(where(eq(target, 1), 1.0 - cosine, 0.0) + where(eq(target, -1), clamp_min(cosine - margin, 0), 0.0),
                 reduction);
}

Tensor cosine_logits(const Tensor& x, const Tensor& weight) {
  require_rows("cosine_logits", x, weight);
  return linear(normalized(x), normalized(weight));
}

Tensor info_nce_loss(const Tensor& queries, const Tensor& keys, double temperature, Reduction reduction) {
  constexpr const char* op = "info_nce_loss";
  require_rows(op, queries, keys);
  require_option(op, temperature > 0, "temperature", temperature, "a number above 0");
  if (keys.shape(0) < queries.shape(0))
    throw ShapeError({.where = op,
                      .what = "queries " + queries.shape().text() + ", keys " + keys.shape().text(),
                      .expected = "at least one key per query"});
  const Tensor partner = arange(0, static_cast<double>(queries.shape(0)), 1, Dtype::int64, queries.device());
  return cross_entropy(cosine_logits(queries, keys) / temperature, partner, {.reduction = reduction});
}

Tensor nt_xent_loss(const Tensor& first, const Tensor& second, double temperature, Reduction reduction) {
  constexpr const char* op = "nt_xent_loss";
  require_rows(op, first, second);
  require_pair(op, first, second, "second view");
  require_option(op, temperature > 0, "temperature", temperature, "a number above 0");
  const std::int64_t batch = first.shape(0);
  const Tensor views = normalized(concat({first, second}, 0));
  const Tensor number = arange(0, static_cast<double>(2 * batch), 1, Dtype::int64, first.device());
  const Tensor itself = eq(reshape(number, {2 * batch, 1}), number);
  const Tensor logits =
      masked_fill(linear(views, views) / temperature, itself, -std::numeric_limits<double>::infinity());
  std::vector<std::int64_t> partners;
  for (std::int64_t i = 0; i < 2 * batch; ++i) partners.push_back((i + batch) % (2 * batch));
  return cross_entropy(logits, to(tensor(partners, {2 * batch}), first.device()), {.reduction = reduction});
}

Tensor arcface_logits(const Tensor& cosines, const Tensor& target, double margin, double scale) {
  constexpr const char* op = "arcface_logits";
  const Tensor hot = chosen(op, cosines, target);
  require_option(op, margin >= 0 && margin < 3.1415926, "margin", margin, "an angle from 0 to below π");
  require_option(op, scale > 0, "scale", scale, "a number above 0");
  const Tensor sine = sqrt(clamp_min(1.0 - square(cosines), 1e-12));
  const Tensor turned = cosines * std::cos(margin) - sine * std::sin(margin);
  const Tensor safe = where(gt(cosines, -std::cos(margin)), turned, cosines - margin * std::sin(margin));
  return where(hot, safe, cosines) * scale;
}

Tensor cosface_logits(const Tensor& cosines, const Tensor& target, double margin, double scale) {
  constexpr const char* op = "cosface_logits";
  const Tensor hot = chosen(op, cosines, target);
  require_option(op, margin >= 0, "margin", margin, "0 or more");
  require_option(op, scale > 0, "scale", scale, "a number above 0");
  return where(hot, cosines - margin, cosines) * scale;
}

}  // namespace joist
