#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

void product(const Array& a, const Array& b, const Array& bias, const Out& y) {
  const Shape& shape = y.array.shape();
  const std::int64_t depth = a.shape(-1);
  const Array wide_a = a.expanded(shape.with(-1, depth)), wide_b = b.expanded(shape.with(-2, depth));
  const Array total = zeros(shape);
  for_each_index(shape, [&](const Shape& i) {
    double sum = bias.defined() ? at(bias, {i[-1]}) : 0;
    for (std::int64_t k = 0; k < depth; ++k) sum += at(wide_a, i.with(-1, k)) * at(wide_b, i.with(-2, k));
    at(total, i) = sum;
  });
  put(y, total);
}

}  // namespace

void fill(MatmulKernels& kernels) { kernels.product = product; }

}  // namespace joist::plain
