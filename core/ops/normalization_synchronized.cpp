// n = Σ n_r      mean = Σ n_r mean_r / n      variance = Σ n_r (variance_r + mean_r²) / n - mean²      over the ranks r
// dx = γ/√(variance + ε) · (dz - Σ dβ_r/n - x̂ Σ dγ_r/n)                        dβ = dβ_r      dγ = dγ_r: of this rank
// The sums are float64, so that nothing is lost between variance and mean²; a rank without a picture adds zeros. dγ and
// dβ are added over the ranks with all other gradients.
#include <joist/core/gradient.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/mode.h>
#include <joist/core/ops/normalization_synchronized.h>

#include <cmath>
#include <utility>

namespace joist {
namespace {

thread_local StatisticsExchange* exchange_of_thread = nullptr;

Array vector(std::int64_t channels) { return Array::empty({channels}); }

Array filled(std::int64_t channels, double value) {
  const Array result = vector(channels);
  kernels_of<ElementwiseKernels>(result).fill(value, result);
  return result;
}

double variance_of(float inverse_deviation, double epsilon) {
  const double inverse = static_cast<double>(inverse_deviation);
  return std::max(1 / (inverse * inverse) - epsilon, 0.0);
}

struct Statistics {
  double count = 0;  // values per channel, of all ranks
  Array mean{}, variance{}, inverse_deviation{};
};

Statistics statistics_of_all(StatisticsExchange& exchange, const Array& x, const BatchNormKernels& table,
                             const BatchNormOptions& options) {
  const std::int64_t channels = x.shape(1);
  const auto own = static_cast<double>(x.elements() / std::max<std::int64_t>(channels, 1));
  Statistics all{.mean = filled(channels, 0), .variance = vector(channels), .inverse_deviation = filled(channels, 1)};
  float* const mean = all.mean.data<float>();
  float* const inverse = all.inverse_deviation.data<float>();
  if (x.elements() > 0) table.train(x, {}, {}, options, {}, {}, {}, all.mean, all.inverse_deviation);

  const Array sums = Array::empty({2 * channels + 1}, Dtype::float64);
  double* const sum = sums.data<double>();
  for (std::int64_t i = 0; i < channels; ++i) {
    const double m = static_cast<double>(mean[i]);
    sum[i] = own * m;
    sum[channels + i] = own > 0 ? own * (variance_of(inverse[i], options.epsilon) + m * m) : 0;
  }
  sum[2 * channels] = own;
  exchange.add("batch norm", sums);
  all.count = sum[2 * channels];
  for (std::int64_t i = 0; all.count > 0 && i < channels; ++i) {
    const double m = sum[i] / all.count, variance = std::max(sum[channels + i] / all.count - m * m, 0.0);
    mean[i] = static_cast<float>(m);
    all.variance.data<float>()[i] = static_cast<float>(std::isnan(m) ? m : variance);
    inverse[i] = static_cast<float>(1 / std::sqrt(variance + options.epsilon));
  }
  return all;
}

void move_running(const Tensor& running_mean, const Tensor& running_variance, const Statistics& all, double momentum) {
  const double unbias = all.count > 1 ? all.count / (all.count - 1) : 1;
  for (const auto& [running, now, factor] :
       {std::tuple{&running_mean, &all.mean, 1.0}, std::tuple{&running_variance, &all.variance, unbias}}) {
    const Array& value = running->value();
    const auto& table = kernels_of<ElementwiseKernels>(value);
    table.unary(Affine{.scale = 1 - momentum}, value, {value, false});
    const Array moved = vector(now->shape(0));
    kernels_of<ElementwiseKernels>(moved).unary(Affine{.scale = momentum * factor}, *now, {moved, false});
    table.copy(moved, {value, true});
    value.bump_version();
  }
}

// dx -= γ/√(variance + ε) · (dβ/n + x̂ dγ/n), with the sums of all ranks: an affine function of x per channel, which
// the kernel for given statistics computes.
void subtract_through_statistics(StatisticsExchange& exchange, const Array& x, const Array& gamma,
                                 const Statistics& all, const Array& dgamma, const Array& dbeta,
                                 const BatchNormKernels& table, const Out& dx) {
  const std::int64_t channels = x.shape(1);
  const Array sums = Array::empty({2 * channels}, Dtype::float64);
  double* const sum = sums.data<double>();
  for (std::int64_t i = 0; i < channels; ++i) {
    sum[i] = static_cast<double>(dgamma.data<float>()[i]);
    sum[channels + i] = static_cast<double>(dbeta.data<float>()[i]);
  }
  exchange.add("batch norm, backward", sums);
  if (!dx.array.defined() || x.elements() == 0) return;
  const Array slope = vector(channels), shift = vector(channels);
  Array scale = filled(channels, 1);
  if (gamma.defined()) kernels_of<ElementwiseKernels>(scale).copy(gamma, {scale, false});
  for (std::int64_t i = 0; i < channels; ++i) {
    const double r = static_cast<double>(all.inverse_deviation.data<float>()[i]);
    const double factor = -static_cast<double>(scale.data<float>()[i]) * r / all.count;
    slope.data<float>()[i] = static_cast<float>(factor * r * sum[i]);
    shift.data<float>()[i] = static_cast<float>(factor * sum[channels + i]);
  }
  const BatchNormOptions plain{.epsilon = 0};
  table.evaluate(x, slope, shift, plain, all.mean, filled(channels, 1), {dx.array, true});
}

}  // namespace

SyncBatchNorm::SyncBatchNorm(StatisticsExchange* exchange) : before_(std::exchange(exchange_of_thread, exchange)) {}
SyncBatchNorm::~SyncBatchNorm() { exchange_of_thread = before_; }
StatisticsExchange* SyncBatchNorm::active() noexcept { return exchange_of_thread; }

Tensor synchronized_batch_norm(StatisticsExchange& exchange, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                               const Tensor& running_mean, const Tensor& running_variance,
                               const BatchNormOptions& options) {
  if (x.device() != cpu || x.dtype() == Dtype::float64)
    throw UnsupportedError({.where = "batch_norm",
                            .what = "unsupported: statistics over several processes of " +
                                    std::string(name_of(x.dtype())) + " on " + x.device().text(),
                            .expected = "float32 or 16-bit numbers on the CPU"});
  const auto& table = kernels_of<BatchNormKernels>(x.value());
  const Statistics all = statistics_of_all(exchange, x.value(), table, options);
  if (all.count < 2)
    throw ShapeError({.where = "batch_norm",
                      .what = "one value per channel on all ranks together, input " + x.shape().text(),
                      .expected = "at least two values per channel",
                      .remedy = "a larger batch, or evaluation mode"});
  if (running_mean.defined() && !recomputing()) move_running(running_mean, running_variance, all, options.momentum);
  const Array scale = gamma.defined() ? gamma.value() : Array(), shift = beta.defined() ? beta.value() : Array();
  Array y = Array::like(x.value());
  if (y.elements() > 0) table.evaluate(x.value(), scale, shift, options, all.mean, all.variance, {y, false});
  return record({Op::batch_norm, options}, {x, gamma, beta, running_mean, running_variance}, std::move(y),
                [x = saved(x), gamma = saved(scale), beta = saved(shift), all, options, &exchange, &table](
                    const Array& dy, Node& node) {
                  const std::int64_t channels = x.get().shape(1);
                  const Array dgamma = filled(channels, 0), dbeta = filled(channels, 0);
                  const Out dx = node.slot(0), dgamma_out = node.slot(1), dbeta_out = node.slot(2);
                  if (x.get().elements() > 0)
                    table.backward(x, dy, gamma, beta, all.mean, all.inverse_deviation, options, true, dx,
                                   {dgamma, false}, {dbeta, false});
                  subtract_through_statistics(exchange, x, gamma, all, dgamma, dbeta, table, dx);
                  for (const auto& [sum, out] : {std::pair{&dgamma, &dgamma_out}, {&dbeta, &dbeta_out}})
                    if (out->array.defined()) kernels_of<ElementwiseKernels>(out->array).copy(*sum, *out);
                });
}

}  // namespace joist
