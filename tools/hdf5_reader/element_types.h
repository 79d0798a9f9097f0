// Dtype <-> HDF5's types.
#pragma once

#include <joist/core/dtype.h>
#include <joist/tools/hdf5_reader/handles.h>

#include <optional>

namespace joist::helper {

/// Bytes of one element; joist's own size_of lives in libjoist, which this program does without.
constexpr std::size_t bytes_of(Dtype dtype) noexcept {
  switch (dtype) {
    case Dtype::float64:
    case Dtype::int64: return 8;
    case Dtype::float32:
    case Dtype::int32: return 4;
    case Dtype::float16:
    case Dtype::bfloat16: return 2;
    default: return 1;
  }
}

/// The type that is written, and that values have in memory: little-endian.
Handle type_of(Dtype dtype);

/// The Dtype whose values a data set of `type` holds, in either byte order.
std::optional<Dtype> dtype_of(hid_t type);

/// "strings", "compound values", "16-bit integers", …: how a type without a Dtype is called.
std::string describe(hid_t type);

}  // namespace joist::helper
