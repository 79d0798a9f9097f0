#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/optim/regularize.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace joist {
namespace {

void require_not_negative(const char* where, const char* name, double value) {
  if (!not_negative.holds(value))
    throw UsageError({.where = where,
                      .what = std::string(name) + " = " + std::to_string(value),
                      .expected = not_negative.text(name)});
}

// Adds strength · f(p) to the gradients of the groups that decay.
void add_penalty(const char* where, FlatParameters& parameters, double strength, const Unary& slope) {
  require_not_negative(where, "strength", strength);
  parameters.complete_gradients();
  for (const FlatParameters::Group& group : parameters.groups()) {
    if (!group.decay) continue;
    const Array step = Array::like(group.values);
    kernels(step).elementwise.unary(slope, group.values, {step, false});
    add(strength, step, group.gradients);
  }
}

}  // namespace

void centralize_gradients(FlatParameters& parameters) {
  const NoGradient quiet;
  parameters.complete_gradients();
  for (const FlatParameters::Slice& slice : parameters.slices()) {
    if (slice.tensor.rank() < 2) continue;
    std::vector<int> axes(static_cast<std::size_t>(slice.tensor.rank() - 1));
    std::iota(axes.begin(), axes.end(), 1);
    const Array gradient = parameters.part(parameters.gradients(), slice);
    const Tensor means = mean(Tensor(gradient), axes, true);
    add(-1, means.value().expanded(gradient.shape()), gradient);
  }
}

void add_l1_gradients(FlatParameters& parameters, double strength) {
  add_penalty("add_l1_gradients", parameters, strength, Sign{});
}

void add_l2_gradients(FlatParameters& parameters, double strength) {
  add_penalty("add_l2_gradients", parameters, strength, Identity{});
}

void proximal_l1(Optimizer& optimizer, double strength) {
  require_not_negative("proximal_l1", "strength", strength);
  FlatParameters& parameters = optimizer.parameters();
  for (std::size_t i = 0; i < parameters.groups().size(); ++i) {
    const FlatParameters::Group& group = parameters.groups()[i];
    if (!group.decay) continue;
    const SoftShrink shrink{.lambda = optimizer.groups()[i].lr * strength};
    kernels(group.values).elementwise.unary(shrink, group.values, {group.values, false});
  }
  parameters.values_written();
}

void pull_to_start(Optimizer& optimizer, const Array& start, double strength) {
  require_not_negative("pull_to_start", "strength", strength);
  FlatParameters& parameters = optimizer.parameters();
  if (start.shape() != parameters.values().shape())
    throw ShapeError({.where = "pull_to_start",
                      .what = "start " + start.shape().text(),
                      .expected = parameters.values().shape().text() + ", the parameters' buffer"});
  for (std::size_t i = 0; i < parameters.groups().size(); ++i) {
    const FlatParameters::Group& group = parameters.groups()[i];
    if (!group.to_start) continue;
    const double share = std::min(optimizer.groups()[i].lr * strength, 1.0);
    kernels(group.values).optimizer.interpolate(of_group(start, group), share, group.values);
  }
  parameters.values_written();
}

void add_gradient_noise(FlatParameters& parameters, std::int64_t step, std::uint64_t seed, double eta, double gamma) {
  require_not_negative("add_gradient_noise", "eta", eta);
  parameters.complete_gradients();
  const double deviation = std::sqrt(eta / std::pow(1 + static_cast<double>(step), gamma));
  RandomKey key{.seed = seed, .stream = Stream::noise, .step = static_cast<std::uint32_t>(step)};
  for (const FlatParameters::Slice& slice : parameters.slices()) {
    const Array gradient = vector_of(parameters.gradients(), slice), noise = Array::like(gradient);
    kernels(noise).random.normal(key, 0, deviation, noise);
    add(1, noise, gradient);
    ++key.call;
  }
}

}  // namespace joist
