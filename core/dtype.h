// Element types of an Array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace joist {

enum class Dtype : std::uint8_t { float32, float64, float16, bfloat16, int64, int32, int8, uint8, boolean };

/// Bytes of one element.
std::size_t size_of(Dtype dtype) noexcept;

/// PyTorch's name without the prefix: "float32", "bool", …
std::string_view name_of(Dtype dtype) noexcept;

/// The inverse of name_of. Throws DataError for an unknown name.
Dtype dtype_named(std::string_view name);

/// float32, float64, float16 or bfloat16.
constexpr bool is_floating(Dtype dtype) noexcept { return dtype <= Dtype::bfloat16; }
/// float16 or bfloat16.
constexpr bool is_half(Dtype dtype) noexcept { return dtype == Dtype::float16 || dtype == Dtype::bfloat16; }

/// The type that two operands of different types are computed in, PyTorch's rule for tensors of equal standing: bool <
/// integer < floating; of two integers the wider one (int16 for uint8 with int8 becomes int32, as there is no int16),
/// of two floating types the wider one, float32 for float16 with bfloat16.
Dtype promoted(Dtype a, Dtype b) noexcept;

/// The C++ type <-> Dtype relation, for the types that C++ has.
template <class T>
struct dtype_trait;
template <>
struct dtype_trait<float> {
  static constexpr Dtype value = Dtype::float32;
};
template <>
struct dtype_trait<double> {
  static constexpr Dtype value = Dtype::float64;
};
template <>
struct dtype_trait<std::int64_t> {
  static constexpr Dtype value = Dtype::int64;
};
template <>
struct dtype_trait<std::int32_t> {
  static constexpr Dtype value = Dtype::int32;
};
template <>
struct dtype_trait<std::int8_t> {
  static constexpr Dtype value = Dtype::int8;
};
template <>
struct dtype_trait<std::uint8_t> {
  static constexpr Dtype value = Dtype::uint8;
};
template <>
struct dtype_trait<bool> {
  static constexpr Dtype value = Dtype::boolean;
};
template <class T>
inline constexpr Dtype dtype_of = dtype_trait<T>::value;

}  // namespace joist
