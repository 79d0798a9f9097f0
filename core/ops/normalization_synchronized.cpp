// n = Σ n_r      mean = Σ n_r mean_r / n      variance = Σ n_r (variance_r + mean_r²) / n - mean²      over the ranks r
// dx = γ/√(variance + ε) · (dz - Σ dβ_r/n - x̂ Σ dγ_r/n)                        dβ = dβ_r      dγ = dγ_r: of this rank
// The sums are float64, so that nothing is lost between variance and mean²; a rank without a picture adds zeros. dγ and
// dβ are added over the ranks with all other gradients.
#include <joist/core/gradient.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/mode.h>
#include <joist/core/ops/normalization_synchronized.h>
#include <joist/core/transfer.h>

#include <cmath>
#include <utility>

namespace joist {
namespace {

thread_local StatisticsExchange* exchange_of_thread = nullptr;

// Rows of float32 numbers per channel that travel between host and device together.
Array rows(std::int64_t count, std::int64_t channels, Device device) {
  return Array::empty({count, channels}, Dtype::float32, device);
}
void fill(const Array& array, double value) { kernels_of<ElementwiseKernels>(array).fill(value, array); }

double variance_of(float inverse_deviation, double epsilon) {
  const double inverse = static_cast<double>(inverse_deviation);
  return std::max(1 / (inverse * inverse) - epsilon, 0.0);
}

// The sum over all ranks, on the host.
Array added(StatisticsExchange& exchange, const char* what, const Array& numbers, Device device) {
  const Array there = on_device(numbers, device);
  exchange.add(what, there);
  return on_host(there);
}

struct Statistics {
  double count = 0;  // values per channel, of all ranks
  Array mean{}, variance{}, inverse_deviation{};
  Array inverse_on_host{};
};

Statistics statistics_of_all(StatisticsExchange& exchange, const Array& x, const BatchNormKernels& table,
                             const BatchNormOptions& options) {
  const std::int64_t channels = x.shape(1);
  const auto own = static_cast<double>(x.elements() / std::max<std::int64_t>(channels, 1));
  const Array found = rows(2, channels, x.device());
  fill(found.selected(0, 0), 0);
  fill(found.selected(0, 1), 1);
  if (x.elements() > 0) table.train(x, {}, {}, options, {}, {}, {}, found.selected(0, 0), found.selected(0, 1));

  const Array here = on_host(found), given = Array::empty({2 * channels + 1}, Dtype::float64);
  const float *const own_mean = here.data<float>(), *const own_inverse = own_mean + channels;
  double* const part = given.data<double>();
  for (std::int64_t i = 0; i < channels; ++i) {
    const double m = static_cast<double>(own_mean[i]);
    part[i] = own * m;
    part[channels + i] = own > 0 ? own * (variance_of(own_inverse[i], options.epsilon) + m * m) : 0;
  }
  part[2 * channels] = own;
  const Array sums = added(exchange, "batch norm", given, x.device());
  const double* const sum = sums.data<double>();
  const Array all = rows(3, channels, cpu);
  fill(all, 0);
  float *const mean = all.data<float>(), *const wide = mean + channels, *const inverse = wide + channels;
  const double count = sum[2 * channels];
  for (std::int64_t i = 0; count > 0 && i < channels; ++i) {
    const double m = sum[i] / count, variance = std::max(sum[channels + i] / count - m * m, 0.0);
    mean[i] = static_cast<float>(m);
    wide[i] = static_cast<float>(std::isnan(m) ? m : variance);
    inverse[i] = static_cast<float>(1 / std::sqrt(variance + options.epsilon));
  }
  const Array there = on_device(all, x.device());
  return {.count = count,
          .mean = there.selected(0, 0),
          .variance = there.selected(0, 1),
          .inverse_deviation = there.selected(0, 2),
          .inverse_on_host = all.selected(0, 2)};
}

void move_running(const Tensor& running_mean, const Tensor& running_variance, const Statistics& all, double momentum) {
  const double unbias = all.count > 1 ? all.count / (all.count - 1) : 1;
  for (const auto& [running, now, factor] :
       {std::tuple{&running_mean, &all.mean, 1.0}, std::tuple{&running_variance, &all.variance, unbias}}) {
    const Array& value = running->value();
    const auto& table = kernels_of<ElementwiseKernels>(value);
    table.unary(Affine{.scale = 1 - momentum}, value, {value, false});
    const Array moved = Array::like(*now);
    kernels_of<ElementwiseKernels>(moved).unary(Affine{.scale = momentum * factor}, *now, {moved, false});
    table.copy(moved, {value, true});
    value.bump_version();
  }
}

// dx -= γ/√(variance + ε) · (dβ/n + x̂ dγ/n), with the sums of all ranks: an affine function of x per channel, which
// the kernel for given statistics computes. `gradients`: dγ and dβ of this rank.
void subtract_through_statistics(StatisticsExchange& exchange, const Array& x, const Array& gamma,
                                 const Statistics& all, const Array& gradients, const BatchNormKernels& table,
                                 const Out& dx) {
  const std::int64_t channels = x.shape(1);
  const Array here = on_host(gradients), given = Array::empty({2 * channels}, Dtype::float64);
  for (std::int64_t i = 0; i < 2 * channels; ++i) given.data<double>()[i] = static_cast<double>(here.data<float>()[i]);
  const Array sums = added(exchange, "batch norm, backward", given, x.device());
  const double* const sum = sums.data<double>();
  if (!dx.array.defined() || x.elements() == 0) return;
  const Array scale = rows(1, channels, x.device());
  fill(scale, 1);
  if (gamma.defined()) kernels_of<ElementwiseKernels>(scale).copy(gamma, {scale.selected(0, 0), false});
  const Array scales = on_host(scale), lines = rows(3, channels, cpu);
  float *const slope = lines.data<float>(), *const shift = slope + channels;
  for (std::int64_t i = 0; i < channels; ++i) {
    const double r = static_cast<double>(all.inverse_on_host.data<float>()[i]);
    const double factor = -static_cast<double>(scales.data<float>()[i]) * r / all.count;
    slope[i] = static_cast<float>(factor * r * sum[i]);
    shift[i] = static_cast<float>(factor * sum[channels + i]);
    shift[channels + i] = 1;  // a variance
  }
  const Array there = on_device(lines, x.device());
  table.evaluate(x, there.selected(0, 0), there.selected(0, 1), BatchNormOptions{.epsilon = 0}, all.mean,
                 there.selected(0, 2), {dx.array, true});
}

}  // namespace

SyncBatchNorm::SyncBatchNorm(StatisticsExchange* exchange) : before_(std::exchange(exchange_of_thread, exchange)) {}
SyncBatchNorm::~SyncBatchNorm() { exchange_of_thread = before_; }
StatisticsExchange* SyncBatchNorm::active() noexcept { return exchange_of_thread; }

Tensor synchronized_batch_norm(StatisticsExchange& exchange, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                               const Tensor& running_mean, const Tensor& running_variance,
                               const BatchNormOptions& options) {
  if (x.dtype() == Dtype::float64)
    throw UnsupportedError({.where = "batch_norm",
                            .what = "unsupported: statistics over several processes of float64",
                            .expected = "float32 or 16-bit numbers"});
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
                  const Array gradients = rows(2, channels, x.get().device());
                  fill(gradients, 0);
                  const Array dgamma = gradients.selected(0, 0), dbeta = gradients.selected(0, 1);
                  const Out dx = node.slot(0), dgamma_out = node.slot(1), dbeta_out = node.slot(2);
                  if (x.get().elements() > 0)
                    table.backward(x, dy, gamma, beta, all.mean, all.inverse_deviation, options, true, dx,
                                   {dgamma, false}, {dbeta, false});
                  subtract_through_statistics(exchange, x, gamma, all, gradients, table, dx);
                  for (const auto& [sum, out] : {std::pair{&dgamma, &dgamma_out}, {&dbeta, &dbeta_out}})
                    if (out->array.defined()) kernels_of<ElementwiseKernels>(out->array).copy(*sum, *out);
                });
}

}  // namespace joist
