// Different values: sort, then see where neighbours differ. Slices are compared by the ranks of their elements.
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/sorting.h>

#include <algorithm>
#include <numeric>

namespace joist {
namespace {

using Numbers = std::vector<std::int64_t>;

Tensor vector_of(const Numbers& values, Device device) {
  return to(Tensor(Array::from(values, {static_cast<std::int64_t>(values.size())})), device);
}

// Runs of equals in a row of `count` things: where each begins, and the run of each.
struct Runs {
  Numbers starts{}, run{};
};
template <class Differs>
Runs runs_of(std::int64_t count, const Differs& differs) {
  Runs runs;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i == 0 || differs(i)) runs.starts.push_back(i);
    runs.run.push_back(static_cast<std::int64_t>(runs.starts.size()) - 1);
  }
  return runs;
}
Numbers lengths_of(const Runs& runs) {
  Numbers lengths;
  for (std::size_t i = 0; i < runs.starts.size(); ++i) {
    const std::int64_t end =
        i + 1 < runs.starts.size() ? runs.starts[i + 1] : static_cast<std::int64_t>(runs.run.size());
    lengths.push_back(end - runs.starts[i]);
  }
  return lengths;
}

Runs runs_of(const Tensor& vector) {
  const std::int64_t n = vector.shape(0);
  if (n == 0) return {};
  const auto differs = to(ne(slice(vector, 0, 1, n), slice(vector, 0, 0, n - 1)), cpu).value().to_vector<bool>();
  return runs_of(n, [&](std::int64_t i) -> bool { return differs[static_cast<std::size_t>(i - 1)]; });
}

// Which run each element belongs to, from the sorted order `order`.
Numbers unsorted(const Runs& runs, const Numbers& order) {
  Numbers inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) inverse[static_cast<std::size_t>(order[i])] = runs.run[i];
  return inverse;
}

// The slices of an axis as rows of ranks: equal elements have equal ranks, larger ones larger.
std::vector<Numbers> rank_rows(const Tensor& x, int axis) {
  const std::int64_t rows = x.shape(axis);
  const Numbers ranks = to(unique(movedim(x, axis, 0)).inverse, cpu).value().to_vector<std::int64_t>();
  const std::size_t width = rows > 0 ? ranks.size() / static_cast<std::size_t>(rows) : 0;
  std::vector<Numbers> result;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i)
    result.emplace_back(ranks.begin() + static_cast<std::ptrdiff_t>(i * width),
                        ranks.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
  return result;
}

}  // namespace

Unique unique(const Tensor& x) {
  const Quiet quiet;
  const ValuesIndices sorted = sort(ravel(x.detach()), 0);
  const Runs runs = runs_of(sorted.values);
  const Numbers order = to(sorted.indices, cpu).value().to_vector<std::int64_t>();
  return {index_select(sorted.values, vector_of(runs.starts, x.device()).value()),
          reshape(vector_of(unsorted(runs, order), x.device()), x.shape()), vector_of(lengths_of(runs), x.device())};
}

Unique unique(const Tensor& x, int axis) {
  const Quiet quiet;
  const int at = x.shape().axis(axis);
  const std::vector<Numbers> rows = rank_rows(x.detach(), at);
  Numbers order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  const auto row = [&](std::int64_t i) -> const Numbers& { return rows[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return row(a) < row(b); });
  const auto place = [&](std::int64_t i) { return order[static_cast<std::size_t>(i)]; };
  const Runs runs = runs_of(static_cast<std::int64_t>(rows.size()),
                            [&](std::int64_t i) { return row(place(i)) != row(place(i - 1)); });
  Numbers firsts;
  for (const std::int64_t start : runs.starts) firsts.push_back(place(start));
  return {index_select(x.detach(), at, vector_of(firsts, x.device())), vector_of(unsorted(runs, order), x.device()),
          vector_of(lengths_of(runs), x.device())};
}

Unique unique_consecutive(const Tensor& x) {
  const Quiet quiet;
  const Tensor flat = ravel(x.detach());
  const Runs runs = runs_of(flat);
  return {index_select(flat, vector_of(runs.starts, x.device()).value()),
          reshape(vector_of(runs.run, x.device()), x.shape()), vector_of(lengths_of(runs), x.device())};
}

Unique unique_consecutive(const Tensor& x, int axis) {
  const Quiet quiet;
  const int at = x.shape().axis(axis);
  const std::vector<Numbers> rows = rank_rows(x.detach(), at);
  const Runs runs = runs_of(static_cast<std::int64_t>(rows.size()), [&](std::int64_t i) {
    return rows[static_cast<std::size_t>(i)] != rows[static_cast<std::size_t>(i - 1)];
  });
  return {index_select(x.detach(), at, vector_of(runs.starts, x.device())), vector_of(runs.run, x.device()),
          vector_of(lengths_of(runs), x.device())};
}

}  // namespace joist
