#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/optim/adafactor.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace joist {
namespace {

void interpolate(const Tensor& towards, double weight, const Array& y) {
  const Tensor next = contiguous(towards);
  const Shape flat{y.elements()};
  kernels(y).optimizer.interpolate(next.value().view(flat), weight, y.view(flat));
}

}  // namespace

OptionTable AdafactorOptions::table() {
  return {{"lr", lr, not_negative},     {"beta2_decay", beta2_decay, {.high = 0, .with_high = true}},
          {"eps1", eps1, not_negative}, {"eps2", eps2, not_negative},
          {"d", d, {.low = 1}},         {"weight_decay", weight_decay, not_negative},
          {"maximize", maximize},       {"clear_gradients", clear_gradients}};
}

Adafactor::Adafactor(FlatParameters& parameters, const AdafactorOptions& options, GroupOptions<AdafactorOptions> own)
    : Groupwise(parameters, options, std::move(own)) {
  for (const FlatParameters::Slice& slice : parameters.slices()) {
    const Shape& shape = slice.tensor.shape();
    if (shape.rank() < 2)
      memory_.push_back({.whole = add_array("variance", slice, shape)});
    else
      memory_.push_back({.rows = add_array("row_variance", slice, shape.with(-1, 1)),
                         .columns = add_array("column_variance", slice, shape.with(-2, 1))});
  }
}

void Adafactor::update(std::size_t group, const AdafactorOptions& options) {
  const FlatParameters::Slice* first = parameters().slices().data();
  for (const FlatParameters::Slice& slice : slices_of(parameters(), group))
    update_one(slice, memory_[static_cast<std::size_t>(&slice - first)], options);
}

void Adafactor::update_one(const FlatParameters::Slice& slice, const Memory& memory, const AdafactorOptions& o) {
  const NoGradient quiet;
  const auto t = static_cast<double>(steps()), count = static_cast<double>(slice.elements);
  const double eps1 = o.eps1 > 0                               ? o.eps1
                      : slice.tensor.dtype() == Dtype::float64 ? std::numeric_limits<double>::epsilon()
                                                               : std::numeric_limits<float>::epsilon();
  const Array values = parameters().part(parameters().values(), slice);
  const Array flat = vector_of(parameters().values(), slice);
  const double rate = std::max(o.eps2, norm(flat) / std::sqrt(count)) * std::min(o.lr, 1 / std::sqrt(t));
  if (o.weight_decay != 0) scale(1 - o.lr * o.weight_decay, flat, flat);

  const Tensor gradient(parameters().part(parameters().gradients(), slice));
  const double weight = std::pow(t, o.beta2_decay);
  Tensor variance;
  if (memory.whole.defined()) {
    interpolate(square(gradient), weight, memory.whole);
    variance = Tensor(memory.whole);
  } else {
    interpolate(mean(square(gradient), -1, true), weight, memory.rows);
    interpolate(mean(square(gradient), -2, true), weight, memory.columns);
    const Tensor rows(memory.rows);
    variance = rows * Tensor(memory.columns) / clamp_min(mean(rows, -2, true), eps1);
  }
  const Tensor update = gradient / sqrt(clamp_min(variance, eps1 * eps1));
  const double length = std::sqrt(sum(square(update)).item());
  const double limit = std::max(1.0, length / (std::sqrt(count) * o.d));
  add((o.maximize ? 1 : -1) * rate / limit, update.value(), values);
}

}  // namespace joist
