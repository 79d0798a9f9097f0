// Shapes, constants, joining and cutting.
#include <joist/tools/training/onnx/call.h>

#include <algorithm>
#include <numeric>

namespace joist::onnx_ops {
namespace {

std::vector<std::int64_t> lengths_of(const Tensor& x) { return {x.shape().begin(), x.shape().end()}; }

Outputs reshape_to(const Call& c) {
  std::vector<std::int64_t> lengths = c.integers(1);
  if (c.integer("allowzero", 0) == 0)
    for (std::size_t i = 0; i < lengths.size(); ++i)
      if (lengths[i] == 0) {
        if (static_cast<int>(i) >= c[0].rank()) c.refuse("a 0 in a shape beyond the input's axes");
        lengths[i] = c[0].shape(static_cast<int>(i));
      }
  std::int64_t rest = 1, open = -1;
  for (std::size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i] == -1)
      open = static_cast<std::int64_t>(i);
    else if (__builtin_mul_overflow(rest, lengths[i], &rest))
      c.refuse("an impossible shape");
  if (open >= 0) lengths[static_cast<std::size_t>(open)] = rest == 0 ? 0 : c[0].value().elements() / rest;
  return {reshape(c[0], shape_of(c, lengths))};
}

Outputs flatten_to_matrix(const Call& c) {
  std::int64_t axis = c.integer("axis", 1);
  const int rank = c[0].rank();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) c.refuse("an axis out of range");
  const Shape& shape = c[0].shape();
  return {reshape(c[0], {shape.elements(0, static_cast<int>(axis)), shape.elements(static_cast<int>(axis), rank)})};
}

Outputs transpose_axes(const Call& c) {
  std::vector<std::int64_t> order = c.list("perm");
  if (order.empty())
    for (int axis = c[0].rank() - 1; axis >= 0; --axis) order.push_back(axis);
  return {permute(c[0], axes_of(c, order, c[0].rank()))};
}

Outputs shape_values(const Call& c) {
  const std::vector<std::int64_t> lengths = lengths_of(c[0]);
  const auto rank = static_cast<std::int64_t>(lengths.size());
  const auto bound = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t first = bound(c.integer("start", 0)), last = std::max(first, bound(c.integer("end", rank)));
  return {integers_tensor({lengths.begin() + first, lengths.begin() + last})};
}

Outputs squeeze_axes(const Call& c) {
  std::vector<std::int64_t> axes = c.has("axes") ? c.list("axes")
                                   : c.has(1)    ? c.integers(1)
                                                 : std::vector<std::int64_t>();
  if (axes.empty()) return {squeeze(c[0])};
  return {squeeze(c[0], axes_of(c, axes, c[0].rank()))};
}

Outputs unsqueeze_axes(const Call& c) {
  const std::vector<std::int64_t> axes = c.has("axes") ? c.list("axes") : c.integers(1);
  std::vector<int> sorted = axes_of(c, axes, c[0].rank() + static_cast<int>(axes.size()));
  std::sort(sorted.begin(), sorted.end());
  Tensor y = c[0];
  for (const int axis : sorted) y = unsqueeze(y, axis);
  return {y};
}

Outputs concatenate(const Call& c) {
  const int axis = c.axis("axis", 0, c[0].rank());
  return {concat(c.all(), axis)};
}

Outputs split_parts(const Call& c) {
  const int axis = c.axis("axis", 0, c[0].rank());
  const std::int64_t length = c[0].shape(axis);
  std::vector<std::int64_t> sizes = c.has("split") ? c.list("split")
                                    : c.has(1)     ? c.integers(1)
                                                   : std::vector<std::int64_t>();
  if (sizes.empty()) {
    if (c.outputs() == 0) c.refuse("no outputs");
    const auto count = static_cast<std::int64_t>(c.outputs());
    const std::int64_t each = (length + count - 1) / count;
    for (std::int64_t i = 0, left = length; i < count; ++i, left -= sizes.back()) sizes.push_back(std::min(each, left));
  }
  return split(c[0], sizes, axis);
}

Outputs slice_parts(const Call& c) {
  const bool old = c.operator_set() < 10;
  const auto given = [&](const char* name, std::size_t input) {
    return old ? c.list(name) : c.has(input) ? c.integers(input) : std::vector<std::int64_t>();
  };
  const std::vector<std::int64_t> starts = given("starts", 1), ends = given("ends", 2);
  std::vector<std::int64_t> axes = given("axes", 3), steps = old ? std::vector<std::int64_t>() : given("", 4);
  if (axes.empty()) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    c.refuse("starts, ends, axes and steps of different lengths");
  const std::vector<int> which = axes_of(c, axes, c[0].rank());
  Tensor y = c[0];
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t length = y.shape(which[i]), step = steps[i];
    if (step == 0) c.refuse("a step of 0");
    const auto from_start = [&](std::int64_t at) { return at < 0 ? at + length : at; };
    if (step > 0) {
      const std::int64_t first = std::clamp<std::int64_t>(from_start(starts[i]), 0, length);
      const std::int64_t last = std::clamp<std::int64_t>(from_start(ends[i]), first, length);
      y = slice(y, which[i], first, last, std::min(step, std::max<std::int64_t>(length, 1)));
    } else {  // backwards from `first` down to above `last`
      const std::int64_t first = std::clamp<std::int64_t>(from_start(starts[i]), -1, length - 1);
      const std::int64_t end = ends[i] < -length ? -1 : from_start(ends[i]);
      const std::int64_t last = std::clamp<std::int64_t>(end, -1, first);
      const std::int64_t begin = length - 1 - first;
      y = slice(flip(y, {which[i]}), which[i], begin, std::max(begin, length - 1 - last),
                std::min(step == INT64_MIN ? length : -step, std::max<std::int64_t>(length, 1)));
    }
  }
  return {y};
}

Outputs pad_edges(const Call& c) {
  const bool old = c.operator_set() < 11;
  const std::vector<std::int64_t> pads = old ? c.list("pads") : c.integers(1);
  const double value = old ? c.real("value", 0) : c.has(2) ? c.number(2) : 0;
  const int rank = c[0].rank();
  std::vector<std::int64_t> axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  if (c.has(3)) axes = c.integers(3);
  if (pads.size() != 2 * axes.size()) c.refuse("another number of pads than two per axis");
  for (const std::int64_t amount : pads)
    if (amount < -(1LL << 40) || amount > (1LL << 40)) c.refuse("an impossible padding");
  std::vector<std::int64_t> amounts(static_cast<std::size_t>(2 * rank), 0);
  const std::vector<int> which = axes_of(c, axes, rank);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const auto place = static_cast<std::size_t>(2 * (rank - 1 - which[i]));
    amounts[place] = pads[i];
    amounts[place + 1] = pads[i + which.size()];
  }
  const std::string mode = c.text("mode", "constant");
  const PadMode how = mode == "reflect" ? PadMode::reflect
                      : mode == "edge"  ? PadMode::replicate
                      : mode == "wrap"  ? PadMode::circular
                                        : PadMode::constant;
  return {pad(c[0], amounts, how, value)};
}

Outputs constant(const Call& c) {
  if (const Array* value = c.array("value")) return {Tensor(*value)};
  if (c.has("value_float")) return {full({}, c.real("value_float", 0))};
  if (c.has("value_int")) return {reshape(integers_tensor({c.integer("value_int", 0)}), Shape{})};
  if (c.has("value_ints")) return {integers_tensor(c.list("value_ints"))};
  if (c.has("value_floats")) {
    const std::vector<float> values = c.reals("value_floats");
    return {tensor(values, {static_cast<std::int64_t>(values.size())})};
  }
  c.unsupported("a constant that is neither numbers nor a tensor");
}

Outputs constant_of_shape(const Call& c) {
  const Shape shape = shape_of(c, c.integers(0));
  const Array* value = c.array("value");
  if (value == nullptr) return {zeros(shape)};
  return {expand(reshape(Tensor(*value), Shape::filled(shape.rank(), 1)), shape)};
}

Outputs range(const Call& c) {
  const double start = c.number(0), limit = c.number(1), step = c.number(2);
  if (!((limit - start) / step <= 1e9)) c.refuse("an impossible range");  // a step of 0 and NaN too
  if ((limit - start) / step <= 0) return {zeros({0}, c[0].dtype())};
  return {to(arange(start, limit, step, Dtype::float64), c[0].dtype())};
}

Outputs expand_to(const Call& c) {
  const Shape wanted = shape_of(c, c.integers(1));
  return {expand(c[0], broadcast(c[0].shape(), wanted, "Expand"))};
}

Outputs depth_to_space(const Call& c) {
  const std::int64_t block = c.integer("blocksize", 1);
  const Shape& s = c[0].shape();
  if (s.rank() != 4 || block < 1 || s[1] % (block * block) != 0) c.refuse("channels that the block does not divide");
  const std::int64_t channels = s[1] / (block * block);
  if (c.text("mode", "DCR") == "CRD")
    return {reshape(permute(reshape(c[0], {s[0], channels, block, block, s[2], s[3]}), {0, 1, 4, 2, 5, 3}),
                    {s[0], channels, s[2] * block, s[3] * block})};
  return {reshape(permute(reshape(c[0], {s[0], block, block, channels, s[2], s[3]}), {0, 3, 4, 1, 5, 2}),
                  {s[0], channels, s[2] * block, s[3] * block})};
}

Outputs space_to_depth(const Call& c) {
  const std::int64_t block = c.integer("blocksize", 1);
  const Shape& s = c[0].shape();
  if (s.rank() != 4 || block < 1 || s[2] % block != 0 || s[3] % block != 0)
    c.refuse("sizes that the block does not divide");
  const Tensor y = permute(reshape(c[0], {s[0], s[1], s[2] / block, block, s[3] / block, block}), {0, 3, 5, 1, 2, 4});
  return {reshape(y, {s[0], s[1] * block * block, s[2] / block, s[3] / block})};
}

Outputs eye_like(const Call& c) {
  if (c[0].rank() != 2) c.refuse("an input that is no matrix");
  const Dtype dtype = c.has("dtype") ? dtype_numbered(c, c.integer("dtype", 1)) : c[0].dtype();
  const std::int64_t rows = c[0].shape(0), columns = c[0].shape(1), k = c.integer("k", 0);
  const Tensor difference =
      unsqueeze(arange(0, static_cast<double>(columns)), 0) - unsqueeze(arange(0, static_cast<double>(rows)), 1);
  return {to(eq(difference, static_cast<double>(k)), dtype)};
}

Outputs triangle(const Call& c) {
  const std::int64_t k = c.has(1) ? c.whole(1) : 0;
  const std::int64_t bound = std::clamp<std::int64_t>(k, -(1LL << 40), 1LL << 40);
  return {c.integer("upper", 1) != 0 ? triu(c[0], bound) : tril(c[0], bound)};
}

}  // namespace

void add_shapes(Table& t) {
  t["Reshape"] = reshape_to;
  t["Flatten"] = flatten_to_matrix;
  t["Transpose"] = transpose_axes;
  t["Shape"] = shape_values;
  t["Size"] = [](const Call& c) -> Outputs {
    return {full({}, static_cast<double>(c[0].value().elements()), Dtype::int64)};
  };
  t["Squeeze"] = squeeze_axes;
  t["Unsqueeze"] = unsqueeze_axes;
  t["Concat"] = concatenate;
  t["Split"] = split_parts;
  t["Slice"] = slice_parts;
  t["Pad"] = pad_edges;
  t["Constant"] = constant;
  t["ConstantOfShape"] = constant_of_shape;
  t["Range"] = range;
  t["Expand"] = expand_to;
  t["Tile"] = [](const Call& c) -> Outputs { return {tile(c[0], shape_of(c, c.integers(1)))}; };
  t["DepthToSpace"] = depth_to_space;
  t["SpaceToDepth"] = space_to_depth;
  t["EyeLike"] = eye_like;
  t["Trilu"] = triangle;
}

}  // namespace joist::onnx_ops
