// The header of an .npy file: which elements, in which order, of which shape. Included by .cpp files only.
#pragma once

#include <joist/core/formats/elements.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace joist {

struct NpyHeader {
  std::optional<Element> element{};  ///< nothing: numbers that no Dtype can hold, see `descr`
  std::string descr{};               ///< NumPy's name of the type, "<f4"
  std::size_t element_bytes = 0;
  bool big_endian = false, fortran_order = false;
  std::vector<std::uint64_t> shape{};
  std::uint64_t data = 0;  ///< offset of the elements
};

/// Throws DataError for anything but the dictionary that NumPy writes, UnsupportedError for objects and records.
NpyHeader read_npy_header(const Input& input);

}  // namespace joist
