#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/core/transfer.h>
#include <joist/optim/vectors.h>

#include <cmath>
#include <cstring>

namespace joist {

double dot(const Array& x, const Array& y) {
  const Array total = Array::empty({1}, Dtype::float64, x.device());
  kernels(x).optimizer.product_sum(x, y, total);
  return total.item();
}

double norm(const Array& x) { return std::sqrt(dot(x, x)); }

double largest_magnitude(const Array& x) { return x.elements() == 0 ? 0 : max(abs(Tensor(x))).item(); }

double magnitude_sum(const Array& x) { return sum(abs(Tensor(x))).item(); }

void add(double factor, const Array& x, const Array& y) {
  kernels(y).elementwise.unary(Affine{.scale = factor}, x, {y, true});
}

void scale(double factor, const Array& x, const Array& y) {
  kernels(y).elementwise.unary(Affine{.scale = factor}, x, {y, false});
}

void assign(const Array& x, const Array& y) { kernels(y).elementwise.copy(x, {y, false}); }

bool equal(const Array& x, const Array& y) {
  const Array a = on_host(x), b = on_host(y);
  return std::memcmp(a.raw(), b.raw(), x.bytes()) == 0;
}

bool all_finite(const Array& x) { return std::isfinite(dot(x, x)); }

}  // namespace joist
