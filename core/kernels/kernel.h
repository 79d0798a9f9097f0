// One entry of a kernel table, and where kernels write.
//
// Every kernel writes where it is told: an Out is an array of the right shape and whether to add to what is there. With
// accumulate false the old contents (which may be NaN) are never read. Arrays may have any strides unless said
// otherwise.
#pragma once

#include <joist/core/array.h>

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
  Function pointer() const noexcept { return function_; }
  /// Throws UnsupportedError when the backend has no such kernel.
  void operator()(Arguments... arguments) const {
    if (!function_) missing(name_);
    function_(arguments...);
  }

 private:
  [[noreturn]] static void missing(const char* name) {
    throw UnsupportedError({.where = name,
                            .what = "unsupported: this device has no kernel of that name for this element type",
                            .remedy = "float32 on --device cpu"});
  }
  const char* name_;
  Function function_ = nullptr;
};

/// The part of a backend's table that one op family uses: `kernels_of<ReductionKernels>(x.device(), x.dtype())`. So a
/// file sees the table of its own family only. Throws EnvironmentError when the backend is not loaded.
template <class Family>
const Family& kernels_of(Device device, Dtype dtype = Dtype::float32);
template <class Family>
const Family& kernels_of(const Array& x) {
  return kernels_of<Family>(x.device(), x.dtype());
}

}  // namespace joist
