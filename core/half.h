// 16-bit floating-point numbers: storage only, computed with as float. Conversions round to nearest even.
#pragma once

#include <joist/core/dtype.h>
#include <joist/core/random.h>

#include <bit>
#include <cstdint>

namespace joist {

/// IEEE binary16: 5 exponent bits, 10 of mantissa.
struct Float16 {
  std::uint16_t bits = 0;

  Float16() = default;
  JOIST_HOST_DEVICE explicit Float16(float x) : bits(from(x)) {}
  JOIST_HOST_DEVICE operator float() const {  // NOLINT: as implicit as float to double
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
    const std::uint32_t exponent = (bits >> 10) & 31U, mantissa = bits & 0x3FFU;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | mantissa << 13);
    if (exponent == 0) {
      const float value = static_cast<float>(mantissa) * 0x1p-24F;
      return sign != 0 ? -value : value;
    }
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  }

 private:
  JOIST_HOST_DEVICE static std::uint16_t from(float x) {
    const auto word = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t sign = (word >> 16) & 0x8000U, magnitude = word & 0x7FFFFFFFU;
    if (magnitude >= 0x7F800000U)  // infinity and NaN
      return static_cast<std::uint16_t>(sign | 0x7C00U |
                                        (magnitude > 0x7F800000U ? 0x200U | ((magnitude >> 13) & 0x3FFU) : 0U));
    if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // rounds beyond 65504
    if (magnitude < 0x38800000U) {                                                    // subnormal: the sum rounds
      const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
      return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
    }
    const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U);
    return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13));
  }
};

/// The upper half of a float: 8 exponent bits, 7 of mantissa.
struct BFloat16 {
  std::uint16_t bits = 0;

  BFloat16() = default;
  JOIST_HOST_DEVICE explicit BFloat16(float x) {
    const auto word = std::bit_cast<std::uint32_t>(x);
    if ((word & 0x7FFFFFFFU) > 0x7F800000U) {
      bits = static_cast<std::uint16_t>(word >> 16 | 0x40U);
    } else {
      bits = static_cast<std::uint16_t>((word + 0x7FFFU + ((word >> 16) & 1U)) >> 16);
    }
  }
  JOIST_HOST_DEVICE operator float() const {  // NOLINT: as above
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

template <>
struct dtype_trait<Float16> {
  static constexpr Dtype value = Dtype::float16;
};
template <>
struct dtype_trait<BFloat16> {
  static constexpr Dtype value = Dtype::bfloat16;
};

}  // namespace joist
