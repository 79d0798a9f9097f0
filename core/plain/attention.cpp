#include <joist/core/plain/plain.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace joist::plain {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// One query's view of the keys.
class Row {
 public:
  Row(const AttentionOptions& options, const AttentionArguments& a, std::int64_t batch, std::int64_t head,
      std::int64_t query)
      : options_(options),
        a_(a),
        batch_(batch),
        head_(head),
        query_(query),
        key_head_(head / (a.q.shape(1) / a.k.shape(1))),
        keys_(a.k.shape(2)),
        scale_(attention_scale(options, a.q.shape(3))),
        position_(query + (options.align_end ? keys_ - a.q.shape(2) : 0)) {}

  std::int64_t keys() const { return keys_; }
  std::int64_t key_head() const { return key_head_; }
  double scale() const { return scale_; }

  /// -infinity where the key may not be seen.
  double score(std::int64_t key) const {
    const std::int64_t distance = std::abs(position_ - key);
    if (options_.causal && key > position_) return -infinity;
    if (options_.window > 0 && distance >= options_.window) return -infinity;
    const bool is_choice = a_.mask.defined() && a_.mask.dtype() == Dtype::boolean;
    if (is_choice && !at<bool>(mask_, {batch_, head_, query_, key})) return -infinity;
    double product = 0;
    for (std::int64_t t = 0; t < a_.q.shape(3); ++t)
      product += at(a_.q, {batch_, head_, query_, t}) * at(a_.k, {batch_, key_head_, key, t});
    double result = scale_ * product;
    if (a_.slopes.defined()) result -= at(a_.slopes, {head_}) * static_cast<double>(distance);
    if (a_.mask.defined() && !is_choice) result += at(mask_, {batch_, head_, query_, key});
    return result;
  }

  /// 0 for a dropped weight, else 1 / (1 - p).
  double kept(std::int64_t key) const {
    if (options_.dropout == 0) return 1;
    const std::int64_t row = (batch_ * a_.q.shape(1) + head_) * a_.q.shape(2) + query_;
    const auto block = static_cast<std::uint32_t>(row * ((keys_ + 3) / 4) + key / 4);
    const std::uint32_t word = random_bits(options_.key, block)[static_cast<std::size_t>(key % 4)];
    return static_cast<double>(uniform_from(word)) >= options_.dropout ? 1 / (1 - options_.dropout) : 0;
  }

  double value_product(std::int64_t key, const Array& dy) const {
    double product = 0;
    for (std::int64_t t = 0; t < a_.v.shape(3); ++t)
      product += at(dy, {batch_, head_, query_, t}) * at(a_.v, {batch_, key_head_, key, t});
    return product;
  }

 private:
  const AttentionOptions& options_;
  const AttentionArguments& a_;
  std::int64_t batch_, head_, query_, key_head_, keys_;
  double scale_;
  std::int64_t position_;
  Array mask_ =
      a_.mask.defined() ? a_.mask.expanded({a_.q.shape(0), a_.q.shape(1), a_.q.shape(2), a_.k.shape(2)}) : Array();
};

template <class Visit>
void for_each_query(const Array& q, Visit&& visit) {
  for_each_index({q.shape(0), q.shape(1), q.shape(2)}, visit);
}

void forward(const AttentionOptions& options, const AttentionArguments& a, const Out& y, const Array& log_sum) {
  for_each_query(a.q, [&](const Shape& i) {
    const Row row(options, a, i[0], i[1], i[2]);
    std::vector<double> weights;
    double largest = -infinity, sum = 0;
    for (std::int64_t key = 0; key < row.keys(); ++key) {
      weights.push_back(row.score(key));
      if (beats(weights.back(), largest)) largest = weights.back();
    }
    const double offset = largest == -infinity ? 0 : largest;
    for (double& weight : weights) sum += weight = std::exp(weight - offset);
    at(log_sum, i) = offset + std::log(sum);  // -infinity for a row that sees nothing
    for (std::int64_t t = 0; t < a.v.shape(3); ++t) {
      double total = 0;
      for (std::int64_t key = 0; key < row.keys(); ++key) {
        const double weight = weights[static_cast<std::size_t>(key)];
        if (weight != 0) total += weight / sum * row.kept(key) * at(a.v, {i[0], row.key_head(), key, t});
      }
      put(y, {i[0], i[1], i[2], t}, total);
    }
  });
}

void backward(const AttentionOptions& options, const AttentionArguments& a, const Array& y, const Array& log_sum,
              const Array& dy, const AttentionOuts& outs) {
  const Array dq = zeros(a.q.shape()), dk = zeros(a.k.shape()), dv = zeros(a.v.shape());
  for_each_query(a.q, [&](const Shape& i) {
    const Row row(options, a, i[0], i[1], i[2]);
    double mean = 0;  // of the slopes of this row's weights
    for (std::int64_t t = 0; t < a.v.shape(3); ++t)
      mean += at(dy, {i[0], i[1], i[2], t}) * at(y, {i[0], i[1], i[2], t});
    for (std::int64_t key = 0; key < row.keys(); ++key) {
      const double score = row.score(key);
      const double weight = score == -infinity ? 0 : std::exp(score - at(log_sum, i));
      const double kept = row.kept(key);
      const double dscore = weight == 0 ? 0 : weight * (kept * row.value_product(key, dy) - mean);
      if (outs.dmask.array.defined()) put(outs.dmask, {i[0], i[1], i[2], key}, dscore);
      if (weight == 0) continue;
      const std::int64_t head = row.key_head();
      for (std::int64_t t = 0; t < a.v.shape(3); ++t)
        at(dv, {i[0], head, key, t}) += weight * kept * at(dy, {i[0], i[1], i[2], t});
      for (std::int64_t t = 0; t < a.q.shape(3); ++t) {
        at(dq, {i[0], i[1], i[2], t}) += row.scale() * dscore * at(a.k, {i[0], head, key, t});
        at(dk, {i[0], head, key, t}) += row.scale() * dscore * at(a.q, {i[0], i[1], i[2], t});
      }
    }
  });
  put(outs.dq, dq);
  put(outs.dk, dk);
  put(outs.dv, dv);
}

}  // namespace

void fill(AttentionKernels& kernels) {
  kernels.forward = forward;
  kernels.backward = backward;
}

}  // namespace joist::plain
