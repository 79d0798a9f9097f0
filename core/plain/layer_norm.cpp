#include <joist/core/plain/plain.h>

#include <cmath>

namespace joist::plain {
namespace {

// gamma or beta at a column, or a number for all when the array is undefined.
double column(const Array& vector, std::int64_t j, double otherwise) {
  return vector.defined() ? at(vector, {j}) : otherwise;
}

void forward(const Array& x, const Array& gamma, const Array& beta, const LayerNormOptions& options, const Out& y,
             const Array& mean, const Array& inverse_deviation) {
  const std::int64_t rows = x.shape(0), n = x.shape(1);
  for (std::int64_t i = 0; i < rows; ++i) {
    double sum = 0, squares = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += at(x, {i, j});
    const double center = options.root ? 0 : sum / static_cast<double>(n);
    for (std::int64_t j = 0; j < n; ++j) squares += std::pow(at(x, {i, j}) - center, 2);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + options.epsilon);
    if (!options.root) at(mean, {i}) = center;
    at(inverse_deviation, {i}) = inverse;
    for (std::int64_t j = 0; j < n; ++j)
      put(y, {i, j}, column(gamma, j, 1) * (at(x, {i, j}) - center) * inverse + column(beta, j, 0));
  }
}

void backward(const Array& x, const Array& dy, const Array& gamma, const Array& mean, const Array& inverse_deviation,
              const LayerNormOptions& options, const Out& dx, const Out& dgamma, const Out& dbeta) {
  const std::int64_t rows = x.shape(0), n = x.shape(1);
  const Array normalized = zeros(x.shape()), total = zeros(x.shape());
  const Array gamma_total = zeros({n}), beta_total = zeros({n});
  for (std::int64_t i = 0; i < rows; ++i) {
    double slope_sum = 0, product_sum = 0;  // of γ dy and γ dy x̂
    for (std::int64_t j = 0; j < n; ++j) {
      const double center = options.root ? 0 : at(mean, {i});
      at(normalized, {i, j}) = (at(x, {i, j}) - center) * at(inverse_deviation, {i});
      slope_sum += column(gamma, j, 1) * at(dy, {i, j});
      product_sum += column(gamma, j, 1) * at(dy, {i, j}) * at(normalized, {i, j});
      at(gamma_total, {j}) += at(dy, {i, j}) * at(normalized, {i, j});
      at(beta_total, {j}) += at(dy, {i, j});
    }
    const double through_mean = options.root ? 0 : slope_sum / static_cast<double>(n);
    for (std::int64_t j = 0; j < n; ++j)
      at(total, {i, j}) = at(inverse_deviation, {i}) * (column(gamma, j, 1) * at(dy, {i, j}) - through_mean -
                                                        at(normalized, {i, j}) * product_sum / static_cast<double>(n));
  }
  put(dx, total);
  put(dgamma, gamma_total);
  put(dbeta, beta_total);
}

}  // namespace

void fill(LayerNormKernels& kernels) {
  kernels.forward = forward;
  kernels.backward = backward;
}

}  // namespace joist::plain
