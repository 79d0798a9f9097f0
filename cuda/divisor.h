// Division by a number that the host knows: a multiplication and a shift, where the GPU takes some twenty instructions.
#pragma once

#include <joist/core/random.h>

#include <bit>
#include <cstdint>

namespace joist::cuda {

/// Divides numbers below 2³¹ (Granlund & Montgomery 1994).
class Divisor {
 public:
  Divisor() = default;
  /// 1 … 2³¹ - 1
  explicit Divisor(std::int64_t divisor) : divisor_(static_cast<std::uint32_t>(divisor)) {
    shift_ = 32 - std::countl_zero(divisor_ - 1);
    const std::uint64_t power = std::uint64_t{1} << shift_;
    factor_ = static_cast<std::uint32_t>(((power - divisor_) << 32U) / divisor_ + 1);
  }
  JOIST_HOST_DEVICE std::uint32_t divide(std::uint32_t number) const {
    const auto high = static_cast<std::uint32_t>((static_cast<std::uint64_t>(number) * factor_) >> 32U);
    return (high + number) >> static_cast<std::uint32_t>(shift_);
  }
  JOIST_HOST_DEVICE std::uint32_t value() const { return divisor_; }

 private:
  std::uint32_t divisor_ = 1, factor_ = 1;
  int shift_ = 0;
};

}  // namespace joist::cuda
