// The identity of an operation: what it is and its attributes. Listeners (export, profiler, …) read these.
#pragma once

#include <joist/core/kernels.h>

#include <variant>
#include <vector>

namespace joist {

enum class Op : std::uint8_t {
  unary,
  binary,
  matmul,
  linear,
  convolution,
  batch_norm,
  max_pool,
  average_pool,
  sum,
  reshape,
  permute,
  slice,
  concat,
  expand,
  take_rows,
  softmax,
  log_softmax,
  cross_entropy,
  distribution_focal,
  complete_iou,
  dropout,
  resize_nearest,
  copy,
};
inline constexpr int op_count = static_cast<int>(Op::copy) + 1;
const char* name_of(Op op) noexcept;

struct AxisAttribute {
  int axis = 0;
};
struct SumAttribute {
  Shape kept{};
  double scale = 1;
  bool keep_axes = true;
};  ///< kept: the result's shape with axes of length 1
struct ShapeAttribute {
  Shape shape{};
};
struct PermuteAttribute {
  Shape axes{};
};
struct SliceAttribute {
  int axis = 0;
  std::int64_t start = 0, stop = 0, step = 1;
};
struct DropoutAttribute {
  double probability = 0;
};

using Attributes =
    std::variant<std::monostate, Unary, Binary, ConvolutionOptions, BatchNormOptions, PoolOptions, CrossEntropyOptions,
                 AxisAttribute, SumAttribute, ShapeAttribute, PermuteAttribute, SliceAttribute, DropoutAttribute>;

struct Operation {
  Op op;
  Attributes attributes{};
};

}  // namespace joist
