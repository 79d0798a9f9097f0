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

void gather(const Array& x, int axis, const Array& index, const Out& y) {
  for_each_index(index.shape(), [&](const Shape& i) { put(y, i, at(x, i.with(axis, at<std::int64_t>(index, i)))); });
}

void scatter(Scatter how, const Array& source, int axis, const Array& index, const Array& y) {
  for_each_index(source.shape(), [&](const Shape& i) {
    const double value = at(source, i);
    double& target = at(y, i.with(axis, at<std::int64_t>(index, i)));
    switch (how) {
      case Scatter::replace: target = value; break;
      case Scatter::add: target += value; break;
      case Scatter::multiply: target *= value; break;
      case Scatter::maximum:
        if (beats(value, target)) target = value;
        break;
      case Scatter::minimum:
        if (beats(-value, -target)) target = value;
        break;
    }
  });
}

}  // namespace

void fill(IndexingKernels& kernels) {
  kernels.take_rows = take_rows;
  kernels.take_rows_backward = take_rows_backward;
  kernels.gather = gather;
  kernels.scatter = scatter;
}

}  // namespace joist::plain
