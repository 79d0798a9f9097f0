// Gathering, scattering, selecting.
#include <joist/tools/training/onnx/call.h>

#include <algorithm>
#include <numeric>

namespace joist::onnx_ops {
namespace {

// Negative indices count from the end.
Tensor from_start(const Tensor& index, std::int64_t length) {
  const Tensor wide = to(index, Dtype::int64);
  return where(lt(wide, 0.0), wide + static_cast<double>(length), wide);
}

Outputs gather_slices(const Call& c) {
  const int axis = c.axis("axis", 0, c[0].rank());
  const Tensor index = from_start(c[1], c[0].shape(axis));
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < axis; ++i) lengths.push_back(c[0].shape(i));
  lengths.insert(lengths.end(), index.shape().begin(), index.shape().end());
  for (int i = axis + 1; i < c[0].rank(); ++i) lengths.push_back(c[0].shape(i));
  return {reshape(index_select(c[0], axis, reshape(index, {index.value().elements()})), shape_of(c, lengths))};
}

Outputs gather_elements(const Call& c) {
  const int axis = c.axis("axis", 0, c[0].rank());
  return {gather(c[0], axis, from_start(c[1], c[0].shape(axis)))};
}

// The rows of `indices` [..., k] as k columns, and x with its batch axes in front.
Tensor flat_position(const Call& c, const Tensor& indices, const Shape& shape, int batch) {
  const auto count = static_cast<int>(indices.shape(-1));
  if (batch + count > shape.rank()) c.refuse("more indices than axes");
  Tensor position = zeros({1}, Dtype::int64);
  for (int i = 0; i < count; ++i) {
    const std::int64_t length = shape[batch + i];
    position = position * static_cast<double>(length) + from_start(select(indices, -1, i), length);
  }
  return position;
}

Outputs gather_nd(const Call& c) {
  const auto batch = static_cast<int>(c.integer("batch_dims", 0));
  const Shape &shape = c[0].shape(), &index_shape = c[1].shape();
  if (batch < 0 || batch >= index_shape.rank()) c.refuse("batch_dims out of range");
  const auto count = static_cast<int>(index_shape[-1]);
  const std::int64_t batches = shape.elements(0, batch);
  Tensor position = flat_position(c, c[1], shape, batch);
  const std::int64_t cells = shape.elements(batch, batch + count), rest = shape.elements(batch + count, shape.rank());
  // Each batch has its own cells.
  position = reshape(position, {batches, index_shape.elements(batch, index_shape.rank() - 1)}) +
             reshape(arange(0, static_cast<double>(batches)) * static_cast<double>(cells), {batches, 1});
  const Tensor rows =
      index_select(reshape(c[0], {batches * cells, rest}), 0, reshape(position, {position.value().elements()}));
  std::vector<std::int64_t> lengths(index_shape.begin(), index_shape.end() - 1);
  for (int i = batch + count; i < shape.rank(); ++i) lengths.push_back(shape[i]);
  return {reshape(rows, shape_of(c, lengths))};
}

std::optional<ScatterReduction> reduction_of(const Call& c) {
  const std::string name = c.text("reduction", "none");
  if (name == "add") return ScatterReduction::sum;
  if (name == "mul") return ScatterReduction::prod;
  if (name == "max") return ScatterReduction::amax;
  if (name == "min") return ScatterReduction::amin;
  return {};
}

Outputs scatter_elements(const Call& c) {
  const int axis = c.axis("axis", 0, c[0].rank());
  const Tensor index = from_start(c[1], c[0].shape(axis));
  if (const auto reduce = reduction_of(c)) return {scatter_reduce(c[0], axis, index, c[2], *reduce)};
  return {scatter(c[0], axis, index, c[2])};
}

Outputs scatter_nd(const Call& c) {
  const Shape& shape = c[0].shape();
  const auto count = static_cast<int>(c[1].shape(-1));
  const Tensor position = flat_position(c, c[1], shape, 0);
  const std::int64_t cells = shape.elements(0, count), rest = shape.elements(count, shape.rank());
  const std::int64_t rows = position.value().elements();
  const Tensor index = expand(reshape(position, {rows, 1}), {rows, rest});
  const Tensor x = reshape(c[0], {cells, rest}), updates = reshape(c[2], {rows, rest});
  const auto reduce = reduction_of(c);
  return {reshape(reduce ? scatter_reduce(x, 0, index, updates, *reduce) : scatter(x, 0, index, updates), shape)};
}

Outputs compress(const Call& c) {
  const Tensor kept = reshape(nonzero(c[1]), {-1});
  if (!c.has("axis")) return {index_select(reshape(c[0], {-1}), 0, kept)};
  return {index_select(c[0], c.axis("axis", 0, c[0].rank()), kept)};
}

Outputs one_hot_of(const Call& c) {
  const auto depth = c.whole(1);
  std::int64_t axis = c.integer("axis", -1);
  if (axis < 0) axis += c[0].rank() + 1;
  if (depth < 1 || axis < 0 || axis > c[0].rank()) c.refuse("a depth or axis out of range");
  const Tensor index = from_start(c[0], depth);
  Shape classes = Shape::filled(c[0].rank() + 1, 1);
  classes[static_cast<int>(axis)] = depth;
  const Tensor hit =
      eq(unsqueeze(index, static_cast<int>(axis)), reshape(arange(0, static_cast<double>(depth)), classes));
  const Tensor off = select(c[2], 0, 0), on = select(c[2], 0, 1);
  return {where(hit, on, off)};
}

Outputs reverse_sequence(const Call& c) {
  const int time = c.axis("time_axis", 0, c[0].rank()), batch = c.axis("batch_axis", 1, c[0].rank());
  const std::vector<std::int64_t> lengths = c.integers(1);
  if (static_cast<std::int64_t>(lengths.size()) != c[0].shape(batch))
    c.refuse("another number of lengths than sequences");
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < c[0].shape(batch); ++i) {
    const Tensor row = narrow(c[0], batch, i, 1);
    const std::int64_t length = std::clamp<std::int64_t>(lengths[static_cast<std::size_t>(i)], 0, row.shape(time));
    rows.push_back(concat(
        {flip(narrow(row, time, 0, length), {time}), narrow(row, time, length, row.shape(time) - length)}, time));
  }
  return {concat(rows, batch)};
}

Outputs unique_values(const Call& c) {
  const bool whole = !c.has("axis");
  const Tensor x = whole ? reshape(c[0], {-1}) : c[0];
  const int axis = whole ? 0 : c.axis("axis", 0, x.rank());
  const Unique found = whole ? unique(x) : unique(x, axis);
  const std::int64_t count = found.values.shape(axis);
  const std::vector<std::int64_t> inverse = to(found.inverse, Dtype::int64).value().to_vector<std::int64_t>();
  std::vector<std::int64_t> first(static_cast<std::size_t>(count), -1);
  for (std::size_t i = 0; i < inverse.size(); ++i)
    if (auto& place = first.at(static_cast<std::size_t>(inverse[i])); place < 0) place = static_cast<std::int64_t>(i);
  if (c.integer("sorted", 1) != 0)
    return {found.values, integers_tensor(first), reshape(found.inverse, {-1}), found.counts};
  // In the order in which they came.
  std::vector<std::int64_t> order(first.size()), rank(first.size()), sorted_first, new_inverse;
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return first[static_cast<std::size_t>(a)] < first[static_cast<std::size_t>(b)]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    rank[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
    sorted_first.push_back(first[static_cast<std::size_t>(order[i])]);
  }
  for (const std::int64_t old : inverse) new_inverse.push_back(rank[static_cast<std::size_t>(old)]);
  const Tensor by = integers_tensor(order);
  return {index_select(found.values, axis, by), integers_tensor(sorted_first), integers_tensor(new_inverse),
          index_select(found.counts, 0, by)};
}

}  // namespace

void add_indexing(Table& t) {
  t["Gather"] = gather_slices;
  t["GatherElements"] = gather_elements;
  t["GatherND"] = gather_nd;
  t["ScatterElements"] = scatter_elements;
  t["Scatter"] = scatter_elements;
  t["ScatterND"] = scatter_nd;
  t["Compress"] = compress;
  t["OneHot"] = one_hot_of;
  t["NonZero"] = [](const Call& c) -> Outputs { return {contiguous(transpose(nonzero(c[0]), 0, 1))}; };
  t["ReverseSequence"] = reverse_sequence;
  t["Unique"] = unique_values;
}

}  // namespace joist::onnx_ops
