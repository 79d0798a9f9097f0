// Arrays as kernel bodies see them: element types are told apart when an element is read or written (the same branch
// for every thread, hidden behind the memory), so that a body is compiled once and serves all types.
#pragma once

#include <joist/core/array.h>
#include <joist/core/half.h>
#include <joist/core/kernels/kernel.h>
#include <joist/cuda/launch.h>

namespace joist::cuda {

/// The memory that an array's elements span.
inline Region region_of(const Array& array) {
  if (!array.defined()) return {};
  if (array.device().kind != Device::Kind::cuda)
    throw InternalError({.what = "a kernel of the GPU was given an array on " + array.device().text()});
  char* data = static_cast<char*>(array.raw());
  std::int64_t low = 0, high = 0;
  for (int axis = 0; axis < array.rank(); ++axis) {
    const std::int64_t reach = (array.shape(axis) - 1) * array.strides()[axis];
    (reach < 0 ? low : high) += reach;
  }
  const auto size = static_cast<std::int64_t>(size_of(array.dtype()));
  return {data, data + low * size, array.elements() == 0 ? data : data + (high + 1) * size};
}

/// Elements of any type, computed with as T.
class Elements {
 public:
  Elements() = default;
  explicit Elements(const Array& array) : memory_(region_of(array)), dtype_(array.dtype()) {}
  JOIST_HOST_DEVICE bool defined() const { return memory_.defined(); }

  template <class T = float>
  JOIST_DEVICE T get(std::int64_t i) const {
    switch (dtype_) {
      case Dtype::float32: return static_cast<T>(memory_.load<float>(i));
      case Dtype::float64: return static_cast<T>(memory_.load<double>(i));
      case Dtype::float16: return static_cast<T>(static_cast<float>(memory_.load<Float16>(i)));
      case Dtype::bfloat16: return static_cast<T>(static_cast<float>(memory_.load<BFloat16>(i)));
      case Dtype::int64: return static_cast<T>(memory_.load<std::int64_t>(i));
      case Dtype::int32: return static_cast<T>(memory_.load<std::int32_t>(i));
      case Dtype::int8: return static_cast<T>(memory_.load<std::int8_t>(i));
      case Dtype::uint8: return static_cast<T>(memory_.load<std::uint8_t>(i));
      case Dtype::boolean: return static_cast<T>(memory_.load<bool>(i));
    }
    return T(0);
  }
  template <class T>
  JOIST_DEVICE void set(std::int64_t i, T value) const {
    switch (dtype_) {
      case Dtype::float32: return memory_.store(i, static_cast<float>(value));
      case Dtype::float64: return memory_.store(i, static_cast<double>(value));
      case Dtype::float16: return memory_.store(i, Float16(static_cast<float>(value)));
      case Dtype::bfloat16: return memory_.store(i, BFloat16(static_cast<float>(value)));
      case Dtype::int64: return memory_.store(i, static_cast<std::int64_t>(value));
      case Dtype::int32: return memory_.store(i, static_cast<std::int32_t>(value));
      case Dtype::int8: return memory_.store(i, static_cast<std::int8_t>(value));
      case Dtype::uint8: return memory_.store(i, static_cast<std::uint8_t>(value));
      case Dtype::boolean: return memory_.store(i, static_cast<bool>(value));
    }
  }

 private:
  Region memory_{};
  Dtype dtype_ = Dtype::float32;
};

/// Floating elements, as float.
class Floats {
 public:
  Floats() = default;
  explicit Floats(const Array& array) : memory_(region_of(array)), dtype_(array.dtype()) {
    if (array.defined() && (!is_floating(dtype_) || dtype_ == Dtype::float64))
      throw DtypeError(
          {.what = "a kernel for float32, bfloat16 and float16 was given an array of " + std::string(name_of(dtype_))});
  }
  JOIST_HOST_DEVICE bool defined() const { return memory_.defined(); }

  JOIST_DEVICE float operator[](std::int64_t i) const {
    if (dtype_ == Dtype::float32) return memory_.load<float>(i);
    return dtype_ == Dtype::bfloat16 ? static_cast<float>(memory_.load<BFloat16>(i))
                                     : static_cast<float>(memory_.load<Float16>(i));
  }
  JOIST_DEVICE void set(std::int64_t i, float value) const {
    if (dtype_ == Dtype::float32) return memory_.store(i, value);
    if (dtype_ == Dtype::bfloat16) return memory_.store(i, BFloat16(value));
    memory_.store(i, Float16(value));
  }

 private:
  Region memory_{};
  Dtype dtype_ = Dtype::float32;
};

/// A vector of floating numbers; without an array the same number everywhere.
struct VectorOrNumber {
  Floats vector{};
  std::int64_t step = 0;
  float otherwise = 0;
  VectorOrNumber(const Array& array, float value)
      : vector(array), step(array.defined() ? array.strides()[0] : 0), otherwise(value) {}
  JOIST_DEVICE float operator[](std::int64_t i) const { return vector.defined() ? vector[i * step] : otherwise; }
  JOIST_DEVICE void set(std::int64_t i, float value) const { vector.set(i * step, value); }
};

/// Elements of one type.
template <class T>
class Typed {
 public:
  Typed() = default;
  explicit Typed(const Array& array) : memory_(region_of(array)) {
    if (array.defined() && array.dtype() != dtype_of<T>)
      throw DtypeError({.what = "a kernel for " + std::string(name_of(dtype_of<T>)) + " was given an array of " +
                                std::string(name_of(array.dtype()))});
  }
  JOIST_HOST_DEVICE bool defined() const { return memory_.defined(); }
  JOIST_DEVICE T operator[](std::int64_t i) const { return memory_.load<T>(i); }
  JOIST_DEVICE void set(std::int64_t i, T value) const { memory_.store(i, value); }

 private:
  Region memory_{};
};

/// Where a kernel writes floating elements, and whether it adds to what is there.
class Result {
 public:
  Result() = default;
  explicit Result(const Out& out) : elements_(out.array), accumulate_(out.accumulate) {}
  JOIST_HOST_DEVICE bool defined() const { return elements_.defined(); }
  JOIST_DEVICE void put(std::int64_t i, float value) const {
    elements_.set(i, accumulate_ ? elements_[i] + value : value);
  }

 private:
  Floats elements_{};
  bool accumulate_ = false;
};

}  // namespace joist::cuda
