// Attention by cuDNN where that has a way; else as matrix products with our softmax between them, in parts that
// most_column_bytes() bounds: whole batches where they fit, else some queries of one. Scores are float32.
#include <joist/cuda/attention.h>
#include <joist/cuda/attention_by_library.h>
#include <joist/cuda/columns.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/matmul.h>

#include <algorithm>

namespace joist::cuda {
namespace {

constexpr const char* forward_name = "attention";
constexpr const char* backward_name = "attention_backward";

/// [batch, heads, rows, width] as [batch, key_heads, group, rows, width].
Array grouped(const Array& x, std::int64_t key_heads) {
  const std::int64_t group = x.shape(1) / key_heads;
  return x.strided({x.shape(0), key_heads, group, x.shape(2), x.shape(3)},
                   {x.strides()[0], x.strides()[1] * group, x.strides()[1], x.strides()[2], x.strides()[3]});
}

struct Sizes {
  std::int64_t batches, heads, queries, keys, key_heads;
  std::int64_t batch_step = 1, query_step = 1;  ///< computed at a time
  explicit Sizes(const AttentionArguments& a)
      : batches(a.q.shape(0)), heads(a.q.shape(1)), queries(a.q.shape(2)), keys(a.k.shape(2)), key_heads(a.k.shape(1)) {
    const std::int64_t row = std::max<std::int64_t>(heads * keys * 4, 1), rows = most_column_bytes() / row;
    query_step = std::clamp<std::int64_t>(rows, 1, std::max<std::int64_t>(queries, 1));
    if (query_step == queries)
      batch_step = std::clamp<std::int64_t>(rows / queries, 1, std::max<std::int64_t>(batches, 1));
  }
  Array scores(std::int64_t batch_count, std::int64_t query_count, Dtype dtype, Device device) const {
    return Array::empty({batch_count, heads, query_count, keys}, dtype, device);
  }
};
/// work(first batch, one behind the last, first query, one behind the last)
template <class Work>
void for_each_part(const Sizes& sizes, const Work& work) {
  for (std::int64_t batch = 0; batch < sizes.batches; batch += sizes.batch_step)
    for (std::int64_t query = 0; query < sizes.queries; query += sizes.query_step)
      work(batch, std::min(batch + sizes.batch_step, sizes.batches), query,
           std::min(query + sizes.query_step, sizes.queries));
}

void forward(const AttentionOptions& options, const AttentionArguments& a, const Out& y, const Array& log_sum) {
  if (attention_by_library(forward_name, options, a, y, log_sum)) return;
  const Sizes sizes(a);
  const Array keys = grouped(a.k, sizes.key_heads), values = grouped(a.v, sizes.key_heads);
  for_each_part(sizes, [&](std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t last) {
    const auto part = [&](const Array& x) {
      return grouped(x.sliced(0, from, to).sliced(2, first, last), sizes.key_heads);
    };
    const Array scores = sizes.scores(to - from, last - first, Dtype::float32, a.q.device());
    // In place where the type allows: every element is read and written by one thread.
    const Array weights =
        a.v.dtype() == Dtype::float32 ? scores : sizes.scores(to - from, last - first, a.v.dtype(), a.q.device());
    multiply(forward_name, part(a.q), keys.sliced(0, from, to).transposed(), {}, {grouped(scores, sizes.key_heads)});
    softmax_scores({options, a, from, first}, scores, weights, log_sum);
    multiply(forward_name, grouped(weights, sizes.key_heads), values.sliced(0, from, to), {},
             {part(y.array), y.accumulate});
  });
}

/// A gradient of keys or values. Written at once where every place comes from one product, else float32 sums.
class Sum {
 public:
  /// own_ where queries come in parts, too: one array may be the gradients of q and k, and parts of q are overwritten.
  Sum(const Out& out, const Sizes& sizes)
      : out_(out),
        in_parts_(sizes.query_step < sizes.queries),
        once_(!in_parts_ && sizes.queries > 0 && sizes.heads == sizes.key_heads) {
    if (!out.array.defined()) return;
    own_ = !once_ && (in_parts_ || out.array.dtype() != Dtype::float32);
    total_ = own_ ? Array::empty(out.array.shape(), Dtype::float32, out.array.device()) : out.array;
    if (own_ || (!once_ && !out.accumulate)) cuda_kernels().elementwise.fill(0, total_);
  }
  bool wanted() const { return total_.defined(); }
  /// Adds aᵀ · b of every group of queries.
  void add(const Array& a, const Array& b, std::int64_t from, std::int64_t to) const {
    const Array part = total_.sliced(0, from, to);
    for (std::int64_t group = 0; group < a.shape(2); ++group)
      multiply(backward_name, a.selected(2, group).transposed(), b.selected(2, group), {},
               {part, !once_ || out_.accumulate});
  }
  void finish() const {
    if (own_) copy_elements(total_, out_);
  }

 private:
  Out out_;
  bool in_parts_, once_;
  Array total_{};
  bool own_ = false;
};

void backward(const AttentionOptions& options, const AttentionArguments& a, const Array& y, const Array& log_sum,
              const Array& dy, const AttentionOuts& outs) {
  if (attention_backward_by_library(backward_name, options, a, y, log_sum, dy, outs)) return;
  const Sizes sizes(a);
  const Array keys = grouped(a.k, sizes.key_heads), values = grouped(a.v, sizes.key_heads);
  const Sum dk(outs.dk, sizes), dv(outs.dv, sizes);
  for_each_part(sizes, [&](std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t last) {
    const auto part = [&](const Array& x) {
      return grouped(x.sliced(0, from, to).sliced(2, first, last), sizes.key_heads);
    };
    const auto memory = [&](Dtype dtype) { return sizes.scores(to - from, last - first, dtype, a.q.device()); };
    const Array scores = memory(Dtype::float32), dweights = memory(Dtype::float32);
    const bool single = a.q.dtype() == Dtype::float32;
    const Array weights = single ? scores : memory(a.q.dtype()), slopes = single ? dweights : memory(a.q.dtype());
    multiply(backward_name, part(a.q), keys.sliced(0, from, to).transposed(), {}, {grouped(scores, sizes.key_heads)});
    multiply(backward_name, part(dy), values.sliced(0, from, to).transposed(), {},
             {grouped(dweights, sizes.key_heads)});
    softmax_scores_backward({options, a, from, first}, scores, dweights, log_sum, weights, slopes, outs.dmask);
    const Array all_slopes = grouped(slopes, sizes.key_heads);
    if (outs.dq.array.defined())
      multiply(backward_name, all_slopes, keys.sliced(0, from, to), {}, {part(outs.dq.array), outs.dq.accumulate});
    if (dk.wanted()) dk.add(all_slopes, part(a.q), from, to);
    if (dv.wanted()) dv.add(grouped(weights, sizes.key_heads), part(dy), from, to);
  });
  dk.finish();
  dv.finish();
}

}  // namespace

void fill_attention(Kernels& table) {
  table.attention.forward = forward;
  table.attention.backward = backward;
}

}  // namespace joist::cuda
