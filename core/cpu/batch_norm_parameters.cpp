#include <joist/core/cpu/batch_norm_parameters.h>
#include <joist/core/cpu/functions.h>

#include <cmath>

namespace joist::batch_norm {

void set_normalization(Parameters& parameters, std::int64_t channel, double mean, double inverse, double gamma,
                       double beta) {
  const auto nearest = static_cast<float>(mean);
  const double factor = gamma * inverse;
  parameters(batch_norm::mean, channel) = nearest;
  parameters(scale, channel) = static_cast<float>(factor);
  parameters(shift, channel) = static_cast<float>(beta - (mean - static_cast<double>(nearest)) * factor);
}

void set_normalization(Parameters& parameters, const Array& mean_array, const Array& inverse_array,
                       const Array& gamma_array, const Array& beta_array) {
  const Vector mean(mean_array, 0), inverse(inverse_array, 1), gamma(gamma_array, 1), beta(beta_array, 0);
  for (std::int64_t i = 0; i < parameters.channels(); ++i)
    set_normalization(parameters, i, mean.at(i), inverse.at(i), gamma.at(i), beta.at(i));
}

void finish_statistics(Parameters& parameters, const Totals& totals, std::int64_t count,
                       const BatchNormOptions& options, const Array& gamma_array, const Array& beta_array,
                       const Array& running_mean_array, const Array& running_variance_array, const Array& mean_array,
                       const Array& inverse_array) {
  const Vector gamma(gamma_array, 1), beta(beta_array, 0);
  Vector running_mean(running_mean_array, 0), running_variance(running_variance_array, 0);
  Vector mean(mean_array, 0), inverse(inverse_array, 0);
  const auto n = static_cast<double>(count);
  for (std::int64_t i = 0; i < parameters.channels(); ++i) {
    const double offset = totals.first[static_cast<std::size_t>(i)] / n;
    const double m = static_cast<double>(parameters(batch_norm::mean, i)) + offset;
    const double difference = totals.second[static_cast<std::size_t>(i)] / n - offset * offset;
    const double variance = difference < 0 ? 0 : difference;  // also keeps NaN
    const double r = 1 / std::sqrt(variance + options.epsilon);
    mean.put(i, m, false);
    inverse.put(i, r, false);
    const double keep = 1 - options.momentum, unbiased = variance * (count > 1 ? n / (n - 1) : 1);
    running_mean.put(i, keep * running_mean.at(i) + options.momentum * m, false);
    running_variance.put(i, keep * running_variance.at(i) + options.momentum * unbiased, false);
    set_normalization(parameters, i, m, r, gamma.at(i), beta.at(i));
  }
}

void finish_gradient(Parameters& parameters, const Totals& totals, std::int64_t count, const Array& gamma_array,
                     const Array& inverse_array, bool fixed_statistics, const Out& dgamma_out, const Out& dbeta_out) {
  const Vector gamma(gamma_array, 1), inverse(inverse_array, 1);
  Vector dgamma(dgamma_out.array, 0), dbeta(dbeta_out.array, 0);
  for (std::int64_t i = 0; i < parameters.channels(); ++i) {
    const double sum = totals.first[static_cast<std::size_t>(i)], product = totals.second[static_cast<std::size_t>(i)];
    const double r = inverse.at(i), factor = gamma.at(i) * r;
    dgamma.put(i, r * product, dgamma_out.accumulate);
    dbeta.put(i, sum, dbeta_out.accumulate);  // after gamma's, which may be the same array
    if (fixed_statistics) continue;
    parameters(constant, i) = static_cast<float>(factor * sum / static_cast<double>(count));
    parameters(linear, i) = static_cast<float>(factor * r * r * product / static_cast<double>(count));
  }
}

// Writes the normalized values with their activation.
void normalize(const Array& x, const Unary& activation, const Parameters& parameters, const Out& y) {
  if (const Fused fused = fused_with(activation); fused.normalize)
    return Loop(x, {}, y).write(fused.normalize, fused.activation, parameters);
  const Unary identity = Identity{};
  const Array z = y.accumulate ? Array::like(y.array) : y.array;
  Loop(x, {}, {.array = z}).write(fused_with(identity).normalize, &identity, parameters);
  const BoundFunction bound = unary_value(activation);
  for_each_tile(bound.function, bound.parameters, {&z}, y);
}

}  // namespace joist::batch_norm
