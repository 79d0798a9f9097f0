// Views, parts, joining, turning.
#include <joist/tests/torch/families/families.h>

#include <algorithm>

namespace joist::torchdb {
namespace {

void add_views(Table& table) {
  table.add("reshape view_copy", [](Call& c) { return reshape(c.tensor(0), Shape(c.rest_of_integers(1, "shape"))); });
  table.add("view", [](Call& c) { return view(c.tensor(0), Shape(c.rest_of_integers(1, "shape"))); });
  table.add("reshape_as view_as", [](Call& c) { return reshape(c.tensor(0), c.tensor(1, "other").shape()); });
  table.add("flatten",
            [](Call& c) { return flatten(c.tensor(0), c.axis(1, "start_dim", 0), c.axis(2, "end_dim", -1)); });
  table.add("ravel", [](Call& c) { return ravel(c.tensor(0)); });
  table.add("unflatten", [](Call& c) { return unflatten(c.tensor(0), c.axis(1, "dim"), c.shape(2, "sizes")); });
  table.add("squeeze squeeze_copy squeeze.multiple", [](Call& c) {
    if (!c.has(1, "dim")) return squeeze(c.tensor(0));
    return squeeze(c.tensor(0), c.axes(1, "dim"));
  });
  table.add("unsqueeze unsqueeze_copy", [](Call& c) { return unsqueeze(c.tensor(0), c.axis(1, "dim")); });
  table.add("expand expand_copy", [](Call& c) { return expand(c.tensor(0), Shape(c.rest_of_integers(1, "size"))); });
  table.add("broadcast_to", [](Call& c) { return broadcast_to(c.tensor(0), c.shape(1, "size")); });
  table.add("expand_as", [](Call& c) { return expand_as(c.tensor(0), c.tensor(1, "other")); });
  table.add("broadcast_tensors", [](Call& c) { return broadcast_tensors(c.rest_of_tensors(0)); });
  table.add("permute permute_copy", [](Call& c) { return permute(c.tensor(0), c.axes(1, "dims")); });
  table.add("transpose transpose_copy",
            [](Call& c) { return transpose(c.tensor(0), c.axis(1, "dim0"), c.axis(2, "dim1")); });
  table.add("mT mH", [](Call& c) { return transpose(c.tensor(0), -2, -1); });
  table.add("t t_copy T H", [](Call& c) { return t(c.tensor(0)); });
  table.add("movedim", [](Call& c) { return movedim(c.tensor(0), c.axes(1, "source"), c.axes(2, "destination")); });
  table.add("contiguous", [](Call& c) {
    place_only(c);
    return contiguous(c.tensor(0));
  });
}

void add_parts(Table& table) {
  table.add("slice", [](Call& c) {
    const Tensor x = c.tensor(0);
    const int axis = c.axis(1, "dim", 0);
    return slice(x, axis, c.integer(2, "start", 0), std::min(c.integer(3, "end", x.shape(axis)), x.shape(axis)),
                 c.integer(4, "step", 1));
  });
  table.add("narrow narrow_copy", [](Call& c) {
    return narrow(c.tensor(0), c.axis(1, "dim"), c.integer(2, "start"), c.integer(3, "length"));
  });
  table.add("select", [](Call& c) { return select(c.tensor(0), c.axis(1, "dim"), c.integer(2, "index")); });
  table.add("unbind unbind_copy", [](Call& c) { return unbind(c.tensor(0), c.axis(1, "dim", 0)); });
  table.add("chunk unsafe_chunk", [](Call& c) { return chunk(c.tensor(0), c.axis(1, "chunks"), c.axis(2, "dim", 0)); });
  table.add("split split.list_args unsafe_split split_with_sizes split_with_sizes_copy", [](Call& c) {
    if (c.at(1, "split_size_or_sections").kind == Value::Kind::list)
      return split(c.tensor(0), c.integers(1, "split_sizes"), c.axis(2, "dim", 0));
    return split(c.tensor(0), c.integer(1, "split_size_or_sections"), c.axis(2, "dim", 0));
  });
  table.add("tensor_split", [](Call& c) {
    const Value& where = c.at(1, "indices_or_sections");
    if (where.kind == Value::Kind::tensor && where.tensor.rank() == 1)
      return tensor_split(c.tensor(0), where.tensor.value().to_vector<std::int64_t>(), c.axis(2, "dim", 0));
    if (where.kind == Value::Kind::list)
      return tensor_split(c.tensor(0), c.integers(1, "indices"), c.axis(2, "dim", 0));
    return tensor_split(c.tensor(0), c.axis(1, "sections"), c.axis(2, "dim", 0));
  });
  for (const auto& [name, axis] : {std::pair{"hsplit", 1}, {"vsplit", 0}, {"dsplit", 2}})
    table.add(name, [axis = axis](Call& c) {
      const Tensor x = c.tensor(0);
      const int at = axis == 1 && x.rank() == 1 ? 0 : axis;
      if (c.at(1).kind == Value::Kind::list) return tensor_split(x, c.integers(1, "indices"), at);
      return tensor_split(x, c.axis(1, "sections"), at);
    });
  table.add("unfold unfold_copy", [](Call& c) {
    return unfold_axis(c.tensor(0), c.axis(1, "dimension"), c.integer(2, "size"), c.integer(3, "step"));
  });
  table.add("diagonal diagonal_copy", [](Call& c) {
    return diagonal(c.tensor(0), c.integer(1, "offset", 0), c.axis(2, "dim1", 0), c.axis(3, "dim2", 1));
  });
  table.add("linalg.diagonal", [](Call& c) {
    return diagonal(c.tensor(0), c.integer(-1, "offset", 0), c.axis(-1, "dim1", -2), c.axis(-1, "dim2", -1));
  });
  table.add("diag", [](Call& c) { return diag(c.tensor(0), c.integer(1, "diagonal", 0)); });
  table.add("diagflat", [](Call& c) { return diag(ravel(c.tensor(0)), c.integer(1, "offset", 0)); });
  table.add("diag_embed", [](Call& c) {
    return diag_embed(c.tensor(0), c.integer(1, "offset", 0), c.axis(2, "dim1", -2), c.axis(3, "dim2", -1));
  });
  table.add("tril", [](Call& c) { return tril(c.tensor(0), c.integer(1, "diagonal", 0)); });
  table.add("triu", [](Call& c) { return triu(c.tensor(0), c.integer(1, "diagonal", 0)); });
}

void add_joining(Table& table) {
  table.add("cat", [](Call& c) { return cat(c.tensors(0, "tensors"), c.axis(1, "dim", 0)); });
  table.add("stack", [](Call& c) { return stack(c.tensors(0, "tensors"), c.axis(1, "dim", 0)); });
  table.add("hstack", [](Call& c) { return hstack(c.tensors(0, "tensors")); });
  table.add("vstack", [](Call& c) { return vstack(c.tensors(0, "tensors")); });
  table.add("dstack", [](Call& c) { return dstack(c.tensors(0, "tensors")); });
  table.add("block_diag", [](Call& c) { return block_diag(c.rest_of_tensors(0)); });
  table.add("cartesian_prod", [](Call& c) { return cartesian_prod(c.rest_of_tensors(0)); });
  table.add("combinations", [](Call& c) {
    return combinations(c.tensor(0), c.integer(1, "r", 2), c.flag(2, "with_replacement", false));
  });
}

void add_turning(Table& table) {
  table.add("repeat", [](Call& c) { return repeat(c.tensor(0), Shape(c.rest_of_integers(1, "repeats"))); });
  table.add("tile", [](Call& c) { return tile(c.tensor(0), Shape(c.rest_of_integers(1, "dims"))); });
  table.add("repeat_interleave", [](Call& c) {
    (void)c.at(-1, "output_size");  // known from the counts
    if (!c.has(2, "dim")) return repeat_interleave(c.tensor(0), c.integer(1, "repeats"));
    if (c.is_number(1, "repeats")) return repeat_interleave(c.tensor(0), c.integer(1, "repeats"), c.axis(2, "dim"));
    return repeat_interleave(c.tensor(0), c.tensor(1, "repeats"), c.axis(2, "dim"));
  });
  table.add("flip", [](Call& c) { return flip(c.tensor(0), c.axes(1, "dims")); });
  table.add("fliplr", [](Call& c) { return fliplr(c.tensor(0)); });
  table.add("flipud", [](Call& c) { return flipud(c.tensor(0)); });
  table.add("rot90", [](Call& c) {
    const auto axes = c.has(2, "dims") ? c.axes(2, "dims") : std::vector<int>{0, 1};
    return rot90(c.tensor(0), c.axis(1, "k", 1), axes.at(0), axes.at(1));
  });
  table.add("roll", [](Call& c) {
    if (!c.has(2, "dims")) return roll(c.tensor(0), c.integer(1, "shifts"));
    return roll(c.tensor(0), c.integers(1, "shifts"), c.axes(2, "dims"));
  });
}

}  // namespace

void add_shape(Table& table) {
  table.family("shape");
  add_views(table);
  add_parts(table);
  add_joining(table);
  add_turning(table);
}

}  // namespace joist::torchdb
