#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

// The sum as it stands. jk is taken modulo n, so that angles stay below one turn.
void transform(const Array& x, int axis, bool inverse, double scale, const Out& y) {
  const std::int64_t n = x.shape(axis);
  if (x.elements() == 0) return;
  const double turn = (inverse ? 2 : -2) * std::acos(-1.0) / static_cast<double>(n);
  const Array result = zeros(x.shape());
  for_each_index(x.shape().with(axis, 1).with(-1, 1), [&](const Shape& line) {
    for (std::int64_t k = 0; k < n; ++k) {
      double real = 0, imaginary = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        const double angle = turn * static_cast<double>(j * k % n), c = std::cos(angle), s = std::sin(angle);
        const double a = at(x, line.with(axis, j)), b = at(x, line.with(axis, j).with(-1, 1));
        real += a * c - b * s;
        imaginary += a * s + b * c;
      }
      at(result, line.with(axis, k)) = scale * real;
      at(result, line.with(axis, k).with(-1, 1)) = scale * imaginary;
    }
  });
  put(y, result);
}

}  // namespace

void fill(FourierKernels& kernels) { kernels.transform = transform; }

}  // namespace joist::plain
