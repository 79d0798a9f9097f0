#include <joist/core/error.h>
#include <joist/core/gradient.h>
#include <joist/core/ops.h>
#include <joist/optim/newton.h>
#include <joist/optim/sophia.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

template <class Options>
const Options& checked(const Options& options) {
  Options copy = options;
  check_options(Options::kind, copy.table());
  return options;
}

}  // namespace

OptionTable NewtonOptions::table() {
  return {{"lr", lr, not_negative},
          {"damping", damping, not_negative},
          {"least", least, {.low = 0, .high = 1, .with_low = false, .with_high = true}},
          {"max_parameters", max_parameters, {.low = 1}},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Newton::Newton(FlatParameters& parameters, const NewtonOptions& options)
    : AlongLine(NewtonOptions::kind, parameters, checked(options).lr, options.maximize, options.clear_gradients),
      options_(options) {
  if (parameters.count() > options.max_parameters)
    throw UsageError({.where = NewtonOptions::kind,
                      .what = std::to_string(parameters.count()) + " parameters",
                      .expected = "at most max_parameters = " + std::to_string(options.max_parameters),
                      .remedy = "lbfgs, which needs no Hessian"});
}

std::vector<OptimizerOption> Newton::options() const {
  NewtonOptions copy = options_;
  return options_in(copy.table());
}

// direction = -V · (Vᵀ g / max(|λ| + damping, least)) with H = V diag(λ) Vᵀ. In double, whatever the parameters are.
void Newton::choose_direction(const Closure& closure) {
  const NoGradient quiet;
  const Array slope = copy_of(gradient());
  std::vector<std::int64_t> places;  // in the flat buffer, without padding
  for (const FlatParameters::Slice& slice : parameters().slices())
    for (std::int64_t i = 0; i < slice.elements; ++i) places.push_back(slice.first + i);
  const auto n = static_cast<std::int64_t>(places.size());
  const auto number = [](const Array& x, std::int64_t i) { return x.sliced(0, i, i + 1).item(); };

  std::vector<double> hessian(static_cast<std::size_t>(n * n)), g(static_cast<std::size_t>(n));
  const Array unit_vector = parameters().zeros();
  for (std::int64_t column = 0; column < n; ++column) {
    const std::int64_t place = places[static_cast<std::size_t>(column)];
    const Array one = unit_vector.sliced(0, place, place + 1);
    kernels(one).elementwise.fill(1, one);
    const Array product = hessian_product(parameters(), unit_vector, [&] {
      const EnableGradient recorded;
      gradient_at(closure);
    });
    kernels(one).elementwise.fill(0, one);
    const double sign = options_.maximize ? -1 : 1;
    for (std::int64_t row = 0; row < n; ++row)
      hessian[static_cast<std::size_t>(row * n + column)] =
          sign * number(product, places[static_cast<std::size_t>(row)]);
    g[static_cast<std::size_t>(column)] = number(slope, place);
  }
  assign(slope, gradient());

  const Tensor raw(Array::from(hessian, {n, n}));
  const EigenPairs pairs = eigh(0.5 * (raw + transpose(raw, 0, 1)));
  const Tensor magnitude = abs(pairs.values) + options_.damping;
  const double largest = max(magnitude).item();
  const Tensor along = matmul(transpose(pairs.vectors, 0, 1), Tensor(Array::from(g, {n, 1})));
  const Tensor scaled = along / reshape(clamp_min(magnitude, std::max(largest * options_.least, 1e-300)), {n, 1});
  const std::vector<double> step = contiguous(matmul(pairs.vectors, scaled)).value().to_vector<double>();
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Array place = direction().sliced(0, places[i], places[i] + 1);
    kernels(place).elementwise.fill(-step[i], place);
  }
}

double Newton::minimize(const Closure& closure) {
  const double value = gradient_at(closure);
  if (!usable(value) || largest_magnitude(gradient()) == 0) return loss_of(value);
  choose_direction(closure);
  const double slope = dot(gradient(), direction());
  if (std::isfinite(slope) && slope < 0) search(closure, value, slope, rate(), {});
  return loss_of(value);
}

OptionTable ConjugateGradientOptions::table() {
  return {{"lr", lr, positive},
          {"restart", restart, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

ConjugateGradient::ConjugateGradient(FlatParameters& parameters, const ConjugateGradientOptions& options)
    : AlongLine(ConjugateGradientOptions::kind, parameters, checked(options).lr, options.maximize,
                options.clear_gradients),
      options_(options),
      previous_gradient_(add_buffer("previous_gradient")),
      numbers_(add_numbers("length")),
      slope_(add_numbers("slope")),
      since_restart_(add_numbers("since_restart")) {
  adopt_direction("direction");
  if (options_.restart == 0) options_.restart = parameters.count();
}

std::vector<OptimizerOption> ConjugateGradient::options() const {
  ConjugateGradientOptions copy = options_;
  return options_in(copy.table());
}

double ConjugateGradient::minimize(const Closure& closure) {
  const double value = gradient_at(closure);
  if (!usable(value)) return loss_of(value);
  const double before = dot(previous_gradient_, previous_gradient_), now = dot(gradient(), gradient());
  if (now == 0) return loss_of(value);
  const bool fresh = before == 0 || *since_restart_ >= static_cast<double>(options_.restart);
  const double factor = fresh ? 0 : std::max(0.0, (now - dot(gradient(), previous_gradient_)) / before);
  scale(factor, direction(), direction());
  add(-1, gradient(), direction());
  double slope = dot(gradient(), direction());
  if (!(slope < 0)) {  // not downhill: along the gradient
    scale(-1, gradient(), direction());
    slope = -now;
  }
  *since_restart_ = factor == 0 ? 1 : *since_restart_ + 1;
  assign(gradient(), previous_gradient_);
  // As far as the last step went, to first order.
  const double first =
      *numbers_ > 0 ? std::min(1.0, *numbers_ * *slope_ / slope) : std::min(1.0, 1 / magnitude_sum(gradient()));
  const LineResult found = search(closure, value, slope, first * rate(), {.curvature = 0.1});
  *numbers_ = found.point.at;
  *slope_ = slope;
  return loss_of(value);
}

OptionTable GradientDescentOptions::table() {
  return {{"lr", lr, not_negative}, {"maximize", maximize}, {"clear_gradients", clear_gradients}};
}

}  // namespace joist
