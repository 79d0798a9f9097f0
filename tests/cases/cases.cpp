#include <joist/core/kernels.h>
#include <joist/tests/cases/cases.h>

#include <cmath>
#include <limits>

namespace joist::cases {
namespace {

// FNV-1a; std::hash may differ between standard libraries.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

// The larger array of which an input of this layout is a view.
Shape block_of(const Shape& shape, Layout layout) {
  switch (layout) {
    case Layout::spaced: return shape.with(-1, 2 * shape[-1] + 1);
    case Layout::transposed: return shape.with(-1, shape[-2]).with(-2, shape[-1]);
    case Layout::channel_slice: return shape.with(1, shape[1] + 3);
    case Layout::row_major:
    case Layout::channels_last: break;
  }
  return shape;
}

Array view_of(const Array& block, const Shape& shape, Layout layout) {
  switch (layout) {
    case Layout::spaced: return block.sliced(-1, 1, 2 * shape[-1] + 1, 2);
    case Layout::transposed: return block.transposed();
    case Layout::channel_slice: return block.sliced(1, 2, 2 + shape[1]);
    case Layout::row_major:
    case Layout::channels_last: break;
  }
  return block;
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> all{
      arithmetic_cases(),
      activation_cases(),
      matmul_cases(),
      convolution_cases(),
      normalization_cases(),
      pooling_cases(),
      resize_cases(),
      reduction_cases(),
      reshape_cases(),
      view_cases(),
      indexing_cases(),
      sorting_cases(),
      scan_cases(),
      softmax_cases(),
      loss_cases(),
      classification_loss_cases(),
      regression_loss_cases(),
      margin_loss_cases(),
      metric_loss_cases(),
      box_loss_cases(),
      ctc_cases(),
      activation_layer_cases(),
      loss_layer_cases(),
      dropout_cases(),
      comparison_cases(),
      basic_layer_cases(),
      recurrent_cases(),
      recurrent_layer_cases(),
      linalg_cases(),
      fourier_cases(),
      attention_cases(),
      attention_layer_cases(),
      embedding_cases(),
      row_norm_cases(),
      convolution_axes_cases(),
      windows_cases(),
      pooling_axes_cases(),
      resample_cases(),
      detection_cases(),
      layers_convolution_cases(),
      composition_cases(),
  };
  return all;
}

std::vector<double> values_of(const std::string& case_name, const Input& input, std::size_t position) {
  if (!input.values.empty()) return input.values;
  Random random({.seed = hash_of(case_name), .stream = Stream::test, .call = static_cast<std::uint32_t>(position)});
  const auto low = static_cast<float>(input.low), high = static_cast<float>(input.high);
  std::vector<double> values(static_cast<std::size_t>(input.shape.elements()));
  for (double& value : values) {
    value = static_cast<double>(std::min(random.uniform(low, high), std::nextafter(high, low)));
    if (input.kind == Kind::coarse) value = std::floor(2 * value) / 2;
    if (input.kind == Kind::integers) value = std::floor(value);
    if (input.kind == Kind::unset) value = std::numeric_limits<double>::quiet_NaN();
  }
  if (input.kind == Kind::boxes)
    for (std::size_t row = 0; row < values.size(); row += 4)
      for (std::size_t k = 0; k < 2; ++k)
        values[row + 2 + k] = static_cast<double>(static_cast<float>(values[row + k] + values[row + 2 + k]));
  return values;
}

Tensor place(const Input& input, const std::vector<double>& values, Device device) {
  if (input.kind == Kind::integers)
    return Tensor(Array::from(std::vector<std::int64_t>(values.begin(), values.end()), input.shape, device));
  const bool wide = device.kind == Device::Kind::reference;
  const Array packed = wide ? Array::from(values, input.shape, device)
                            : Array::from(std::vector<float>(values.begin(), values.end()), input.shape, device);
  const bool channels_last = input.layout == Layout::channels_last || input.layout == Layout::channel_slice;
  const Array block = Array::empty(block_of(input.shape, input.layout), packed.dtype(), device,
                                   channels_last ? Order::channels_last : Order::row_major);
  const auto& table = kernels(device).elementwise;
  table.fill(std::numeric_limits<double>::quiet_NaN(), block);
  const Array view = view_of(block, input.shape, input.layout);
  table.copy(packed, Out{view, false});
  return Tensor(view, input.gradient);
}

std::vector<Tensor> inputs_of(const std::string& case_name, std::span<const Input> inputs, Device device) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    tensors.push_back(place(inputs[i], values_of(case_name, inputs[i], i), device));
  return tensors;
}

}  // namespace joist::cases
