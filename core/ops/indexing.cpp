// take_rows: y[i] = x[index[i]]                    dx[index[i]] += dy[i]
// gather:    y[…, i, …] = x[…, index[…, i, …], …]    dx[…, index[…, i, …], …] += dy[…, i, …]
#include <joist/core/kernels/comparison.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/indexing.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/index_check.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/transfer.h>

namespace joist {
namespace {

// Calls visit(position, index) for each index that the host can read.
template <class Visit>
void for_each_of(const Array& index, Visit&& visit) {
  if (!index.device().on_host()) return;
  const auto* values = index.data<std::int64_t>();
  for_each_index(index.shape(), [&](const Shape& at) { visit(at, values[offset_of(at, index.strides())]); });
}

// Whether all indices that the host can read lie in [least, length): one pass over the memory, however often the index
// is expanded.
bool all_within(const Array& index, std::int64_t least, std::int64_t length) {
  if (!index.device().on_host() || index.elements() == 0) return true;
  Array once = index;
  for (int axis = 0; axis < index.rank(); ++axis)
    if (index.strides()[axis] == 0) once = once.sliced(axis, 0, 1);
  bool within = true;
  const auto* values = index.data<std::int64_t>();
  if (once.is_dense()) {
    for (std::int64_t i = 0; i < once.elements(); ++i) within = within && values[i] >= least && values[i] < length;
  } else {
    for_each_of(once, [&](const Shape&, std::int64_t value) { within = within && value >= least && value < length; });
  }
  return within;
}

[[noreturn]] void refuse_index(const char* op, std::int64_t index, const Shape& position, std::int64_t least,
                               std::int64_t length, const Shape& input) {
  throw DataError({.where = op,
                   .what = "index " + std::to_string(index) + " at position " +
                           (position.rank() == 1 ? std::to_string(position[0]) : position.text()),
                   .expected = length == 0 ? "no index: input " + input.text() + " has no elements there"
                                           : std::to_string(least) + " to " + std::to_string(length - 1) +
                                                 " for input " + input.text()});
}

void require_int64(const char* op, const Array& index) {
  if (index.dtype() != Dtype::int64)
    throw DtypeError({.where = op,
                      .what = "indices of type " + std::string(name_of(index.dtype())),
                      .expected = "int64",
                      .remedy = "to(index, Dtype::int64)"});
}

void require_index_vector(const char* op, const Tensor& x, const Shape& index) {
  if (x.rank() < 1 || index.rank() != 1)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + ", index " + index.text(),
                      .expected = "input of at least one axis and index [m]"});
}

}  // namespace

void require_indices(const char* op, const Array& index, std::int64_t length, const Shape& input) {
  require_int64(op, index);
  if (all_within(index, 0, length)) return;
  for_each_of(index, [&](const Shape& at, std::int64_t value) {
    if (value < 0 || value >= length) refuse_index(op, value, at, 0, length, input);
  });
}

// Those on a device are not looked at by the host, which would have to wait for them.
Array wrapped_on_device(const Array& index, std::int64_t length) {
  const Array from_end = Array::empty(index.shape(), Dtype::int64, index.device());
  const Array negative = Array::empty(index.shape(), Dtype::boolean, index.device());
  const Array number = Array::empty({}, Dtype::int64, index.device());
  const auto& elementwise = kernels_of<ElementwiseKernels>(index);
  const auto& comparison = kernels_of<ComparisonKernels>(index);
  elementwise.fill(static_cast<double>(length), number);
  elementwise.binary(Add{}, index, number, {from_end, false});
  elementwise.fill(0, number);
  comparison.compare(Comparison::less, index, number, negative);
  comparison.select(negative, from_end, index, {from_end, false});
  return from_end;
}

Array wrapped_indices(const char* op, const Array& index, std::int64_t length, const Shape& input) {
  require_int64(op, index);
  if (!index.device().on_host()) return wrapped_on_device(index, length);
  if (all_within(index, 0, length)) return index;
  for_each_of(index, [&](const Shape& at, std::int64_t value) {
    if (value < -length || value >= length) refuse_index(op, value, at, -length, length, input);
  });
  const Array result = Array::empty(index.shape(), Dtype::int64, index.device());
  auto* to = result.data<std::int64_t>();
  for_each_of(index, [&](const Shape&, std::int64_t value) { *to++ = value < 0 ? value + length : value; });
  return result;
}

void place_along(const Array& dy, int axis, const Array& index, const Out& dx) {
  if (!dx.accumulate) kernels_of<ElementwiseKernels>(dy).fill(0, dx.array);
  kernels_of<IndexingKernels>(dy).scatter(Scatter::add, dy, axis, index, dx.array);
}

Tensor index_select(const Tensor& x, const Array& given) {
  if (x.rank() < 1 || given.rank() != 1)
    throw ShapeError({.where = "index_select",
                      .what = "input " + x.shape().text() + ", index " + given.shape().text(),
                      .expected = "input [rows, ...] and index [m]"});
  require_indices("index_select", given, x.shape(0), x.shape());
  const Array index = x.device().on_host() ? given : on_device(given, x.device());
  const auto& table = kernels_of<IndexingKernels>(x.value());
  Array y = Array::empty(x.shape().with(0, index.shape(0)), x.dtype(), x.device());
  table.take_rows(x.value(), index, {y, false});
  return record({Op::take_rows}, {x, Tensor(index)}, std::move(y),
                [index = saved(index), &table](const Array& dy, Node& node) {
                  table.take_rows_backward(dy, index, node.slot(0));
                });
}

Tensor index_select(const Tensor& x, int axis, const Tensor& index) {
  require_index_vector("index_select", x, index.shape());
  const int at = x.shape().axis(axis);
  if (at == 0) return index_select(x, index.value());
  require_same_device("index_select", x, index);
  require_indices("index_select", index.value(), x.shape(at), x.shape());
  // The same positions for every line along the axis.
  const Shape shape = x.shape().with(at, index.shape(0));
  Strides strides = Shape::filled(x.rank(), 0);
  strides[at] = index.value().strides()[0];
  const Array wide = index.value().strided(shape, strides);
  Array y = Array::empty(shape, x.dtype(), x.device());
  kernels_of<IndexingKernels>(x.value()).gather(x.value(), at, wide, {y, false});
  return record({Op::gather, AxisAttribute{at}}, {x, index}, std::move(y),
                [index = saved(wide), at](const Array& dy, Node& node) { place_along(dy, at, index, node.slot(0)); });
}

Tensor gather(const Tensor& x, int axis, const Tensor& index) {
  require_same_device("gather", x, index);
  // A tensor without axes counts as a vector of one.
  if (x.rank() == 0)
    return reshape(gather(reshape(x, {1}), 0, reshape(index, {index.value().elements()})), index.shape());
  const int at = x.shape().axis(axis);
  bool fits = index.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == at || index.shape(i) <= x.shape(i);
  if (!fits)
    throw ShapeError(
        {.where = "gather",
         .what = "input " + x.shape().text() + ", index " + index.shape().text() + ", axis " + std::to_string(axis),
         .expected = "an index of as many axes, no longer than the input on all but that axis",
         .remedy = "take_along_dim() broadcasts"});
  require_indices("gather", index.value(), x.shape(at), x.shape());
  Array y = Array::empty(index.shape(), x.dtype(), x.device());
  kernels_of<IndexingKernels>(x.value()).gather(x.value(), at, index.value(), {y, false});
  return record({Op::gather, AxisAttribute{at}}, {x, index}, std::move(y),
                [index = saved(index), at](const Array& dy, Node& node) { place_along(dy, at, index, node.slot(0)); });
}

Tensor take(const Tensor& x, const Tensor& index) {
  const Array wrapped = wrapped_indices("take", index.value(), x.value().elements(), x.shape());
  return reshape(gather(ravel(x), 0, ravel(Tensor(wrapped))), index.shape());
}

Tensor take_along_dim(const Tensor& x, const Tensor& index, int axis) {
  if (x.rank() != index.rank())
    throw ShapeError({.where = "take_along_dim",
                      .what = "input " + x.shape().text() + ", index " + index.shape().text(),
                      .expected = "as many axes in both"});
  const int at = x.shape().axis(axis);
  const Tensor wrapped(wrapped_indices("take_along_dim", index.value(), x.shape(at), x.shape()));
  const Shape shape = broadcast(x.shape().with(at, 1), index.shape().with(at, 1), "take_along_dim");
  return gather(expand(x, shape.with(at, x.shape(at))), at, expand(wrapped, shape.with(at, index.shape(at))));
}

}  // namespace joist
