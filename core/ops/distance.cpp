// Distances and similarities, as compositions of norms.
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

void require_p(const char* op, double p) {
  if (!(p >= 0))
    throw UsageError({.where = op,
                      .what = "p " + std::to_string(p),
                      .expected = "a p of at least 0",
                      .remedy = "2 for the usual distance"});
}

// The norm over the last axis; 0 over an axis of length 0.
Tensor length_of(const Tensor& difference, double p) {
  if (difference.shape(-1) == 0) return sum(difference, -1);
  return norm(difference, p, {-1});
}

}  // namespace

Tensor cdist(const Tensor& a, const Tensor& b, double p) {
  require_same_kind("cdist", a, b);
  require_p("cdist", p);
  if (a.rank() < 2 || b.rank() < 2 || a.shape(-1) != b.shape(-1))
    throw ShapeError({.where = "cdist",
                      .what = a.shape().text() + " and " + b.shape().text(),
                      .expected = "[..., p, m] and [..., r, m]"});
  return length_of(unsqueeze(a, -2) - unsqueeze(b, -3), p);
}

Tensor pdist(const Tensor& x, double p) {
  require_rank("pdist", x, 2, "[n, m]");
  require_p("pdist", p);
  std::vector<std::int64_t> first, second;
  for (std::int64_t i = 0; i < x.shape(0); ++i)
    for (std::int64_t j = i + 1; j < x.shape(0); ++j) {
      first.push_back(i);
      second.push_back(j);
    }
  const auto rows = [&](const std::vector<std::int64_t>& chosen) {
    return index_select(x, Array::from(chosen, {static_cast<std::int64_t>(chosen.size())}));
  };
  return length_of(rows(first) - rows(second), p);
}

Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p, double eps, bool keep_axis) {
  return norm(a - b + eps, p, {-1}, keep_axis);
}

Tensor cosine_similarity(const Tensor& given_a, const Tensor& given_b, int axis, double eps) {
  const Shape shape = broadcast(given_a.shape(), given_b.shape(), "cosine_similarity");
  const int at = shape.axis(axis);
  const Tensor a = expand(given_a, shape), b = expand(given_b, shape);
  const auto direction = [&](const Tensor& x) { return x / clamp_min(norm(x, 2, {at}, true), eps); };
  return sum(direction(a) * direction(b), at);
}

}  // namespace joist
