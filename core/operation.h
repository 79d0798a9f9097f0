// The identity of an operation: what it is and its attributes. Listeners (export, profiler, …) read these.
#pragma once

#include <joist/core/dtype.h>
#include <joist/core/shape.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace joist {

#define JOIST_OPERATIONS(X)                                                                                           \
  X(unary)                                                                                                            \
  X(binary)                                                                                                           \
  X(compare)                                                                                                          \
  X(where) X(cast) X(copy) X(matmul) X(linear) X(convolution) X(convolution_transposed) X(batch_norm)                 \
      X(normalized_convolution) X(layer_norm) X(max_pool) X(average_pool) X(adaptive_average_pool)                    \
          X(adaptive_max_pool) X(max_unpool) X(sum) X(maximum_of_axis) X(product) X(norm) X(logsumexp)                \
              X(cumulative_sum) X(cumulative_product) X(log_cumulative_sum_exp) X(cumulative_extreme) X(sort)         \
                  X(reshape) X(permute) X(slice) X(concat) X(expand) X(view) X(pad) X(flip) X(roll) X(unfold) X(fold) \
                      X(take_rows) X(gather) X(scatter) X(index_put) X(softmax) X(log_softmax) X(sparsemax)           \
                          X(cross_entropy) X(distribution_focal) X(complete_iou) X(ctc_loss) X(dropout)               \
                              X(resize_nearest) X(resample) X(grid_sample) X(roi_align) X(recurrent) X(attention)     \
                                  X(cholesky) X(qr) X(svd) X(eigh) X(solve) X(triangular_solve) X(determinant)        \
                                      X(inverse) X(fft) X(checkpointed) X(hooks) X(custom)

/// One entry per recorded operation; its file in core/ops tells what it computes.
enum class Op : std::uint8_t {
#define JOIST_ENUMERATOR(name) name,
  JOIST_OPERATIONS(JOIST_ENUMERATOR)
#undef JOIST_ENUMERATOR
};
inline constexpr int op_count = static_cast<int>(Op::custom) + 1;
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
struct DtypeAttribute {
  Dtype dtype = Dtype::float32;
};

/// Attributes of any one plain type, kept inline: the options that the operation's kernel takes, or one of the above.
class Attributes {
 public:
  Attributes() = default;
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Attributes>)
      Attributes(const T& value)  // NOLINT: implicit, so that {Op::unary, function} can be written
      : type_(&tag<T>), bytes_(sizeof(T)) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(memory_) && alignof(T) <= 16);
    std::memcpy(memory_.data(), &value, sizeof(T));
  }
  Attributes(const Attributes& other) { *this = other; }
  Attributes& operator=(const Attributes& other) {
    type_ = other.type_;
    bytes_ = other.bytes_;
    std::memcpy(memory_.data(), other.memory_.data(), bytes_);
    return *this;
  }

  /// The attributes, or nullptr when they are of another type.
  template <class T>
  const T* as() const noexcept {
    return type_ == &tag<T> ? reinterpret_cast<const T*>(memory_.data()) : nullptr;
  }

 private:
  template <class T>
  static inline const char tag = 0;
  alignas(16) std::array<std::byte, 448> memory_;
  const void* type_ = nullptr;
  std::size_t bytes_ = 0;
};

struct Operation {
  Op op;
  Attributes attributes{};
};

}  // namespace joist
