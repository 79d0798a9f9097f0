// The differentiable functions. One file per family in core/ops/ holds shape check, forward and backward.
// Names and semantics are PyTorch's. Functions throw ShapeError before any work when shapes do not fit.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

// ---- arithmetic: operands broadcast ---------------------------------------------------------------------------------
Tensor apply(const Binary& function, const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
inline Tensor operator+(double a, const Tensor& b) { return b + a; }
inline Tensor operator*(double a, const Tensor& b) { return b * a; }
Tensor operator-(double a, const Tensor& b);
Tensor operator-(const Tensor& a);
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

// ---- activation and other functions of one operand --------------------------------------------------------------
Tensor apply(const Unary& function, const Tensor& x);
Tensor relu(const Tensor& x);
Tensor silu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor gelu(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor clamp(const Tensor& x, double low, double high);

// ---- matmul -------------------------------------------------------------------------------------------------------
/// a [..., m, k] · b [..., k, n] -> [..., m, n]; leading axes broadcast.
Tensor matmul(const Tensor& a, const Tensor& b);
/// x [..., in] · weight[out, in]ᵀ + bias[out] (undefined: none) -> [..., out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// ---- convolution --------------------------------------------------------------------------------------------------
/// x [batch, in, height, width], weight [out, in/groups, kernel_height, kernel_width], bias [out] or undefined.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvolutionOptions& options = {});

// ---- normalization ------------------------------------------------------------------------------------------------
/// Over all axes but axis 1, with the activation in options. In training the batch's statistics normalize and update
/// the running ones; otherwise the running ones normalize.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormOptions& options, bool training);

// ---- pooling, resize ----------------------------------------------------------------------------------------------
Tensor max_pool2d(const Tensor& x, const PoolOptions& options);
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options);
/// Mean over height and width -> [batch, channel, 1, 1].
Tensor global_average_pool(const Tensor& x);
/// Nearest neighbour to [batch, channel, height, width].
Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width);

// ---- reduction ----------------------------------------------------------------------------------------------------
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, std::initializer_list<int> axes, bool keep_axes = false);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, std::initializer_list<int> axes, bool keep_axes = false);

// ---- shape --------------------------------------------------------------------------------------------------------
/// A view where strides allow, else a copy in logical (PyTorch) order. One length may be -1.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Merges axes first … last (inclusive).
Tensor flatten(const Tensor& x, int first = 1, int last = -1);
Tensor permute(const Tensor& x, std::initializer_list<int> axes);
Tensor transpose(const Tensor& x, int a, int b);
/// Elements start, start + step, … < stop of an axis; negative start and stop count from the end.
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1);
std::vector<Tensor> chunk(const Tensor& x, int chunks, int axis);
Tensor concat(std::span<const Tensor> tensors, int axis);
inline Tensor concat(std::initializer_list<Tensor> tensors, int axis) {
  return concat(std::span(tensors.begin(), tensors.size()), axis);
}
Tensor expand(const Tensor& x, const Shape& shape);
/// Dense memory in the given order; no work when it is so already.
Tensor contiguous(const Tensor& x, Order order = Order::row_major);

// ---- indexing -----------------------------------------------------------------------------------------------------
/// Rows of axis 0: [rows, ...] and int64 index [m] -> [m, ...]. Throws DataError for an index out of range.
Tensor index_select(const Tensor& x, const Array& index);

// ---- softmax, losses ----------------------------------------------------------------------------------------------
Tensor softmax(const Tensor& x, int axis);
Tensor log_softmax(const Tensor& x, int axis);
/// logits [rows, classes], target int64 [rows] -> loss of each row [rows], 0 where the target is options.ignore.
Tensor cross_entropy(const Tensor& logits, const Array& target, const CrossEntropyOptions& options = {});
/// Elementwise, target in [0, 1], same shape, no reduction.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target);
/// logits [rows, bins], target [rows] in [0, bins - 1) -> [rows].
Tensor distribution_focal_loss(const Tensor& logits, const Array& target);
/// Box rows (x1, y1, x2, y2) [rows, 4] -> complete IoU [rows]; gradient for a only.
Tensor complete_iou(const Tensor& a, const Array& b);

// ---- dropout ------------------------------------------------------------------------------------------------------
/// Drops elements with the given probability and scales the rest, by the numbers of `key`.
Tensor dropout(const Tensor& x, double probability, const RandomKey& key);

}  // namespace joist
