#include <joist/core/plain/plain.h>

#include <algorithm>
#include <cmath>

namespace joist::plain {
namespace {

double apply(const Unary& function, double x) {
  return std::visit([&](const auto& f) { return scalar::value(f, x); }, function);
}
double slope(const Unary& function, double x) {
  return std::visit([&](const auto& f) { return scalar::slope(f, x); }, function);
}

double per_channel(const Array& x) { return static_cast<double>(x.elements() / std::max<std::int64_t>(1, x.shape(1))); }

// gamma or beta at a channel, or a number for all when the array is undefined.
double channel(const Array& vector, const Shape& c, double otherwise) {
  return vector.defined() ? at(vector, c) : otherwise;
}

void normalize(const Array& x, const Array& gamma, const Array& beta, const Unary& activation, const Array& mean,
               const Array& inverse_deviation, const Out& y) {
  for_each_index(x.shape(), [&](const Shape& i) {
    const Shape c{i[1]};
    put(y, i,
        apply(activation,
              channel(gamma, c, 1) * (at(x, i) - at(mean, c)) * at(inverse_deviation, c) + channel(beta, c, 0)));
  });
}

void train(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions& options,
           const Array& running_mean, const Array& running_variance, const Out& y, const Array& mean,
           const Array& inverse_deviation) {
  const double count = per_channel(x);
  const Array sum = zeros({x.shape(1)}), square_sum = zeros({x.shape(1)});
  for_each_index(x.shape(), [&](const Shape& i) { at(sum, {i[1]}) += at(x, i); });
  for_each_index(x.shape(),
                 [&](const Shape& i) { at(square_sum, {i[1]}) += std::pow(at(x, i) - at(sum, {i[1]}) / count, 2); });
  for_each_index(sum.shape(), [&](const Shape& c) {
    at(mean, c) = at(sum, c) / count;
    at(inverse_deviation, c) = 1 / std::sqrt(at(square_sum, c) / count + options.epsilon);
    if (!running_mean.defined()) return;
    const double unbiased = at(square_sum, c) / std::max(1.0, count - 1);
    at(running_mean, c) = (1 - options.momentum) * at(running_mean, c) + options.momentum * at(mean, c);
    at(running_variance, c) = (1 - options.momentum) * at(running_variance, c) + options.momentum * unbiased;
  });
  if (y.array.defined()) normalize(x, gamma, beta, options.activation, mean, inverse_deviation, y);
}

void evaluate(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions& options, const Array& mean,
              const Array& variance, const Out& y) {
  const Array inverse_deviation = zeros(variance.shape());
  for_each_index(variance.shape(),
                 [&](const Shape& c) { at(inverse_deviation, c) = 1 / std::sqrt(at(variance, c) + options.epsilon); });
  normalize(x, gamma, beta, options.activation, mean, inverse_deviation, y);
}

void backward(const Array& x, const Array& dy, const Array& gamma, const Array& beta, const Array& mean,
              const Array& inverse_deviation, const BatchNormOptions& options, bool fixed_statistics, const Out& dx,
              const Out& dgamma, const Out& dbeta) {
  const Array normalized = zeros(x.shape()), dz = zeros(x.shape());
  const Array gamma_total = zeros({x.shape(1)}), beta_total = zeros({x.shape(1)});
  for_each_index(x.shape(), [&](const Shape& i) {
    const Shape c{i[1]};
    at(normalized, i) = (at(x, i) - at(mean, c)) * at(inverse_deviation, c);
    at(dz, i) = at(dy, i) * slope(options.activation, channel(gamma, c, 1) * at(normalized, i) + channel(beta, c, 0));
    at(gamma_total, c) += at(dz, i) * at(normalized, i);
    at(beta_total, c) += at(dz, i);
  });
  const double count = per_channel(x);
  const Array total = zeros(x.shape());
  for_each_index(x.shape(), [&](const Shape& i) {
    const Shape c{i[1]};
    double through_statistics = 0;
    if (!fixed_statistics) through_statistics = (at(beta_total, c) + at(normalized, i) * at(gamma_total, c)) / count;
    at(total, i) = channel(gamma, c, 1) * at(inverse_deviation, c) * (at(dz, i) - through_statistics);
  });
  put(dx, total);
  put(dgamma, gamma_total);
  put(dbeta, beta_total);
}

}  // namespace

void fill(BatchNormKernels& kernels) {
  kernels.train = train;
  kernels.evaluate = evaluate;
  kernels.backward = backward;
}

}  // namespace joist::plain
