// Numbers in the emulated GPU's memory, for the recording fakes of libraries that compute.
#pragma once

#include <joist/core/dtype.h>
#include <joist/core/half.h>
#include <joist/cuda/emulator/streams.h>

#include <cstdint>
#include <cstring>

namespace joist::cuda::emulator {

/// Of float32, bfloat16 and float16 memory; where streams run late, the access is watched.
inline double load_number(Dtype dtype, const char* place) {
  if (running_late()) touch(place, false);
  const auto load = [&]<class T>(T value) {
    std::memcpy(&value, place, sizeof value);
    return static_cast<double>(static_cast<float>(value));
  };
  switch (dtype) {
    case Dtype::bfloat16: return load(BFloat16{});
    case Dtype::float16: return load(Float16{});
    default: return load(0.0F);
  }
}
inline void store_number(Dtype dtype, char* place, double number) {
  if (running_late()) touch(place, true);
  const auto store = [&](auto value) { std::memcpy(place, &value, sizeof value); };
  const auto single = static_cast<float>(number);
  switch (dtype) {
    case Dtype::bfloat16: return store(BFloat16(single));
    case Dtype::float16: return store(Float16(single));
    default: return store(single);
  }
}

inline double rounded_to_tf32(double number) {
  auto value = static_cast<float>(number);
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0xFFFU + ((bits >> 13U) & 1U)) & ~0x1FFFU;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

}  // namespace joist::cuda::emulator
