#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/layers/attention.h>
#include <joist/layers/check.h>
#include <joist/layers/heads.h>

#include <cmath>
#include <limits>
#include <tuple>

namespace joist {
namespace {

constexpr const char* name = "MultiheadAttention";
constexpr double never = -std::numeric_limits<double>::infinity();

// More room on axis 2, filled up to `length`.
Array grown(const Array& old, const Array& like, std::int64_t length, std::int64_t room) {
  const Array memory = Array::empty(like.shape().with(2, room), like.dtype(), like.device());
  if (length > 0) kernels(like).elementwise.copy(old.sliced(2, 0, length), {memory.sliced(2, 0, length), false});
  return memory;
}

// Numbers to add for a mask that is true where nothing is seen.
Tensor added(const Tensor& mask, Dtype dtype) {
  if (mask.dtype() != Dtype::boolean) return to(mask, dtype);
  return masked_fill(Tensor::zeros(mask.shape(), dtype, mask.device()), mask, never);
}

// What scaled_dot_product_attention() takes, from masks of which true means "not seen".
Tensor combined(const AttentionCall& call, std::int64_t batch, std::int64_t heads, std::int64_t queries,
                std::int64_t keys, Dtype dtype) {
  Tensor mask = call.attn_mask, padding = call.key_padding_mask;
  const auto refuse = [](const char* what, const Tensor& given, const std::string& expected) {
    throw ShapeError({.where = name,
                      .what = std::string(what) + " of shape " + given.shape().text(),
                      .expected = expected,
                      .remedy = "expand() it"});
  };
  if (mask.defined()) {
    if (mask.shape() == Shape{batch * heads, queries, keys})
      mask = reshape(mask, {batch, heads, queries, keys});
    else if (mask.shape() != Shape{queries, keys})
      refuse("attn_mask", mask,
             Shape{queries, keys}.text() + " or " + Shape{batch * heads, queries, keys}.text() +
                 " ([batch · heads, queries, keys])");
  }
  if (padding.defined()) {
    if (padding.shape() == Shape{keys} && batch == 1) padding = reshape(padding, {1, keys});
    if (padding.shape() != Shape{batch, keys})
      refuse("key_padding_mask", padding, Shape{batch, keys}.text() + " ([batch, keys])");
    padding = reshape(padding, {batch, 1, 1, keys});
  }
  for (const Tensor& one : {mask, padding})
    if (one.defined() && one.dtype() != Dtype::boolean && !is_floating(one.dtype()))
      throw DtypeError({.where = name,
                        .what = "a mask of " + std::string(name_of(one.dtype())),
                        .expected = "bool (true: not seen) or floating (added)",
                        .remedy = "eq(mask, 0) for one that holds 1 where a key is seen"});
  if (!mask.defined() && !padding.defined()) return {};
  if (!mask.defined() || !padding.defined()) {
    const Tensor& one = mask.defined() ? mask : padding;
    return one.dtype() == Dtype::boolean ? logical_not(one) : to(one, dtype);
  }
  if (mask.dtype() == Dtype::boolean && padding.dtype() == Dtype::boolean)
    return logical_not(logical_or(mask, padding));
  return added(mask, dtype) + added(padding, dtype);
}

// The weights themselves, [batch, heads, queries, keys]; rows that see nothing are 0.
Tensor weights_of(const Tensor& q, const Tensor& k, const Tensor& mask, bool causal, std::int64_t shift) {
  const double scale = 1 / std::sqrt(static_cast<double>(q.shape(3)));
  Tensor scores = matmul(q * scale, transpose(k, 2, 3));
  if (mask.defined())
    scores = mask.dtype() == Dtype::boolean ? masked_fill(scores, logical_not(mask), never) : scores + mask;
  if (causal) {
    const Tensor rows = reshape(arange(0, static_cast<double>(q.shape(2))), {q.shape(2), 1});
    const Tensor columns = reshape(arange(0, static_cast<double>(k.shape(2))), {1, k.shape(2)});
    scores = masked_fill(scores, to(gt(columns, rows + static_cast<double>(shift)), q.device()), never);
  }
  if (!mask.defined() && !causal) return softmax(scores, 3);
  const Tensor seen = sum(to(gt(scores.detach(), never), scores.dtype()), {3}, true);
  const Tensor blind = eq(seen, 0);
  return masked_fill(softmax(masked_fill(scores, blind, 0), 3), blind, 0);
}

const MultiheadAttentionOptions& checked(const MultiheadAttentionOptions& given) {
  require_heads(name, "embed_dim", given.embed_dim, "num_heads", given.num_heads);
  require_probability(name, "dropout", given.dropout);
  if (given.kdim < 0 || given.vdim < 0)
    throw UsageError({.where = name,
                      .what = "kdim " + std::to_string(given.kdim) + ", vdim " + std::to_string(given.vdim),
                      .expected = "widths of 1 or more, or 0 for embed_dim",
                      .remedy = "leave them out where keys and values are as wide as queries"});
  return given;
}

}  // namespace

std::pair<Tensor, Tensor> KeyValueCache::append(const Tensor& key, const Tensor& value) {
  if ((key.requires_grad() || value.requires_grad()) && !NoGradient::active())
    throw UsageError({.where = "KeyValueCache",
                      .what = "keys or values that want a gradient",
                      .expected = "inference",
                      .remedy = "joist::Inference inference; around the generation"});
  const auto fits = [&](const Tensor& x, const Array& memory) {
    return x.rank() == 4 && x.shape(2) == key.shape(2) &&
           (!memory.defined() || x.shape().with(2, 0) == memory.shape().with(2, 0));
  };
  if (!fits(key, keys_) || !fits(value, values_))
    throw ShapeError({.where = "KeyValueCache",
                      .what = "keys " + key.shape().text() + ", values " + value.shape().text() +
                              (keys_.defined() ? ", cached keys " + keys_.shape().with(2, length_).text() : ""),
                      .expected = "[batch, heads, new, width], as many values as keys, all else as before",
                      .remedy = "clear() before another batch"});
  const std::int64_t total = length_ + key.shape(2);
  if (!keys_.defined() || total > keys_.shape(2)) {
    const std::int64_t room = std::max<std::int64_t>(2 * total, 16);
    keys_ = grown(keys_, key.value(), length_, room);
    values_ = grown(values_, value.value(), length_, room);
  }
  const auto& elementwise = kernels(key.value()).elementwise;
  elementwise.copy(key.value(), {keys_.sliced(2, length_, total), false});
  elementwise.copy(value.value(), {values_.sliced(2, length_, total), false});
  length_ = total;
  return {Tensor(keys_.sliced(2, 0, total)), Tensor(values_.sliced(2, 0, total))};
}

MultiheadAttention::MultiheadAttention(const MultiheadAttentionOptions& given)
    : embed_dim(checked(given).embed_dim),
      num_heads(given.num_heads),
      dropout(given.dropout),
      batch_first(given.batch_first),
      out_proj({.in = given.embed_dim, .out = given.embed_dim, .bias = given.bias}) {
  const std::int64_t kdim = given.kdim > 0 ? given.kdim : embed_dim, vdim = given.vdim > 0 ? given.vdim : embed_dim;
  if (kdim == embed_dim && vdim == embed_dim) {
    in_proj_weight = init::xavier_uniform({3 * embed_dim, embed_dim});
  } else {
    q_proj_weight = init::xavier_uniform({embed_dim, embed_dim});
    k_proj_weight = init::xavier_uniform({embed_dim, kdim});
    v_proj_weight = init::xavier_uniform({embed_dim, vdim});
  }
  if (!given.bias) return;
  in_proj_bias = init::constant({3 * embed_dim}, 0);
  out_proj.bias = init::constant({embed_dim}, 0);
}

AttentionOutput MultiheadAttention::operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                                               const AttentionCall& call) const {
  if (query.rank() == 2 && key.rank() == 2 && value.rank() == 2) {  // without a batch
    const int at = batch_first ? 0 : 1;
    const auto lifted = [at](const Tensor& x) { return reshape(x, x.shape().inserted(at, 1)); };
    const Tensor q = lifted(query), k = key.state() == query.state() ? q : lifted(key);
    AttentionOutput result = (*this)(q, k, value.state() == key.state() ? k : lifted(value), call);
    result.output = reshape(result.output, query.shape());
    if (result.weights.defined()) result.weights = reshape(result.weights, result.weights.shape().without(0));
    return result;
  }
  const std::int64_t kdim = in_proj_weight.defined() ? embed_dim : k_proj_weight.shape(1);
  const std::int64_t vdim = in_proj_weight.defined() ? embed_dim : v_proj_weight.shape(1);
  const int batch_axis = batch_first ? 0 : 1;
  if (query.rank() != 3 || key.rank() != 3 || value.rank() != 3 || query.shape(2) != embed_dim ||
      key.shape(2) != kdim || value.shape(2) != vdim || key.shape(0) != value.shape(0) ||
      key.shape(1) != value.shape(1) || query.shape(batch_axis) != key.shape(batch_axis))
    throw ShapeError(
        {.where = name,
         .what = "query " + query.shape().text() + ", key " + key.shape().text() + ", value " + value.shape().text(),
         .expected = std::string(batch_first ? "[batch, length, width]" : "[length, batch, width]") + " of widths " +
                     std::to_string(embed_dim) + ", " + std::to_string(kdim) + ", " + std::to_string(vdim) +
                     ", one batch size, as many values as keys",
         .remedy = "transpose(x, 0, 1) where length and batch are swapped, or batch_first"});
  const bool one_input = query.state() == key.state() && key.state() == value.state();
  if (call.cache && !one_input)
    throw UsageError({.where = name,
                      .what = "a cache with different query, key and value",
                      .expected = "self-attention: one tensor for all three",
                      .remedy = "leave the cache out"});

  const auto ordered = [&](const Tensor& x) { return batch_first ? x : transpose(x, 0, 1); };
  const auto part = [&](const Tensor& x, int i) {
    return x.defined() ? slice(x, 0, i * embed_dim, (i + 1) * embed_dim) : Tensor();
  };
  const double dropped = training() ? dropout : 0;
  if (one_input && in_proj_weight.defined() && !call.cache && !call.need_weights && !call.attn_mask.defined() &&
      !call.key_padding_mask.defined()) {
    AttentionOptions options{.causal = call.is_causal, .dropout = dropped};
    if (dropped > 0) options.key = next_random_key(Stream::dropout);
    const Tensor y = joined_attention(linear(ordered(query), in_proj_weight, in_proj_bias), num_heads, options);
    const Tensor output = out_proj(y);
    return {.output = batch_first ? output : transpose(output, 0, 1), .weights = {}};
  }
  Tensor q, k, v;  // [batch, heads, length, width]
  if (one_input && in_proj_weight.defined()) {
    const std::vector<Tensor> parts =
        chunk(split_heads(linear(ordered(query), in_proj_weight, in_proj_bias), 3 * num_heads), 3, 1);
    q = parts[0], k = parts[1], v = parts[2];
  } else {
    const bool packed = in_proj_weight.defined();
    const auto projected = [&](const Tensor& x, const Parameter& weight, int i) {
      return split_heads(linear(ordered(x), packed ? part(in_proj_weight, i) : Tensor(weight), part(in_proj_bias, i)),
                         num_heads);
    };
    q = projected(query, q_proj_weight, 0);
    k = projected(key, k_proj_weight, 1);
    v = projected(value, v_proj_weight, 2);
  }
  if (call.cache) std::tie(k, v) = call.cache->append(k, v);

  const std::int64_t batch = q.shape(0), queries = q.shape(2), keys = k.shape(2);
  const Tensor mask = combined(call, batch, num_heads, queries, keys, q.dtype());
  const bool align_end = call.cache != nullptr;
  AttentionOutput result;
  Tensor y;
  if (call.need_weights) {
    Tensor weights = weights_of(q, k, mask, call.is_causal, align_end ? keys - queries : 0);
    if (dropped > 0) weights = joist::dropout(weights, dropped, next_random_key(Stream::dropout));
    y = matmul(weights, v);
    result.weights = call.average_attn_weights ? mean(weights, {1}) : weights;
  } else {
    AttentionOptions options{.causal = call.is_causal, .align_end = align_end, .dropout = dropped};
    if (dropped > 0) options.key = next_random_key(Stream::dropout);
    y = scaled_dot_product_attention(q, k, v, options, mask);
  }
  result.output = out_proj(join_heads(y));
  if (!batch_first) result.output = transpose(result.output, 0, 1);
  return result;
}

}  // namespace joist
