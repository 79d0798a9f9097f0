// s = scale q kᵀ - slope |p - j| + mask      w = softmax(s)      y = (kept w) v
// dv = (kept w)ᵀ dy      dw = kept · (dy vᵀ)      ds = w (dw - Σ dy y)      dq = scale ds k      dk = scale dsᵀ q
// dmask = ds
// w is computed again in backward from the logarithm of the softmax's denominator, block by block.
#include <joist/core/block_names.h>
#include <joist/core/kernels/attention.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/attention.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

constexpr const char* name = "scaled_dot_product_attention";

std::string shapes_of(const Tensor& q, const Tensor& k, const Tensor& v) {
  return "q " + q.shape().text() + ", k " + k.shape().text() + ", v " + v.shape().text();
}

void require_operands(const Tensor& q, const Tensor& k, const Tensor& v) {
  require_floating(name, q, "q");
  require_same_kind(name, q, k);
  require_same_kind(name, q, v);
  if (q.rank() < 2 || q.rank() > 4 || k.rank() != q.rank() || v.rank() != q.rank())
    throw ShapeError({.where = name,
                      .what = shapes_of(q, k, v),
                      .expected = "equal ranks, 2 to 4: [batch, heads, length, width], [heads, length, width] or "
                                  "[length, width]",
                      .remedy = "unsqueeze() what is missing"});
  const auto require = [&](bool good, const char* expected, const char* remedy) {
    if (!good) throw ShapeError({.where = name, .what = shapes_of(q, k, v), .expected = expected, .remedy = remedy});
  };
  require(q.shape(-1) == k.shape(-1) && q.shape(-1) > 0, "q and k of one width above 0",
          "project one of them with linear()");
  require(k.shape(-2) == v.shape(-2), "as many values as keys", "one value for each key");
  if (q.rank() > 3) require(q.shape(0) == k.shape(0) && q.shape(0) == v.shape(0), "one batch size", "expand()");
  if (q.rank() > 2) {
    require(k.shape(-3) == v.shape(-3), "as many heads of values as of keys", "expand() one of them");
    require(q.shape(-3) == 0 || (k.shape(-3) > 0 && q.shape(-3) % k.shape(-3) == 0),
            "heads of q a multiple of the heads of k and v", "repeat_interleave() of keys and values");
  }
}

void require_options(const AttentionOptions& options) {
  if (!(options.dropout >= 0 && options.dropout < 1))
    throw UsageError({.where = name,
                      .what = "dropout " + std::to_string(options.dropout),
                      .expected = "0 <= dropout < 1",
                      .remedy = "the probability to drop a weight, not to keep it"});
  if (options.window < 0)
    throw UsageError({.where = name,
                      .what = "window " + std::to_string(options.window),
                      .expected = "at least 1 key, or 0 for all"});
  if (!std::isfinite(options.scale))
    throw UsageError({.where = name,
                      .what = "scale " + std::to_string(options.scale),
                      .expected = "a finite number, 0 for 1/√width"});
}

// The mask with four axes that broadcast to `scores`; of exactly that shape when it wants a gradient.
Tensor fitting(const Tensor& mask, const Tensor& q, const Shape& scores) {
  if (!mask.defined()) return mask;
  require_same_device(name, mask, q);
  if (mask.dtype() != Dtype::boolean && mask.dtype() != q.dtype())
    throw DtypeError(
        {.where = name,
         .what = "mask of " + std::string(name_of(mask.dtype())) + ", q of " + std::string(name_of(q.dtype())),
         .expected = "a bool mask, or one of q's element type",
         .remedy = "to(mask, q.dtype())"});
  bool fits = mask.rank() <= q.rank();
  for (int axis = 1; fits && axis <= mask.rank(); ++axis)
    fits = mask.shape(-axis) == 1 || mask.shape(-axis) == scores[-axis];
  if (!fits)
    throw ShapeError({.where = name,
                      .what = "mask " + mask.shape().text() + " for scores " + scores.text(),
                      .expected = "[batch, heads, queries, keys], or 1 or nothing for each axis counted from the end"});
  Shape lifted = mask.shape();
  while (lifted.rank() < 4) lifted = lifted.inserted(0, 1);
  const Tensor four = reshape(mask, lifted);
  return mask.requires_grad() ? expand(four, scores) : four;
}

Tensor lifted(Tensor x) {
  Shape shape = x.shape();
  while (shape.rank() < 4) shape = shape.inserted(0, 1);
  return reshape(x, shape);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                                    const Tensor& mask, const Tensor& slopes) {
  const Tensor added = mask.defined() && is_floating(mask.dtype()) ? mask : Tensor();
  if (wants_halves({q, k, v, added, slopes}))
    return scaled_dot_product_attention(halved(q), halved(k), halved(v), options, halved(mask), halved(slopes));
  require_operands(q, k, v);
  require_options(options);
  const Tensor four_q = lifted(q), four_k = lifted(k), four_v = lifted(v);
  const Shape rows = four_q.shape().without(3);  // [batch, heads, queries]
  if (slopes.defined()) {
    require_vector(name, "slopes", slopes, rows[1]);
    require_same_kind(name, q, slopes);
    if (slopes.requires_grad())
      throw UnsupportedError({.where = name,
                              .what = "unsupported: a gradient of the ALiBi slopes",
                              .remedy = "slopes.detach(), or a floating mask made from the slopes"});
  }
  const Tensor full_mask = fitting(mask, q, rows.inserted(3, four_k.shape(2)));
  const auto& table = kernels_of<AttentionKernels>(q.value());
  // Where q's heads lie side by side (split off by reshape and transpose), y's do too and are joined without a copy.
  const Strides& strides = four_q.value().strides();
  const bool side_by_side = strides[1] < strides[2];
  const Shape shape = four_q.shape().with(3, four_v.shape(3));
  const Array y =
      side_by_side
          ? Array::empty({shape[0], shape[2], shape[1], shape[3]}, q.dtype(), q.device()).permuted({0, 2, 1, 3})
          : Array::empty(shape, q.dtype(), q.device());
  const Array log_sum = Array::empty(rows, is_half(q.dtype()) ? Dtype::float32 : q.dtype(), q.device());
  const auto value_of = [](const Tensor& x) { return x.defined() ? x.value() : Array(); };
  const AttentionArguments arguments{four_q.value(), four_k.value(), four_v.value(), value_of(full_mask),
                                     value_of(slopes)};
  table.forward(options, arguments, {y, false}, log_sum);
  const Tensor result = record({Op::attention, options}, {four_q, four_k, four_v, full_mask, slopes}, y,
                               [q = saved(arguments.q), k = saved(arguments.k), v = saved(arguments.v),
                                mask = saved(arguments.mask), slopes = saved(arguments.slopes), y = saved(y),
                                log_sum = saved(log_sum), options, &table](const Array& dy, Node& node) {
                                 table.backward(options, {q, k, v, mask, slopes}, y, log_sum, dy,
                                                {node.slot(0), node.slot(1), node.slot(2), node.slot(3)});
                               });
  return q.rank() == 4 ? result : reshape(result, q.shape().with(-1, v.shape(-1)));
}

namespace {

Array row_major_copy(const Array& x) {
  const Array y = Array::empty(x.shape(), x.dtype(), x.device());
  kernels_of<ElementwiseKernels>(x).copy(x, {y, false});
  return y;
}

// [batch, length, parts · heads · width] -> part [batch, heads, length, width] of the same memory.
template <class T>
T heads_of(const T& x, std::int64_t heads, std::int64_t parts, std::int64_t part);
template <>
Array heads_of(const Array& x, std::int64_t heads, std::int64_t parts, std::int64_t part) {
  const Shape& shape = x.shape();
  return x.view({shape[0], shape[1], parts * heads, shape[2] / (parts * heads)})
      .sliced(2, part * heads, (part + 1) * heads)
      .permuted({0, 2, 1, 3});
}
template <>
Tensor heads_of(const Tensor& x, std::int64_t heads, std::int64_t parts, std::int64_t part) {
  const Shape& shape = x.shape();
  const Tensor all = reshape(x, {shape[0], shape[1], parts * heads, shape[2] / (parts * heads)});
  return permute(slice(all, 2, part * heads, (part + 1) * heads), {0, 2, 1, 3});
}

}  // namespace

Tensor joined_attention(const Tensor& qkv, std::int64_t heads, const AttentionOptions& options) {
  require_rank("joined_attention", qkv, 3, "[batch, length, 3 · heads · width]");
  require_floating("joined_attention", qkv);
  require_options(options);
  if (heads < 1 || qkv.shape(2) < 1 || qkv.shape(2) % (3 * heads) != 0)
    throw ShapeError({.where = "joined_attention",
                      .what = "qkv " + qkv.shape().text() + " and " + std::to_string(heads) + " heads",
                      .expected = "[batch, length, 3 · heads · width]"});
  if (wants_halves({qkv})) return joined_attention(halved(qkv), heads, options);
  const std::int64_t batch = qkv.shape(0), length = qkv.shape(1), width = qkv.shape(2) / 3;
  if (hears_single_operations() || !qkv.value().is_row_major()) {  // listeners see attention and the steps around it
    const Tensor y = scaled_dot_product_attention(heads_of(qkv, heads, 3, 0), heads_of(qkv, heads, 3, 1),
                                                  heads_of(qkv, heads, 3, 2), options);
    return reshape(permute(y, {0, 2, 1, 3}), {batch, length, width});
  }
  const auto arguments_of = [heads](const Array& x) {
    return AttentionArguments{heads_of(x, heads, 3, 0), heads_of(x, heads, 3, 1), heads_of(x, heads, 3, 2)};
  };
  const auto& table = kernels_of<AttentionKernels>(qkv.value());
  Array y = Array::empty({batch, length, width}, qkv.dtype(), qkv.device());
  const Array log_sum =
      Array::empty({batch, heads, length}, is_half(qkv.dtype()) ? Dtype::float32 : qkv.dtype(), qkv.device());
  const Array result = y;
  table.forward(options, arguments_of(qkv.value()), {heads_of(y, heads, 1, 0), false}, log_sum);
  return record(
      {Op::attention, options}, {qkv}, std::move(y),
      [qkv = saved(qkv), y = saved(result), log_sum = saved(log_sum), heads, options, arguments_of, &table](
          const Array& given, Node& node) {
        const Array dy = given.is_row_major() ? given : row_major_copy(given);
        const Out slot = node.slot(0);
        const bool direct = slot.array.is_row_major();
        const Out dqkv = direct ? slot : Out{Array::empty(slot.array.shape(), slot.array.dtype(), dy.device()), false};
        const AttentionArguments parts = arguments_of(dqkv.array);
        table.backward(options, arguments_of(qkv), heads_of(y.get(), heads, 1, 0), log_sum, heads_of(dy, heads, 1, 0),
                       {{parts.q, dqkv.accumulate}, {parts.k, dqkv.accumulate}, {parts.v, dqkv.accumulate}, {}});
        if (!direct) kernels_of<ElementwiseKernels>(dy).copy(dqkv.array, slot);
      });
}

}  // namespace joist
