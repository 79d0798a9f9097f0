#include <joist/core/kernels.h>
#include <joist/core/transfer.h>
#include <joist/optim/average.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

/// A dense array as one axis.
Array flattened(const Array& array) { return array.strided({array.elements()}, {1}); }

Array copied(const Array& array) {
  Array copy = Array::like(array);
  kernels(array).elementwise.copy(array, {copy, false});
  return copy;
}

}  // namespace

MovingAverage::MovingAverage(const FlatParameters& parameters, std::span<const Field> fields,
                             const AverageOptions& options)
    : parameters_(parameters), options_(options), average_(copied(parameters.values())) {
  if (!(options.decay >= 0 && options.decay <= 1) || !(options.tau >= 0) ||
      !(options.share >= 0 && options.share <= 1))
    throw UsageError({.where = "MovingAverage",
                      .what = "decay " + std::to_string(options.decay) + ", tau " + std::to_string(options.tau) +
                              ", share " + std::to_string(options.share),
                      .expected = "0 ≤ decay ≤ 1, tau ≥ 0, 0 ≤ share ≤ 1"});
  for (const Field& field : fields) {
    if (field.trainable || !is_floating(field.tensor.dtype())) continue;
    const bool seen = std::any_of(buffers_.begin(), buffers_.end(),
                                  [&](const Shadow& shadow) { return shadow.tensor.state() == field.tensor.state(); });
    if (!seen) buffers_.push_back({field.name, field.tensor, copied(field.tensor.value())});
  }
}

double MovingAverage::weight_of(double update) const {
  if (options_.equal) return 1 / update;
  if (options_.share > 0) return std::max(1 / (1 + options_.share * update), 1 - options_.decay);
  return 1 - options_.decay * (options_.tau > 0 ? 1 - std::exp(-update / options_.tau) : 1);
}

void MovingAverage::update() {
  ++updates_;
  const double weight = weight_of(static_cast<double>(updates_));
  const auto& interpolate = kernels(average_).optimizer.interpolate;
  interpolate(parameters_.values(), weight, average_);
  for (const Shadow& shadow : buffers_) {
    const Array& value = shadow.tensor.value();
    interpolate(flattened(value.is_dense() ? value : copied(value)), weight, flattened(shadow.average));
  }
}

void MovingAverage::swap() {
  swapped_ = !swapped_;
  for (const FlatParameters::Slice& slice : parameters_.slices())
    slice.tensor.place_value(parameters_.part(swapped_ ? average_ : parameters_.values(), slice));
  for (Shadow& shadow : buffers_) {
    Array living = shadow.tensor.value();
    shadow.tensor.place_value(std::exchange(shadow.average, living));
  }
}

std::vector<NamedState> MovingAverage::state() const {
  std::vector<NamedState> named = parameters_.parts(average_, "");
  for (const Shadow& shadow : buffers_) named.push_back({shadow.name, shadow.average});
  return named;
}

void MovingAverage::load(std::span<const NamedState> arrays, std::int64_t updates) {
  std::vector<const Array*> found;
  for (const Shadow& shadow : buffers_) {
    const auto place =
        std::find_if(arrays.begin(), arrays.end(), [&](const NamedState& s) { return s.name == shadow.name; });
    if (place == arrays.end() || place->array.shape() != shadow.average.shape())
      throw DataError(
          {.where = shadow.name,
           .what = place == arrays.end() ? "missing from the saved average" : "shape " + place->array.shape().text(),
           .expected = shadow.average.shape().text()});
    found.push_back(&place->array);
  }
  parameters_.assign_parts(average_, "", arrays);
  const auto& copy = kernels(average_).elementwise.copy;
  for (std::size_t i = 0; i < buffers_.size(); ++i)
    copy(on_device(*found[i], average_.device()), {buffers_[i].average, false});
  updates_ = updates;
}

}  // namespace joist
