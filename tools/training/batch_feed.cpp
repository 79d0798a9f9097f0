#include <joist/core/kernels.h>
#include <joist/tools/training/batch_feed.h>

namespace joist {

// Divisions and differences one by one, as the loader's: others would round differently.
AsNumbers::AsNumbers(const std::vector<float>& mean, const std::vector<float>& deviation) {
  steps_.push_back({Divide{}, {255.0F}});
  if (!mean.empty()) steps_.push_back({Subtract{}, mean});
  if (!deviation.empty()) steps_.push_back({Divide{}, deviation});
}

Array AsNumbers::operator()(const Array& pixels) {
  const Device device = pixels.device();
  const Array numbers = Array::empty(pixels.shape(), Dtype::float32, device, pixels.order());
  const auto& table = kernels(device, Dtype::float32).elementwise;
  table.copy(pixels, {numbers, false});
  for (Step& step : steps_) {
    if (!step.there.defined() || step.there.device() != device)
      step.there = Array::from(step.values, {static_cast<std::int64_t>(step.values.size()), 1, 1}, device);
    table.binary(step.function, numbers, step.there.expanded(numbers.shape()), {numbers, false});
  }
  return numbers;
}

}  // namespace joist
