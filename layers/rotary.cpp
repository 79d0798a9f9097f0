#include <joist/core/error.h>
#include <joist/layers/rotary.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace joist {
namespace {

// Llama 3: waves that came often in the first training stay, those that never came whole are stretched.
double llama3_frequency(double frequency, const RotaryTableOptions& o) {
  const double wave = 2 * std::numbers::pi / frequency;
  if (wave < o.original_positions / o.high_frequency) return frequency;
  if (wave > o.original_positions / o.low_frequency) return frequency / o.factor;
  const double mixed = (o.original_positions / wave - o.low_frequency) / (o.high_frequency - o.low_frequency);
  return (1 - mixed) * frequency / o.factor + mixed * frequency;
}

// YaRN (Peng et al. 2023): the share of stretching rises linearly over the pairs between two bounds.
double yarn_frequency(double frequency, std::int64_t pair, std::int64_t width, const RotaryTableOptions& o) {
  const double wide = static_cast<double>(width);
  const auto pair_of = [&](double rotations) {
    return wide * std::log(o.original_positions / (rotations * 2 * std::numbers::pi)) / (2 * std::log(o.base));
  };
  const double low = std::max(std::floor(pair_of(o.beta_fast)), 0.0);
  double high = std::min(std::ceil(pair_of(o.beta_slow)), wide - 1);
  if (low == high) high += 0.001;
  const double ramp = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return frequency / o.factor * ramp + frequency * (1 - ramp);
}

}  // namespace

RotaryTable::RotaryTable(std::int64_t width, const RotaryTableOptions& o) {
  const bool needs_length = o.scaling == RotaryScaling::llama3 || o.scaling == RotaryScaling::yarn;
  if (width < 2 || width % 2 != 0 || !(o.base > 1) || !(o.factor > 0) ||
      (needs_length && !(o.original_positions > 0 && o.high_frequency > o.low_frequency && o.low_frequency > 0)))
    throw UsageError({.where = "RotaryTable",
                      .what = "width " + std::to_string(width) + ", base " + std::to_string(o.base) + ", factor " +
                              std::to_string(o.factor) + ", original_positions " + std::to_string(o.original_positions),
                      .expected = "an even width, a base above 1, a factor above 0, and the original length for llama3 "
                                  "and yarn",
                      .remedy = "look at rope_theta and rope_scaling in config.json"});
  for (std::int64_t i = 0; i < width / 2; ++i) {
    double frequency = 1 / std::pow(o.base, 2 * static_cast<double>(i) / static_cast<double>(width));
    if (o.scaling == RotaryScaling::linear) frequency /= o.factor;
    if (o.scaling == RotaryScaling::llama3) frequency = llama3_frequency(frequency, o);
    if (o.scaling == RotaryScaling::yarn) frequency = yarn_frequency(frequency, i, width, o);
    frequencies_.push_back(static_cast<float>(frequency));
  }
  if (o.scaling == RotaryScaling::yarn)
    magnitude_ = o.attention_factor > 0 ? o.attention_factor : o.factor > 1 ? 0.1 * std::log(o.factor) + 1 : 1;
}

RotaryTable::Turn RotaryTable::at(const Tensor& positions) const {
  const std::vector<std::int64_t> places = positions.value().to_vector<std::int64_t>();
  std::vector<float> cosines, sines;
  cosines.reserve(places.size() * frequencies_.size());
  sines.reserve(cosines.capacity());
  for (const std::int64_t place : places)
    for (const float frequency : frequencies_) {
      const double angle = static_cast<float>(place) * frequency;
      cosines.push_back(static_cast<float>(std::cos(angle) * magnitude_));
      sines.push_back(static_cast<float>(std::sin(angle) * magnitude_));
    }
  const Shape shape{positions.shape(0), 1, positions.shape(1), static_cast<std::int64_t>(frequencies_.size())};
  return {Tensor(Array::from(cosines, shape)), Tensor(Array::from(sines, shape))};
}

}  // namespace joist
