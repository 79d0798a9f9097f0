// Elements chosen by several indices at once or by masks: all become places of the flattened tensor, then
// y = x[places]                dx[places] += dy
// y = x, y[places] = values    dx = dy, 0 at places    dvalues = dy[places]
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/index_check.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

// Row-major places of the elements that are not 0.
std::vector<std::int64_t> places_of(const Tensor& x) {
  const Quiet quiet;
  const Tensor truth = x.dtype() == Dtype::boolean ? x : ne(x.detach(), 0);
  const auto values = to(truth, cpu).value().to_vector<bool>();
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i]) places.push_back(static_cast<std::int64_t>(i));
  return places;
}

Tensor vector_of(const std::vector<std::int64_t>& values, Device device) {
  return to(Tensor(Array::from(values, {static_cast<std::int64_t>(values.size())})), device);
}

void require_mask(const char* op, const Tensor& mask) {
  if (mask.dtype() != Dtype::boolean)
    throw DtypeError({.where = op,
                      .what = "a mask of type " + std::string(name_of(mask.dtype())),
                      .expected = "bool",
                      .remedy = "ne(mask, 0)"});
}

void require_covering(const char* op, const Tensor& x, const Tensor& mask) {
  if (broadcast(x.shape(), mask.shape(), op) != x.shape())
    throw ShapeError({.where = op,
                      .what = "mask " + mask.shape().text() + " for input " + x.shape().text(),
                      .expected = "a mask that broadcasts to the input's shape"});
}

// Where the indices point in the flattened first axes of x, and how many axes those are.
struct Places {
  Tensor rows{};
  int axes = 0;
};
Places rows_of(const char* op, const Tensor& x, std::span<const Tensor> given) {
  const Quiet quiet;
  std::vector<Tensor> indices;
  for (const Tensor& index : given) {
    if (index.dtype() != Dtype::boolean) {
      indices.push_back(index);
      continue;
    }
    for (int i = 0; i < index.rank(); ++i) {
      const int axis = static_cast<int>(indices.size()) + i;
      if (axis >= x.rank() || x.shape(axis) != index.shape(i))
        throw ShapeError({.where = op,
                          .what = "mask " + index.shape().text() + " for input " + x.shape().text(),
                          .expected = "a mask as long as the axes that it stands for"});
    }
    for (const Tensor& column : nonzero_columns(index)) indices.push_back(column);
  }
  if (indices.empty() || static_cast<int>(indices.size()) > x.rank())
    throw ShapeError({.where = op,
                      .what = std::to_string(indices.size()) + " indices for input " + x.shape().text(),
                      .expected = "1 to " + std::to_string(x.rank()) + " indices"});
  Places places;
  for (const Tensor& index : indices) {
    const std::int64_t length = x.shape(places.axes++);
    const Tensor wrapped(wrapped_indices(op, index.value(), length, x.shape()));
    places.rows = places.axes == 1 ? wrapped : places.rows * static_cast<double>(length) + wrapped;
  }
  return places;
}

// x as [the indexed axes flattened, the others].
Tensor folded(const Tensor& x, int axes) {
  std::vector<std::int64_t> lengths{x.shape().elements(0, axes)};
  lengths.insert(lengths.end(), x.shape().begin() + axes, x.shape().end());
  return reshape(x, Shape(lengths));
}

// The shape of x[indices].
Shape result_shape(const Tensor& x, const Places& places) {
  std::vector<std::int64_t> lengths(places.rows.shape().begin(), places.rows.shape().end());
  lengths.insert(lengths.end(), x.shape().begin() + places.axes, x.shape().end());
  return Shape(lengths);
}

}  // namespace

Tensor index(const Tensor& x, std::span<const Tensor> indices) {
  const Places places = rows_of("index", x, indices);
  const Tensor rows = ravel(places.rows);
  return reshape(index_select(folded(x, places.axes), rows.value()), result_shape(x, places));
}

Tensor index_put(const Tensor& x, std::span<const Tensor> indices, const Tensor& values, bool accumulate) {
  const Places places = rows_of("index_put", x, indices);
  const Shape shape = result_shape(x, places);
  if (values.dtype() != x.dtype())
    throw DtypeError({.where = "index_put",
                      .what = std::string(name_of(values.dtype())) + " values for " + std::string(name_of(x.dtype())),
                      .expected = "one element type"});
  if (broadcast(shape, values.shape(), "index_put") != shape)
    throw ShapeError({.where = "index_put",
                      .what = "values " + values.shape().text() + " for the indexed shape " + shape.text(),
                      .expected = "values that broadcast to it"});
  const Tensor rows = ravel(places.rows), whole = folded(x, places.axes);
  const Tensor source = reshape(expand(values, shape), whole.shape().with(0, rows.shape(0)));
  const Tensor y = accumulate ? index_add(whole, 0, rows, source) : index_copy(whole, 0, rows, source);
  return reshape(y, x.shape());
}

Tensor put(const Tensor& x, const Tensor& index, const Tensor& source, bool accumulate) {
  if (index.value().elements() != source.value().elements())
    throw ShapeError({.where = "put",
                      .what = "index " + index.shape().text() + ", source " + source.shape().text(),
                      .expected = "as many elements in both"});
  const Array wrapped = wrapped_indices("put", index.value(), x.value().elements(), x.shape());
  const Tensor places = ravel(Tensor(wrapped)), whole = ravel(x), values = ravel(source);
  return reshape(accumulate ? scatter_add(whole, 0, places, values) : scatter(whole, 0, places, values), x.shape());
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  require_mask("masked_select", mask);
  const Shape shape = broadcast(x.shape(), mask.shape(), "masked_select");
  return index_select(ravel(expand(x, shape)), vector_of(places_of(expand(mask, shape)), x.device()).value());
}

Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source) {
  require_mask("masked_scatter", mask);
  require_covering("masked_scatter", x, mask);
  const auto places = places_of(expand(mask, x.shape()));
  const auto count = static_cast<std::int64_t>(places.size());
  if (source.value().elements() < count)
    throw ShapeError(
        {.where = "masked_scatter",
         .what = "source of shape " + source.shape().text() + " for " + std::to_string(count) + " elements of the mask",
         .expected = "at least as many elements"});
  return reshape(scatter(ravel(x), 0, vector_of(places, x.device()), ravel(source)), x.shape());
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value) {
  if (value.value().elements() != 1)
    throw ShapeError({.where = "masked_fill",
                      .what = "a value of shape " + value.shape().text(),
                      .expected = "one element",
                      .remedy = "where(mask, value, x) or masked_scatter()"});
  require_mask("masked_fill", mask);
  require_covering("masked_fill", x, mask);
  return where(mask, to(reshape(value, Shape{}), x.dtype()), x);
}

std::vector<Tensor> nonzero_columns(const Tensor& x) {
  const Tensor table = nonzero(x.rank() == 0 ? reshape(x, {1}) : x);
  return unbind(table, 1);
}

Tensor nonzero(const Tensor& x) {
  const std::vector<std::int64_t> places = places_of(x);
  std::vector<std::int64_t> rows;
  for (std::int64_t place : places) {
    const std::size_t begin = rows.size();
    rows.resize(begin + static_cast<std::size_t>(x.rank()));
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      rows[begin + static_cast<std::size_t>(axis)] = place % x.shape(axis);
      place /= x.shape(axis);
    }
  }
  return to(Tensor(Array::from(rows, {static_cast<std::int64_t>(places.size()), x.rank()})), x.device());
}
Tensor argwhere(const Tensor& x) { return nonzero(x); }

}  // namespace joist
