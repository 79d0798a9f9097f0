// Views and rearrangements.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

void add_shape(Table& table) {
  table.family("shape");
  table.add("reshape view view_copy", [](Call& c) { return reshape(c.tensor(0), Shape(c.rest_of_integers(1, "shape"))); });
  table.add("reshape_as view_as", [](Call& c) { return reshape(c.tensor(0), c.tensor(1, "other").shape()); });
  table.add("flatten", [](Call& c) { return flatten(c.tensor(0), c.axis(1, "start_dim", 0), c.axis(2, "end_dim", -1)); });
  table.add("ravel", [](Call& c) { return reshape(c.tensor(0), {-1}); });
  table.add("transpose transpose_copy",
            [](Call& c) { return transpose(c.tensor(0), c.axis(1, "dim0"), c.axis(2, "dim1")); });
  table.add("cat", [](Call& c) { return concat(c.tensors(0, "tensors"), c.axis(1, "dim", 0)); });
  table.add("expand expand_copy broadcast_to", [](Call& c) {
    const Tensor x = c.tensor(0);
    auto lengths = c.rest_of_integers(1, "size");
    for (std::size_t i = 0; i < lengths.size(); ++i)  // -1 keeps a length
      if (lengths[i] < 0) lengths[i] = x.shape(static_cast<int>(i) - static_cast<int>(lengths.size()));
    return expand(x, Shape(lengths));
  });
  table.add("expand_as", [](Call& c) { return expand(c.tensor(0), c.tensor(1, "other").shape()); });
  table.add("chunk unsafe_chunk", [](Call& c) { return chunk(c.tensor(0), c.axis(1, "chunks"), c.axis(2, "dim", 0)); });
  table.add("contiguous", [](Call& c) {
    place_only(c);
    return contiguous(c.tensor(0));
  });
}

}  // namespace joist::torchdb
