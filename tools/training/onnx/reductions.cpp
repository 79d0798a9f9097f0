// Reductions, softmax, sorting, scans.
#include <joist/tools/training/onnx/call.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace joist::onnx_ops {
namespace {

struct Reduced {
  std::vector<int> axes{};
  bool keep = true, nothing = false;
};

// Axes are an attribute, since operator set 18 (ReduceSum: 13) an input.
Reduced reduced_axes(const Call& c) {
  Reduced result{.keep = c.integer("keepdims", 1) != 0};
  std::vector<std::int64_t> axes = c.has("axes") ? c.list("axes")
                                   : c.has(1)    ? c.integers(1)
                                                 : std::vector<std::int64_t>();
  if (axes.empty()) {
    result.nothing = c.integer("noop_with_empty_axes", 0) != 0;
    axes.resize(static_cast<std::size_t>(c[0].rank()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  result.axes = axes_of(c, axes, c[0].rank());
  return result;
}

using Reduce = Tensor (*)(const Tensor&, std::span<const int>, bool);

Tensor product(const Tensor& x, std::span<const int> axes, bool keep) {
  std::vector<int> sorted(axes.begin(), axes.end());
  std::sort(sorted.rbegin(), sorted.rend());
  Tensor y = x;
  for (const int axis : sorted) y = prod(y, axis, keep);
  return y;
}
Tensor l1(const Tensor& x, std::span<const int> axes, bool keep) { return sum(abs(x), axes, keep); }
Tensor l2(const Tensor& x, std::span<const int> axes, bool keep) { return sqrt(sum(x * x, axes, keep)); }
Tensor sum_of_squares(const Tensor& x, std::span<const int> axes, bool keep) { return sum(x * x, axes, keep); }
Tensor log_sum(const Tensor& x, std::span<const int> axes, bool keep) { return log(sum(x, axes, keep)); }

Operator reduction(Reduce function) {
  return [function](const Call& c) -> Outputs {
    const Reduced over = reduced_axes(c);
    if (over.nothing || c[0].rank() == 0) return {c[0]};
    return {to(function(c[0], over.axes, over.keep), c[0].dtype())};
  };
}

// Of nothing at all, the extreme that any value would replace.
Operator extreme(bool largest) {
  return [largest](const Call& c) -> Outputs {
    const Reduced over = reduced_axes(c);
    const bool nothing =
        std::any_of(over.axes.begin(), over.axes.end(), [&](int axis) { return c[0].shape(axis) == 0; });
    if (!nothing || over.nothing) return reduction(largest ? Reduce(amax) : Reduce(amin))(c);
    const Dtype dtype = c[0].dtype();
    if (!is_floating(dtype) && dtype != Dtype::boolean) c.unsupported("the largest or smallest of no whole numbers");
    const double worst = is_floating(dtype) ? std::numeric_limits<double>::infinity() : 1;
    std::vector<std::int64_t> lengths;
    for (int axis = 0; axis < c[0].rank(); ++axis)
      if (std::find(over.axes.begin(), over.axes.end(), axis) == over.axes.end())
        lengths.push_back(c[0].shape(axis));
      else if (over.keep)
        lengths.push_back(1);
    const double lowest = is_floating(dtype) ? -worst : 0;
    return {Tensor::full(shape_of(c, lengths), largest ? lowest : worst, dtype)};
  };
}

Operator arg_extreme(bool largest) {
  return [largest](const Call& c) -> Outputs {
    const int axis = c.axis("axis", 0, c[0].rank());
    const bool keep = c.integer("keepdims", 1) != 0;
    const auto find = [&](const Tensor& x) { return largest ? argmax(x, axis, keep) : argmin(x, axis, keep); };
    if (c.integer("select_last_index", 0) == 0) return {find(c[0])};
    return {static_cast<double>(c[0].shape(axis) - 1) - find(flip(c[0], {axis}))};
  };
}

// Before operator set 13 the axes from `axis` on count as one.
Operator softmax_like(Tensor (*function)(const Tensor&, int)) {
  return [function](const Call& c) -> Outputs {
    if (c.operator_set() >= 13) return {function(c[0], c.axis("axis", -1, c[0].rank()))};
    const int axis = c.axis("axis", 1, c[0].rank());
    const Shape& shape = c[0].shape();
    const Tensor rows = reshape(c[0], {shape.elements(0, axis), shape.elements(axis, shape.rank())});
    return {reshape(function(rows, 1), shape)};
  };
}

Tensor hardmax(const Tensor& x, int axis) {
  const Tensor where_largest = argmax(x, axis, true);
  return scatter(zeros_like(x.detach()), axis, where_largest, 1.0);
}

Outputs cumulative_sum(const Call& c) {
  const int axis = axes_of(c, {c.whole(1)}, c[0].rank())[0];
  const bool reverse = c.integer("reverse", 0) != 0, exclusive = c.integer("exclusive", 0) != 0;
  const Tensor x = reverse ? flip(c[0], {axis}) : c[0];
  Tensor y = to(cumsum(x, axis), x.dtype());
  if (exclusive) y = y - x;
  return {reverse ? flip(y, {axis}) : y};
}

Outputs top_k(const Call& c) {
  const int axis = c.axis("axis", -1, c[0].rank());
  const std::int64_t k = c.operator_set() < 10 ? c.integer("k", 1) : c.whole(1);
  const ValuesIndices found = topk(c[0], k, axis, c.integer("largest", 1) != 0, true);
  return {found.values, found.indices};
}

}  // namespace

void add_reductions(Table& t) {
  t["ReduceSum"] = reduction(sum);
  t["ReduceMean"] = reduction(mean);
  t["ReduceMax"] = extreme(true);
  t["ReduceMin"] = extreme(false);
  t["ReduceProd"] = reduction(product);
  t["ReduceL1"] = reduction(l1);
  t["ReduceL2"] = reduction(l2);
  t["ReduceSumSquare"] = reduction(sum_of_squares);
  t["ReduceLogSum"] = reduction(log_sum);
  t["ReduceLogSumExp"] = reduction(logsumexp);
  t["ArgMax"] = arg_extreme(true);
  t["ArgMin"] = arg_extreme(false);
  t["Softmax"] = softmax_like(softmax);
  t["LogSoftmax"] = softmax_like(log_softmax);
  t["Hardmax"] = softmax_like(hardmax);
  t["CumSum"] = cumulative_sum;
  t["TopK"] = top_k;
}

}  // namespace joist::onnx_ops
