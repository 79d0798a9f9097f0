// HDF5's identifiers with owners, and its errors as Failures. The older API names let one source serve HDF5 1.10
// to 1.14.
#pragma once

#define H5_USE_110_API
#include <joist/tools/hdf5_reader/channel.h>

#include <string>
#include <utility>

#include <hdf5.h>

namespace joist::helper {

/// "what: HDF5's own innermost reason". HDF5 prints nothing by itself.
[[noreturn]] void fail(const std::string& what);

/// The result of an HDF5 call. Throws Failure when it is negative.
template <class Result>
Result checked(Result result, const std::string& what) {
  if (result < 0) fail(what);
  return result;
}

/// A path at which no file can be: HDF5's driver for files in memory looks for one of that name all the same.
constexpr const char* nowhere = "/dev/null/archive.h5";

/// Any identifier, released at the end of the scope.
class Handle {
 public:
  Handle(hid_t id, const std::string& what) : id_(checked(id, what)) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) H5Idec_ref(id_);
  }
  operator hid_t() const noexcept { return id_; }

 private:
  hid_t id_;
};

}  // namespace joist::helper
