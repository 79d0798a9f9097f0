// Numbers as files hold them, and reading them into an Array.
#pragma once

#include <joist/core/array.h>
#include <joist/core/formats/input.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

/// Element types of files. Those that Dtype lacks are widened when they are read: int16 and uint16 to int32, uint32 and
/// uint64 to int64.
enum class Element : std::uint8_t {
  float32,
  float64,
  float16,
  bfloat16,
  int64,
  int32,
  int8,
  uint8,
  boolean,
  int16,
  uint16,
  uint32,
  uint64
};

/// Bytes of one in a file.
std::size_t size_of(Element element) noexcept;
/// "float32", "uint16", …
std::string_view name_of(Element element) noexcept;
/// What it is read into.
Dtype dtype_for(Element element) noexcept;
/// The one that a Dtype is written as.
constexpr Element element_of(Dtype dtype) noexcept { return static_cast<Element>(dtype); }
static_assert(static_cast<int>(Element::boolean) == static_cast<int>(Dtype::boolean));

/// The shape of these lengths; nothing when there are more than eight axes. Throws DataError naming `where` and `name`
/// when the number of elements does not fit.
std::optional<Shape> checked_shape(const std::string& where, const std::string& name,
                                   const std::vector<std::uint64_t>& lengths);

/// A row-major array from the elements that lie at `offset`: one copy, from the file into the array. Throws DataError
/// beyond the end (before memory is taken) and for a uint64 above 2⁶³ - 1.
Array read_elements(const Input& input, std::uint64_t offset, Element element, const Shape& shape,
                    bool big_endian = false);

}  // namespace joist
