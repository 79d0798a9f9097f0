// embedding:     y[i] = weight[index[i]]            dweight[index[i]] += dy[i]
// sum of bags:   y[b] = Σ of rows i in bag b        drow[i] = dy[bag of i]
// The largest of a bag and the rest are put together from these.
#include <joist/core/kernels/indexing.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/embedding.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace joist {
namespace {

using Numbers = std::vector<std::int64_t>;

// Host copy of an index.
Numbers numbers_of(const char* op, const char* what, const Tensor& index) {
  if (!index.defined() || index.dtype() != Dtype::int64)
    throw DtypeError(
        {.where = op,
         .what = std::string(what) + " of " + (index.defined() ? std::string(name_of(index.dtype())) : "no tensor"),
         .expected = "int64",
         .remedy = "to(index, Dtype::int64)"});
  return index.value().to_vector<std::int64_t>();
}

void require_table(const char* op, const Tensor& weight, const std::optional<std::int64_t>& padding) {
  require_rank(op, weight, 2, "weight [rows, width]");
  if (padding && (*padding < -weight.shape(0) || *padding >= weight.shape(0)))
    throw UsageError({.where = op,
                      .what = "padding index " + std::to_string(*padding) + " for weight " + weight.shape().text(),
                      .expected = "a row of the weight",
                      .remedy = "-1 for the last row"});
}

void require_rows(const char* op, const Numbers& index, const Tensor& weight) {
  for (std::size_t i = 0; i < index.size(); ++i)
    if (index[i] < 0 || index[i] >= weight.shape(0))
      throw DataError(
          {.where = op,
           .what = "index " + std::to_string(index[i]) + " at position " + std::to_string(i),
           .expected = "0 to " + std::to_string(weight.shape(0) - 1) + " for weight " + weight.shape().text(),
           .remedy = "a table with more rows, or check the indices against the vocabulary"});
}

std::int64_t padding_row(const std::optional<std::int64_t>& padding, std::int64_t rows) {
  return !padding ? -1 : *padding < 0 ? *padding + rows : *padding;
}

template <class T>
void shorten_row(T* row, std::int64_t width, std::int64_t stride, double max_norm, double p) {
  double norm = 0;
  for (std::int64_t i = 0; i < width; ++i) {
    const double magnitude = std::abs(static_cast<double>(row[i * stride]));
    norm = std::isinf(p) ? std::max(norm, magnitude) : norm + std::pow(magnitude, p);
  }
  if (!std::isinf(p)) norm = std::pow(norm, 1 / p);
  if (!(norm > max_norm)) return;
  const double factor = max_norm / (norm + 1e-7);
  for (std::int64_t i = 0; i < width; ++i)
    row[i * stride] = static_cast<T>(static_cast<double>(row[i * stride]) * factor);
}

// Rows in use that are longer than max_norm become that long, in place, outside of what gradients see (PyTorch's rule).
void shorten(const char* op, const Tensor& weight, Numbers rows, double max_norm, double p) {
  if (!(max_norm > 0) || !(p > 0))
    throw UsageError({.where = op,
                      .what = "max_norm " + std::to_string(max_norm) + ", norm_type " + std::to_string(p),
                      .expected = "both above 0",
                      .remedy = "infinity for max_norm where rows may have any length"});
  if (std::isinf(max_norm)) return;
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  const Array& table = weight.value();
  const std::int64_t width = table.shape(1), row_stride = table.strides()[0], stride = table.strides()[1];
  if (table.dtype() != Dtype::float32 && table.dtype() != Dtype::float64)
    throw UnsupportedError({.where = op,
                            .what = "unsupported: max_norm for a weight of " + std::string(name_of(table.dtype())),
                            .remedy = "a weight of float32"});
  for (const std::int64_t row : rows)
    if (table.dtype() == Dtype::float32)
      shorten_row(table.data<float>() + row * row_stride, width, stride, max_norm, p);
    else
      shorten_row(table.data<double>() + row * row_stride, width, stride, max_norm, p);
  table.bump_version();
}

Tensor placed(const Numbers& numbers, Device device) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  return Tensor(Array::from(numbers, {count}, device));
}

// rows [n, width] and the bag of each -> [bags, width].
Tensor sum_of_bags(const Tensor& rows, const Array& bag, std::int64_t bags) {
  const auto& table = kernels_of<IndexingKernels>(rows.value());
  Array y = Array::empty({bags, rows.shape(1)}, rows.dtype(), rows.device());
  table.take_rows_backward(rows.value(), bag, {y, false});
  return record({Op::scatter}, {rows}, std::move(y),
                [bag = saved(bag), &table](const Array& dy, Node& node) { table.take_rows(dy, bag, node.slot(0)); });
}

// The largest of each column per bag; the first of equals, a NaN before all, gets the gradient.
Tensor maximum_of_bags(const Tensor& rows, const Numbers& bag, std::int64_t bags) {
  const std::int64_t count = rows.shape(0), width = rows.shape(1);
  const std::vector<double> values = to(rows.detach(), Dtype::float64).value().to_vector<double>();
  Numbers best(static_cast<std::size_t>(bags * width), count * width);  // behind the end stands a 0 for empty bags
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t j = 0; j < width; ++j) {
      std::int64_t& place = best[static_cast<std::size_t>(bag[static_cast<std::size_t>(i)] * width + j)];
      const auto value = [&](std::int64_t at) { return values[static_cast<std::size_t>(at)]; };
      const std::int64_t here = i * width + j;
      const bool wins = place == count * width || value(here) > value(place) ||
                        (std::isnan(value(here)) && !std::isnan(value(place)));
      if (wins) place = here;
    }
  const Tensor elements =
      concat({reshape(rows, {count * width, 1}), Tensor::zeros({1, 1}, rows.dtype(), rows.device())}, 0);
  return reshape(index_select(elements, placed(best, rows.device()).value()), {bags, width});
}

// Where each entry belongs, and how many bags there are.
std::int64_t bags_of(const Tensor& index, const Tensor& offsets, bool include_last, Numbers& bag) {
  constexpr const char* op = "embedding_bag";
  const std::int64_t count = index.value().elements();
  if (!offsets.defined()) {
    require_rank(op, index, 2, "index [bags, length] without offsets, or [n] with offsets");
    for (std::int64_t i = 0; i < count; ++i) bag.push_back(i / index.shape(1));
    return index.shape(0);
  }
  require_rank(op, index, 1, "index [n] with offsets, or [bags, length] without");
  require_rank(op, offsets, 1, "offsets [bags]");
  const Numbers starts = numbers_of(op, "offsets", offsets);
  const auto refuse = [&](const std::string& what) {
    throw DataError({.where = op,
                     .what = what,
                     .expected = "offsets that start with 0, never fall and stay within the " + std::to_string(count) +
                                 " entries of the index",
                     .remedy = "where each bag starts in the index"});
  };
  if (include_last && starts.empty()) refuse("no offsets with include_last_offset");
  if (!starts.empty() && starts[0] != 0) refuse("offset " + std::to_string(starts[0]) + " at position 0");
  for (std::size_t i = 0; i < starts.size(); ++i)
    if (starts[i] > count || (i > 0 && starts[i] < starts[i - 1]))
      refuse("offset " + std::to_string(starts[i]) + " at position " + std::to_string(i));
  const auto bags = static_cast<std::int64_t>(starts.size()) - (include_last ? 1 : 0);
  const std::int64_t end = include_last ? starts.back() : count;
  if (end < count || (bags == 0 && count > 0)) refuse("entries that belong to no bag");
  for (std::int64_t b = 0; b < bags; ++b) {
    const auto next = static_cast<std::size_t>(b + 1);
    const std::int64_t stop = next < starts.size() ? starts[next] : count;
    for (std::int64_t i = starts[next - 1]; i < stop; ++i) bag.push_back(b);
  }
  return bags;
}

}  // namespace

Tensor embedding(const Tensor& index, const Tensor& weight, const EmbeddingOptions& options) {
  require_table("embedding", weight, options.padding_index);
  Tensor flat;
  if (index.defined() && index.dtype() == Dtype::int64 && !index.device().on_host() &&
      index.device() == weight.device() && std::isinf(options.max_norm)) {
    flat = ravel(index);  // the host looks at no number, so it need not wait for the device
  } else {
    const Numbers rows = numbers_of("embedding", "index", index);
    require_rows("embedding", rows, weight);
    shorten("embedding", weight, rows, options.max_norm, options.norm_type);
    flat = placed(rows, weight.device());
  }
  Tensor y = index_select(weight, flat.value());
  if (options.padding_index && weight.requires_grad()) {
    const auto padding = static_cast<double>(padding_row(options.padding_index, weight.shape(0)));
    y = where(reshape(eq(flat, padding), {flat.shape(0), 1}), y.detach(), y);
  }
  return reshape(y, index.shape().inserted(index.rank(), weight.shape(1)));
}

Tensor embedding_bag(const Tensor& index, const Tensor& weight, const Tensor& offsets,
                     const EmbeddingBagOptions& options, const Tensor& weights_per_sample) {
  constexpr const char* op = "embedding_bag";
  require_table(op, weight, options.padding_index);
  const Numbers all = numbers_of(op, "index", index);
  require_rows(op, all, weight);
  Numbers all_bags;
  const std::int64_t bags = bags_of(index, offsets, options.include_last_offset, all_bags);
  if (weights_per_sample.defined()) {
    require_same_kind(op, weight, weights_per_sample);
    if (options.mode != BagMode::sum)
      throw UsageError({.where = op,
                        .what = "weights per sample with a mode other than sum",
                        .expected = "mode sum",
                        .remedy = "BagMode::sum"});
    if (weights_per_sample.shape() != index.shape())
      throw ShapeError({.where = op,
                        .what = "weights per sample of shape " + weights_per_sample.shape().text(),
                        .expected = "the index's, " + index.shape().text(),
                        .remedy = "one weight for each index"});
  }
  shorten(op, weight, all, options.max_norm, options.norm_type);

  const std::int64_t padding = padding_row(options.padding_index, weight.shape(0));
  Numbers kept, bag, positions;  // entries that count
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == padding) continue;
    kept.push_back(all[i]);
    bag.push_back(all_bags[i]);
    positions.push_back(static_cast<std::int64_t>(i));
  }
  Tensor rows = index_select(weight, placed(kept, weight.device()).value());
  if (options.mode == BagMode::maximum) return maximum_of_bags(rows, bag, bags);
  if (weights_per_sample.defined()) {
    const auto count = static_cast<std::int64_t>(all.size());
    rows = rows * index_select(reshape(weights_per_sample, {count, 1}), placed(positions, weight.device()).value());
  }
  const Tensor total = sum_of_bags(rows, placed(bag, weight.device()).value(), bags);
  if (options.mode == BagMode::sum) return total;
  std::vector<double> factors(static_cast<std::size_t>(bags), 0.0);
  for (const std::int64_t b : bag) factors[static_cast<std::size_t>(b)] += 1;
  for (double& factor : factors) factor = factor > 0 ? 1 / factor : 0;
  return total * to(to(tensor(factors, {bags, 1}), weight.dtype()), weight.device());
}

}  // namespace joist
