// Sixteen bytes of an array at a time: as many neighbouring elements as they hold, in one instruction.
#pragma once

#include <joist/cuda/elements.h>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
/// Before a loop over numbers in registers that nvcc would leave a loop, with the numbers in memory.
#define JOIST_UNROLL _Pragma("unroll")
#else
#define JOIST_UNROLL
#endif

namespace joist::cuda {

/// Sixteen bytes.
struct alignas(16) Quad {
  std::uint32_t word[4];
};

/// Element k of them, as float.
template <class T>
JOIST_DEVICE float element(const Quad& quad, int k) {
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(quad.word[k]);
  } else {
    const std::uint32_t word = quad.word[k / 2];
    if constexpr (std::is_same_v<T, BFloat16>)
      return std::bit_cast<float>(k % 2 == 0 ? word << 16 : word & 0xFFFF0000U);
    const auto bits = static_cast<std::uint16_t>(k % 2 == 0 ? word : word >> 16);
#ifdef __CUDACC__
    return __half2float(__ushort_as_half(bits));
#else
    return static_cast<float>(std::bit_cast<T>(bits));
#endif
  }
}

/// Sixteen bytes of floats, rounded to nearest even.
template <class T>
JOIST_DEVICE Quad quad_of(const float (&values)[16 / sizeof(T)]) {
  Quad quad;
  for (int k = 0; k < 4; ++k) {
    if constexpr (std::is_same_v<T, float>) {
      quad.word[k] = std::bit_cast<std::uint32_t>(values[k]);
    } else {
#ifdef __CUDACC__
      if constexpr (std::is_same_v<T, BFloat16>) {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(values[2 * k], values[2 * k + 1]);
        memcpy(&quad.word[k], &pair, sizeof pair);
      } else {
        const __half2 pair = __floats2half2_rn(values[2 * k], values[2 * k + 1]);
        memcpy(&quad.word[k], &pair, sizeof pair);
      }
#else
      quad.word[k] = T(values[2 * k]).bits | static_cast<std::uint32_t>(T(values[2 * k + 1]).bits) << 16;
#endif
    }
  }
  return quad;
}

/// The memory of an array as quads of T.
template <class T>
class Vectors {
 public:
  static constexpr int width = 16 / sizeof(T);  ///< elements of a quad
  Vectors() = default;
  explicit Vectors(const Array& array) : memory_(region_of(array)) {
    if (array.defined() && array.dtype() != dtype_of<T>)
      throw DtypeError({.what = "a kernel for " + std::string(name_of(dtype_of<T>)) + " was given an array of " +
                                std::string(name_of(array.dtype()))});
  }
  JOIST_HOST_DEVICE bool defined() const { return memory_.defined(); }
  JOIST_DEVICE Quad operator[](std::uint32_t i) const { return memory_.load<Quad>(i); }
  JOIST_DEVICE void set(std::uint32_t i, const Quad& quad) const { memory_.store(i, quad); }

 private:
  Region memory_{};
};

/// Whether the first element lies where a quad may begin.
inline bool begins_quad(const Array& array) { return reinterpret_cast<std::uintptr_t>(array.raw()) % 16 == 0; }

/// Calls work(T{}) with the type of floating elements.
template <class Work>
void with_floating_type(Dtype dtype, Work&& work) {
  if (dtype == Dtype::bfloat16) return work(BFloat16{});
  if (dtype == Dtype::float16) return work(Float16{});
  work(float{});
}

}  // namespace joist::cuda
