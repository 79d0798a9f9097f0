#include <joist/core/cpu/batch_norm_parameters.h>
#include <joist/core/cpu/functions.h>
#include <joist/core/cpu/kernels.h>

#include <cmath>

namespace joist {
namespace {

using batch_norm::Fused;
using batch_norm::Loop;
using batch_norm::normalize;
using batch_norm::Parameters;
using batch_norm::set_normalization;
using batch_norm::Totals;
using batch_norm::Vector;

void train(const Array& x, const Array& gamma_array, const Array& beta_array, const BatchNormOptions& options,
           const Array& running_mean_array, const Array& running_variance_array, const Out& y, const Array& mean_array,
           const Array& inverse_array) {
  if (x.elements() == 0) return;
  const std::int64_t channels = x.shape(1);
  Parameters parameters(channels);
  Totals totals;
  std::int64_t count = 0;
  {
    const Loop loop(x, {}, {});
    count = loop.count();
    for (std::int64_t i = 0; i < channels; ++i) parameters(batch_norm::mean, i) = loop.sample(i);
    totals = loop.sums(batch_norm::moments(), nullptr, parameters);
  }
  batch_norm::finish_statistics(parameters, totals, count, options, gamma_array, beta_array, running_mean_array,
                                running_variance_array, mean_array, inverse_array);
  if (y.array.defined()) normalize(x, options.activation, parameters, y);  // else only the statistics are wanted
}

void evaluate(const Array& x, const Array& gamma_array, const Array& beta_array, const BatchNormOptions& options,
              const Array& mean_array, const Array& variance_array, const Out& y) {
  const Vector gamma(gamma_array, 1), beta(beta_array, 0), mean(mean_array, 0), variance(variance_array, 1);
  Parameters parameters(x.shape(1));
  for (std::int64_t i = 0; i < parameters.channels(); ++i)
    set_normalization(parameters, i, mean.at(i), 1 / std::sqrt(variance.at(i) + options.epsilon), gamma.at(i),
                      beta.at(i));
  normalize(x, options.activation, parameters, y);
}

// dz = dy * slope(z);  dbeta = sum dz;  dgamma = inverse * sum dz (x - mean);
// dx = gamma * inverse * (dz - dbeta / n - (x - mean) * inverse * dgamma / n), without the last two for fixed
// statistics.
void backward(const Array& x, const Array& dy, const Array& gamma_array, const Array& beta_array,
              const Array& mean_array, const Array& inverse_array, const BatchNormOptions& options,
              bool fixed_statistics, const Out& dx, const Out& dgamma_out, const Out& dbeta_out) {
  Parameters parameters(x.shape(1));
  set_normalization(parameters, mean_array, inverse_array, gamma_array, beta_array);
  Array dz = dy;
  Unary activation = options.activation;
  if (!batch_norm::fused_with(activation).gradient) {
    const Array z = Array::like(x);
    normalize(x, Identity{}, parameters, {.array = z});
    dz = Array::like(x);
    const BoundFunction bound = unary_gradient(activation);
    for_each_tile(bound.function, bound.parameters, {&dy, &z}, {.array = dz});
    activation = Identity{};
  }
  const Fused fused = batch_norm::fused_with(activation);
  if (dgamma_out.array.defined() || dbeta_out.array.defined() || (dx.array.defined() && !fixed_statistics)) {
    const Loop loop(x, dz, {});
    const Totals totals = loop.sums(fused.gradient_sums, fused.activation, parameters);
    batch_norm::finish_gradient(parameters, totals, loop.count(), gamma_array, inverse_array, fixed_statistics,
                                dgamma_out, dbeta_out);
  }
  if (dx.array.defined()) Loop(x, dz, dx).write(fused.gradient, fused.activation, parameters);
}

}  // namespace

void fill_batch_norm(Kernels& table) {
  table.batch_norm.train = train;
  table.batch_norm.evaluate = evaluate;
  table.batch_norm.backward = backward;
}

}  // namespace joist
