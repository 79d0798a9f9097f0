#include <joist/core/kernels.h>
#include <joist/optim/sophia.h>
#include <joist/optim/vectors.h>

#include <cmath>
#include <limits>

namespace joist {

OptionTable SophiaOptions::table() {
  return {{"lr", lr, not_negative},
          {"beta1", beta1, below_one},
          {"beta2", beta2, below_one},
          {"eps", eps, positive},
          {"clip", clip, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"update_period", update_period, {.low = 1}},
          {"seed", seed, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Array hessian_product(FlatParameters& parameters, const Array& u, const std::function<void()>& evaluate) {
  const Array& values = parameters.values();
  const Array start = copy_of(values);
  const double epsilon =
      values.dtype() == Dtype::float64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  // The cube root balances rounding against the third derivative; the scale is that of the parameters.
  const double length = norm(u), size = norm(values);
  const double step =
      length > 0 ? std::cbrt(epsilon) * (std::sqrt(static_cast<double>(parameters.count())) + size) / length : 1;
  add(step, u, values);
  evaluate();
  const Array product = copy_of(parameters.gradients());
  assign(start, values);
  add(-step, u, values);
  evaluate();
  add(-1, parameters.gradients(), product);
  scale(1 / (2 * step), product, product);
  assign(start, values);
  parameters.values_written();
  return product;
}

Sophia::Sophia(FlatParameters& parameters, const SophiaOptions& options, GroupOptions<SophiaOptions> own)
    : Groupwise(parameters, options, std::move(own)),
      momentum_(add_buffer("momentum")),
      curvature_(add_buffer("curvature")) {}

double Sophia::minimize(const Closure& closure) {
  const SophiaOptions all = options_of(0);
  if ((steps() - 1) % all.update_period == 0) {
    const Array u = parameters().zeros();
    const RandomKey key{.seed = static_cast<std::uint64_t>(all.seed),
                        .stream = Stream::noise,
                        .step = static_cast<std::uint32_t>(steps())};
    std::uint32_t call = 0;
    for (const FlatParameters::Slice& slice : parameters().slices()) {  // the padding stays zero
      const Array part = vector_of(u, slice);
      RandomKey own = key;
      own.call = call++;
      kernels(part).random.uniform(own, -1, 1, part);
      kernels(part).elementwise.unary(Sign{}, part, {part, false});
    }
    const Array product = hessian_product(parameters(), u, [&] { evaluate(closure); });
    kernels(product).elementwise.binary(Multiply{}, product, u, {product, false});
    if (all.maximize) scale(-1, product, product);
    kernels(product).optimizer.interpolate(product, 1 - all.beta2, curvature_);
  }
  const double loss = evaluate(closure);
  Groupwise::advance();
  return loss;
}

void Sophia::update(std::size_t index, const SophiaOptions& o) {
  const FlatParameters::Group& group = parameters().groups()[index];
  kernels(group.values)
      .optimizer.step({.rule = SophiaRule{.rate = o.lr, .beta1 = o.beta1, .eps = o.eps, .limit = o.clip},
                       .gradient = o.maximize ? -1.0 : 1.0,
                       .shrink = 1 - o.lr * o.weight_decay},
                      group.values, group.gradients, {of_group(momentum_, group), of_group(curvature_, group)});
}

}  // namespace joist
