// y[i] = x[index[i]]      dx[index[i]] += dy[i]
#include <joist/core/kernels/indexing.h>
#include <joist/core/ops/indexing.h>

namespace joist {

Tensor index_select(const Tensor& x, const Array& index) {
  if (x.rank() < 1 || index.rank() != 1)
    throw ShapeError({.where = "index_select",
                      .what = "input " + x.shape().text() + ", index " + index.shape().text(),
                      .expected = "input [rows, ...] and index [m]"});
  index.require_dtype(Dtype::int64);
  if (index.device().on_host()) {
    const std::int64_t* positions = index.data<std::int64_t>();
    for (std::int64_t i = 0; i < index.elements(); ++i) {
      const std::int64_t row = positions[i * index.strides()[0]];
      if (row < 0 || row >= x.shape(0))
        throw DataError({.where = "index_select",
                         .what = "index " + std::to_string(row) + " at position " + std::to_string(i),
                         .expected = "0 to " + std::to_string(x.shape(0) - 1) + " for input " + x.shape().text()});
    }
  }
  const auto& table = kernels_of<IndexingKernels>(x.value());
  Array y = Array::empty(x.shape().with(0, index.shape(0)), x.dtype(), x.device());
  table.take_rows(x.value(), index, {y, false});
  return record({Op::take_rows}, {x, Tensor(index)}, std::move(y),
                [index = saved(index), &table](const Array& dy, Node& node) {
                  table.take_rows_backward(dy, index, node.slot(0));
                });
}

}  // namespace joist
