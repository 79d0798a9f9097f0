// The kernel tables: what a backend computes, over Arrays, one struct per op family. core/cpu, cuda and tests/reference
// each fill one. A missing entry is an error that names the kernel and the device.
//
// Every kernel writes where it is told: an Out is an array of the right shape and whether to add to what is there. With
// accumulate false the old contents (which may be NaN) are never read. Arrays may have any strides unless said
// otherwise; float arrays are float32 on cpu and float64 on reference.
#pragma once

#include <joist/core/array.h>
#include <joist/core/elementwise.h>
#include <joist/core/random.h>

#include <cstdint>
#include <utility>

namespace joist {

struct Out {
  Array array{};
  bool accumulate = false;
};

/// One entry: a function pointer that knows its name.
template <class Signature>
class Kernel;
template <class... Arguments>
class Kernel<void(Arguments...)> {
 public:
  using Function = void (*)(Arguments...);
  explicit constexpr Kernel(const char* name) : name_(name) {}
  Kernel& operator=(Function function) {
    function_ = function;
    return *this;
  }
  explicit operator bool() const noexcept { return function_ != nullptr; }
  const char* name() const noexcept { return name_; }
  /// Throws UnsupportedError when the backend has no such kernel.
  void operator()(Arguments... arguments) const {
    if (!function_) missing(name_);
    function_(arguments...);
  }

 private:
  [[noreturn]] static void missing(const char* name) {
    throw UnsupportedError(
        {.where = name, .what = "unsupported: this device has no kernel of that name", .remedy = "--device cpu"});
  }
  const char* name_;
  Function function_ = nullptr;
};

// ---- core/ops/arithmetic, activation, reshape -------------------------------------------------------------------
struct ElementwiseKernels {
  Kernel<void(double value, const Array& y)> fill{"fill"};
  /// y = x, x broadcast to y's shape; dtypes may differ.
  Kernel<void(const Array& x, const Out& y)> copy{"copy"};
  Kernel<void(const Unary& f, const Array& x, const Out& y)> unary{"unary"};
  /// dx = dy * slope(x)
  Kernel<void(const Unary& f, const Array& x, const Array& dy, const Out& dx)> unary_backward{"unary_backward"};
  /// a and b broadcast to y's shape.
  Kernel<void(const Binary& f, const Array& a, const Array& b, const Out& y)> binary{"binary"};
  /// Gradient of operand 0 or 1: dy * slope summed over the axes along which that operand was broadcast.
  Kernel<void(const Binary& f, const Array& a, const Array& b, const Array& dy, int operand, const Out& dx)>
      binary_backward{"binary_backward"};
};

// ---- core/ops/reduction -------------------------------------------------------------------------------------------
struct ReductionKernels {
  /// y = scale * sum of x over the axes on which y has length 1 and x has not. Same rank.
  Kernel<void(const Array& x, double scale, const Out& y)> sum{"sum"};
  /// Maximum over one axis and where it was (int64; the first of equals). y and index have length 1 on the axis.
  Kernel<void(const Array& x, int axis, const Out& y, const Array& index)> maximum{"maximum"};
};

// ---- core/ops/matmul ----------------------------------------------------------------------------------------------
struct MatmulKernels {
  /// y [..., m, n] = a [..., m, k] · b [..., k, n] (+ bias [n]; undefined: none). Leading axes equal, or 1 in a or b.
  Kernel<void(const Array& a, const Array& b, const Array& bias, const Out& y)> product{"matmul"};
};

// ---- core/ops/convolution -----------------------------------------------------------------------------------------
/// One entry per spatial axis.
struct ConvolutionOptions {
  Shape stride{1, 1};
  Shape padding{0, 0};  ///< zeros before and after
  Shape dilation{1, 1};
  std::int64_t groups = 1;
};

struct ConvolutionKernels {
  /// x [batch, in, height, width], w [out, in/groups, kernel_height, kernel_width], bias [out] or undefined,
  /// y [batch, out, height', width'].
  Kernel<void(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions&, const Out& y)> forward{
      "convolution"};
  Kernel<void(const Array& dy, const Array& w, const ConvolutionOptions&, const Out& dx)> backward_input{
      "convolution_backward_input"};
  /// db [out] or undefined array: not wanted.
  Kernel<void(const Array& x, const Array& dy, const ConvolutionOptions&, const Out& dw, const Out& db)>
      backward_weight{"convolution_backward_weight"};
};

// ---- core/ops/normalization ---------------------------------------------------------------------------------------
struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< running = (1 - momentum) * running + momentum * batch (variance unbiased)
  Unary activation{};     ///< applied to the normalized value, in the same pass
};

/// Batch normalization over all axes but axis 1 (channels), followed by an activation.
/// z = gamma * (x - mean) * inverse_deviation + beta; y = activation(z). All vectors [channels].
struct BatchNormKernels {
  /// Writes the batch's mean and inverse deviation 1/sqrt(biased variance + epsilon); updates the running statistics
  /// unless undefined.
  Kernel<void(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions&, const Array& running_mean,
              const Array& running_variance, const Out& y, const Array& mean, const Array& inverse_deviation)>
      train{"batch_norm"};
  /// With given statistics.
  Kernel<void(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions&, const Array& mean,
              const Array& variance, const Out& y)>
      evaluate{"batch_norm_evaluate"};
  /// Gradients; with `fixed_statistics` mean and deviation are constants. Any Out with an undefined array is not
  /// wanted.
  Kernel<void(const Array& x, const Array& dy, const Array& gamma, const Array& beta, const Array& mean,
              const Array& inverse_deviation, const BatchNormOptions&, bool fixed_statistics, const Out& dx,
              const Out& dgamma, const Out& dbeta)>
      backward{"batch_norm_backward"};
};

// ---- core/ops/pooling ---------------------------------------------------------------------------------------------
struct PoolOptions {
  Shape kernel{2, 2};
  Shape stride{2, 2};
  Shape padding{0, 0};
  bool count_padding = true;  ///< average pooling divides by the full window (PyTorch: count_include_pad)
};

struct PoolKernels {
  /// index (int32, y's shape): position row * width + column of each maximum in its input plane; the first of equals.
  Kernel<void(const Array& x, const PoolOptions&, const Out& y, const Array& index)> maximum{"max_pool"};
  Kernel<void(const Array& dy, const Array& index, const PoolOptions&, const Out& dx)> maximum_backward{
      "max_pool_backward"};
  Kernel<void(const Array& x, const PoolOptions&, const Out& y)> average{"average_pool"};
  Kernel<void(const Array& dy, const PoolOptions&, const Out& dx)> average_backward{"average_pool_backward"};
};

// ---- core/ops/resize ----------------------------------------------------------------------------------------------
/// Source coordinate of output i: nearest floor(i * in / out) (PyTorch's and ONNX's "asymmetric, floor").
struct ResizeKernels {
  Kernel<void(const Array& x, const Out& y)> nearest{"resize_nearest"};
  Kernel<void(const Array& dy, const Out& dx)> nearest_backward{"resize_nearest_backward"};
};

// ---- core/ops/softmax ---------------------------------------------------------------------------------------------
struct SoftmaxKernels {
  Kernel<void(const Array& x, int axis, const Out& y)> softmax{"softmax"};
  /// dx = y * (dy - sum(dy * y))
  Kernel<void(const Array& y, const Array& dy, int axis, const Out& dx)> softmax_backward{"softmax_backward"};
  Kernel<void(const Array& x, int axis, const Out& y)> log_softmax{"log_softmax"};
  /// dx = dy - exp(y) * sum(dy)
  Kernel<void(const Array& y, const Array& dy, int axis, const Out& dx)> log_softmax_backward{"log_softmax_backward"};
};

// ---- core/ops/loss ------------------------------------------------------------------------------------------------
struct CrossEntropyOptions {
  double label_smoothing = 0;
  std::int64_t ignore = -100;  ///< target value whose rows count nothing
};

struct LossKernels {
  /// logits [rows, classes], target int64 [rows] -> loss [rows] (0 where ignored). Targets outside [0, classes) were
  /// refused.
  Kernel<void(const Array& logits, const Array& target, const CrossEntropyOptions&, const Out& loss)> cross_entropy{
      "cross_entropy"};
  Kernel<void(const Array& logits, const Array& target, const Array& dloss, const CrossEntropyOptions&,
              const Out& dlogits)>
      cross_entropy_backward{"cross_entropy_backward"};
  /// Distribution focal loss (Li et al. 2020, "Generalized Focal Loss"): logits [rows, bins], target [rows] in
  /// [0, bins - 1) -> CE(floor) * (ceil - t) + CE(ceil) * (t - floor), [rows].
  Kernel<void(const Array& logits, const Array& target, const Out& loss)> distribution_focal{"distribution_focal"};
  Kernel<void(const Array& logits, const Array& target, const Array& dloss, const Out& dlogits)>
      distribution_focal_backward{"distribution_focal_backward"};
  /// Complete IoU (Zheng et al. 2020) of box rows (x1, y1, x2, y2): a [rows, 4], b [rows, 4] -> [rows].
  /// Denominators carry epsilon 1e-7; the aspect weight alpha is a constant for the gradient.
  Kernel<void(const Array& a, const Array& b, const Out& y)> complete_iou{"complete_iou"};
  /// Gradient of a only.
  Kernel<void(const Array& a, const Array& b, const Array& dy, const Out& da)> complete_iou_backward{
      "complete_iou_backward"};
};

// ---- core/ops/indexing --------------------------------------------------------------------------------------------
struct IndexingKernels {
  /// y [m, ...] = x[index[m], ...]; index int64, checked by the caller.
  Kernel<void(const Array& x, const Array& index, const Out& y)> take_rows{"take_rows"};
  /// dx[index[i], ...] += dy[i, ...] in ascending i. With accumulate false dx is zeroed first.
  Kernel<void(const Array& dy, const Array& index, const Out& dx)> take_rows_backward{"take_rows_backward"};
};

// ---- core/ops/dropout, random fills -------------------------------------------------------------------------------
struct RandomKernels {
  /// y = x * keep / (1 - probability); element i (row-major) is kept when uniform_from(word i % 4 of block i / 4) >=
  /// probability. The same call on dy is the backward.
  Kernel<void(const Array& x, double probability, const RandomKey&, const Out& y)> dropout{"dropout"};
  Kernel<void(const RandomKey&, double low, double high, const Array& y)> uniform{"uniform"};
  Kernel<void(const RandomKey&, double mean, double deviation, const Array& y)> normal{"normal"};
};

// ---- optim --------------------------------------------------------------------------------------------------------
/// torch.optim.SGD: d = g + weight_decay * p; v = momentum * v + (1 - dampening) * d (v = d at the first step);
/// d = nesterov ? d + momentum * v : v; p -= rate * d.
struct SgdStep {
  double rate = 0.01, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, first = false;
};
/// torch.optim.AdamW (decoupled) or Adam; step counts from 1.
struct AdamStep {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = true;
  std::int64_t step = 1;
};

/// All arrays are equally long, rank 1, dense.
struct OptimizerKernels {
  /// velocity may be undefined when momentum is 0.
  Kernel<void(const SgdStep&, const Array& parameter, const Array& gradient, const Array& velocity)> sgd{"sgd"};
  Kernel<void(const AdamStep&, const Array& parameter, const Array& gradient, const Array& first_moment,
              const Array& second_moment)>
      adam{"adam"};
  /// y = y + weight * (x - y): exponential moving average.
  Kernel<void(const Array& x, double weight, const Array& y)> interpolate{"interpolate"};
  /// total (float64, one element) = sum of squares, summed in double in an order that depends only on the length.
  Kernel<void(const Array& x, const Array& total)> square_sum{"square_sum"};
};

struct Kernels {
  ElementwiseKernels elementwise{};
  ReductionKernels reduction{};
  MatmulKernels matmul{};
  ConvolutionKernels convolution{};
  BatchNormKernels batch_norm{};
  PoolKernels pool{};
  ResizeKernels resize{};
  SoftmaxKernels softmax{};
  LossKernels loss{};
  IndexingKernels indexing{};
  RandomKernels random{};
  OptimizerKernels optimizer{};
};

/// The table of a device. Throws EnvironmentError when its backend is not loaded.
const Kernels& kernels(Device device);
/// Called by a backend when it is loaded; the table lives until the process ends.
void register_kernels(Device::Kind kind, const Kernels& table);

}  // namespace joist
