#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

void take_rows(const Array& x, const Array& index, const Out& y) {
  for_each_index(y.array.shape(),
                 [&](const Shape& i) { put(y, i, at(x, i.with(0, at<std::int64_t>(index, {i[0]})))); });
}

void take_rows_backward(const Array& dy, const Array& index, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_index(dy.shape(),
                 [&](const Shape& i) { at(total, i.with(0, at<std::int64_t>(index, {i[0]}))) += at(dy, i); });
  put(dx, total);
}

}  // namespace

void fill(IndexingKernels& kernels) {
  kernels.take_rows = take_rows;
  kernels.take_rows_backward = take_rows_backward;
}

}  // namespace joist::plain
