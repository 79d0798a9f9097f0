// Array: memory with a shape, strides, dtype, device and version. It knows no gradients. Copies share the memory.
#pragma once

#include <joist/core/dtype.h>
#include <joist/core/memory.h>
#include <joist/core/shape.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace joist {

/// Physical order of a new array. channels_last concerns [batch, channel, height, width]; other ranks are row-major.
enum class Order : std::uint8_t { row_major, channels_last };

class Array {
 public:
  /// No memory; defined() is false.
  Array() = default;

  /// Uninitialized memory. Throws EnvironmentError when there is too little.
  static Array empty(const Shape& shape, Dtype dtype = Dtype::float32, Device device = cpu,
                     Order order = Order::row_major);
  /// Uninitialized memory of another shape in the same dtype and device, and in the same physical order where the rank
  /// allows.
  static Array like(const Array& other, const Shape& shape);
  static Array like(const Array& other) { return like(other, other.shape()); }
  /// Row-major copy of host values. Throws ShapeError when the count does not fit.
  template <class T>
  static Array from(std::span<const T> values, const Shape& shape, Device device = cpu);
  template <class T>
  static Array from(const std::vector<T>& values, const Shape& shape, Device device = cpu) {
    return from(std::span<const T>(values), shape, device);
  }
  /// Memory that somebody else owns, row-major.
  static Array borrow(void* data, const Shape& shape, Dtype dtype, std::shared_ptr<const void> owner,
                      Device device = cpu);

  bool defined() const noexcept { return storage_ != nullptr; }
  const Shape& shape() const noexcept { return shape_; }
  std::int64_t shape(int axis) const { return shape_[axis]; }
  const Strides& strides() const noexcept { return strides_; }
  int rank() const noexcept { return shape_.rank(); }
  std::int64_t elements() const noexcept { return elements_; }
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(elements_) * size_of(dtype_); }
  Dtype dtype() const noexcept { return dtype_; }
  Device device() const noexcept { return storage_ ? storage_->device() : cpu; }

  /// First element. data<T>() throws DtypeError when T is not the element type.
  void* raw() const noexcept;
  template <class T>
  T* data() const {
    require_dtype(dtype_of<T>);
    return static_cast<T*>(raw());
  }
  /// Value of an array with one element, converted to double. Host only.
  double item() const;
  /// Row-major copy of the elements. Host only, throws DtypeError when T is not the element type.
  template <class T>
  std::vector<T> to_vector() const;

  std::uint64_t version() const noexcept { return storage_ ? storage_->version() : 0; }
  void bump_version() const noexcept { storage_->bump_version(); }
  /// Whether two arrays are views of one memory block.
  bool shares_memory_with(const Array& other) const noexcept { return storage_ && storage_ == other.storage_; }

  /// Elements lie without gaps in row-major order (axes of length 1 are ignored).
  bool is_row_major() const noexcept;
  /// Rank 4, elements lie without gaps as batch, height, width, channel (axes of length 1 are ignored).
  bool is_channels_last() const noexcept;
  /// Elements fill one gapless block in some order, so that elementwise work may ignore the shape.
  bool is_dense() const noexcept;
  /// The order that results computed from this array take: channels_last where the channels lie innermost.
  Order order() const noexcept;

  // Views. Each throws ShapeError when it does not fit; none copies.
  Array view(const Shape& shape) const;  ///< row-major arrays, or a dense one whose order the new shape keeps
  Array permuted(std::span<const int> axes) const;
  Array permuted(std::initializer_list<int> axes) const { return permuted(std::span(axes.begin(), axes.size())); }
  Array transposed() const;  ///< swaps the last two axes
  Array sliced(int axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1) const;
  Array selected(int axis, std::int64_t index) const;  ///< drops the axis
  Array expanded(const Shape& shape) const;            ///< broadcast, stride 0
  Array inserted(int axis) const;                      ///< new axis of length 1
  /// Any view of this array's memory; offset in elements from the first element. The caller answers for the bounds.
  Array strided(const Shape& shape, const Strides& strides, std::int64_t offset = 0) const;

  void require_dtype(Dtype dtype) const;

 private:
  std::shared_ptr<Storage> storage_{};
  std::int64_t offset_ = 0;  // elements
  std::int64_t elements_ = 0;
  Shape shape_{};
  Strides strides_{};
  Dtype dtype_ = Dtype::float32;
};

/// Calls visit(index) once per element in row-major order; for host code off the hot path.
template <class Visit>
void for_each_index(const Shape& shape, Visit&& visit) {
  Shape index = Shape::filled(shape.rank(), 0);
  const std::int64_t count = shape.elements();
  for (std::int64_t n = 0; n < count; ++n) {
    visit(static_cast<const Shape&>(index));
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/// Offset in elements of an index.
inline std::int64_t offset_of(const Shape& index, const Strides& strides) {
  std::int64_t offset = 0;
  for (int axis = 0; axis < index.rank(); ++axis) offset += index[axis] * strides[axis];
  return offset;
}

}  // namespace joist
