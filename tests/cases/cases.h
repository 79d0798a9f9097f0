// One table of cases per op family: inputs and a function over Tensors. Used by the tests of every backend, by the
// checks of gradients, by the comparison with PyTorch and by benchmarks, so nothing here knows how it is judged.
#pragma once

#include <joist/core/ops.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace joist::cases {

/// Which numbers an input holds. All are exact in float32, so that every backend starts from the same ones.
enum class Kind : std::uint8_t {
  uniform,   ///< in [low, high)
  coarse,    ///< multiples of 1/2 in [low, high): ties and kinks are hit on purpose
  integers,  ///< int64 in [low, high)
  boxes,     ///< rows (x1, y1, x2, y2) with corners and sizes in [low, high)
  unset,     ///< NaN, to be written to
};

/// How an input lies in memory. What lies between the elements is NaN.
enum class Layout : std::uint8_t {
  row_major,
  channels_last,
  spaced,         ///< every second element along the last axis of a larger block
  transposed,     ///< the last two axes swapped
  channel_slice,  ///< some channels of a channels-last array
};

struct Input {
  Shape shape{};
  double low = -2, high = 2;
  Kind kind = Kind::uniform;
  Layout layout = Layout::row_major;
  bool gradient = true;          ///< wanted; never for integers
  std::vector<double> values{};  ///< instead of random ones, row-major
};

/// One tensor or several.
struct Outputs {
  Outputs(Tensor one) : tensors{std::move(one)} {}
  Outputs(std::vector<Tensor> several) : tensors(std::move(several)) {}
  std::vector<Tensor> tensors;
};

struct Case {
  std::string name;
  std::vector<Input> inputs;
  /// May return inputs that it wrote to (running statistics).
  std::function<Outputs(std::span<const Tensor>)> run;
  /// Whether the gradients are the derivatives nearly everywhere (not at ties, not where one is defined otherwise).
  bool differentiable = true;
  bool large = false;  ///< long loops: blocks, tails, several threads; too slow for central differences
};

struct Family {
  std::string name;
  /// Largest difference of a float32 result from the exact one, relative to the largest magnitude in its array.
  double tolerance;
  std::vector<Case> cases;
};

/// A kernel that no differentiable function reaches, or a use that none makes of it.
struct KernelCase {
  std::string name;
  double tolerance;
  std::vector<Input> arrays;
  /// Writes to some of the arrays; all are compared afterwards.
  std::function<void(const Kernels&, std::span<const Array>)> run;
};

Family arithmetic_cases();
Family activation_cases();
Family matmul_cases();
Family convolution_cases();
Family normalization_cases();
Family pooling_cases();
Family resize_cases();
Family reduction_cases();
Family reshape_cases();
Family view_cases();
Family indexing_cases();
Family sorting_cases();
Family scan_cases();
Family softmax_cases();
Family loss_cases();
Family classification_loss_cases();
Family regression_loss_cases();
Family margin_loss_cases();
Family metric_loss_cases();
Family box_loss_cases();
Family ctc_cases();
Family activation_layer_cases();
Family loss_layer_cases();
Family dropout_cases();
Family comparison_cases();
Family basic_layer_cases();
Family recurrent_cases();
Family recurrent_layer_cases();
Family linalg_cases();
Family fourier_cases();
Family attention_cases();
Family attention_layer_cases();
Family embedding_cases();
Family row_norm_cases();
Family convolution_axes_cases();
Family windows_cases();
Family pooling_axes_cases();
Family resample_cases();
Family detection_cases();
Family layers_convolution_cases();
Family composition_cases();  ///< several operations: shared results, views, blocks of models

/// All of the above.
const std::vector<Family>& families();

const std::vector<KernelCase>& kernel_cases();

/// Row-major numbers for the input at a position of a case; always the same.
std::vector<double> values_of(const std::string& case_name, const Input& input, std::size_t position);
/// A tensor of these values on a device: float64 on reference, else float32; integers are int64.
Tensor place(const Input& input, const std::vector<double>& values, Device device);
/// All inputs of a case.
std::vector<Tensor> inputs_of(const std::string& case_name, std::span<const Input> inputs, Device device);

// Shorthands for the tables.
inline Input uniform(const Shape& shape, double low = -2, double high = 2) {
  return {.shape = shape, .low = low, .high = high};
}
inline Input in(Layout layout, Input input) {
  input.layout = layout;
  return input;
}
inline Input constant(Input input) {
  input.gradient = false;
  return input;
}
inline Input boxes(std::int64_t rows, double low, double high) {
  return {.shape = {rows, 4}, .low = low, .high = high, .kind = Kind::boxes};
}
inline Input of_values(const Shape& shape, std::vector<double> values) {
  return {.shape = shape, .values = std::move(values)};
}
inline Input integers(const Shape& shape, double below) {
  return {.shape = shape, .low = 0, .high = below, .kind = Kind::integers, .gradient = false};
}
inline Input output(const Shape& shape) { return {.shape = shape, .kind = Kind::unset}; }
inline Input coarse(const Shape& shape) { return {.shape = shape, .kind = Kind::coarse}; }

}  // namespace joist::cases
