// What kernel bodies see of the machine when nvcc compiles them; emulator/block.h is the same for g++.
#pragma once

#include <joist/cuda/pack.h>

#include <bit>
#include <cstdint>
#include <type_traits>

#define JOIST_DEVICE __device__

namespace joist::cuda {

template <class T>
using Shared = T*;

/// The memory of one array.
class Region {
 public:
  Region() = default;
  __host__ Region(void* data, const void*, const void*) : data_(static_cast<char*>(data)) {}
  __host__ __device__ bool defined() const { return data_ != nullptr; }
  template <class T>
  __device__ T load(std::int64_t i) const {
    return reinterpret_cast<const T*>(data_)[i];
  }
  template <class T>
  __device__ void store(std::int64_t i, T value) const {
    reinterpret_cast<T*>(data_)[i] = value;
  }
  /// n elements from the i-th on, which lie at a multiple of their bytes, or of 16 if they have more.
  template <class T, int n>
  __device__ Pack<T, n> load_pack(std::int64_t i) const {
    const auto* from = reinterpret_cast<const Word<sizeof(T) * n>*>(data_ + i * static_cast<std::int64_t>(sizeof(T)));
    Words<sizeof(T) * n> words;
    JOIST_UNROLL for (int k = 0; k < words.count; ++k) words.at[k] = from[k];
    return std::bit_cast<Pack<T, n>>(words);
  }
  template <class T, int n>
  __device__ void store_pack(std::int64_t i, const Pack<T, n>& pack) const {
    auto* to = reinterpret_cast<Word<sizeof(T) * n>*>(data_ + i * static_cast<std::int64_t>(sizeof(T)));
    const auto words = std::bit_cast<Words<sizeof(T) * n>>(pack);
    JOIST_UNROLL for (int k = 0; k < words.count; ++k) to[k] = words.at[k];
  }
  /// Adds in one step that no other thread can come between; the order of several is not defined.
  template <class T>
  __device__ void atomic_add(std::int64_t i, T value) const {
    atomicAdd(reinterpret_cast<T*>(data_) + i, value);
  }

 private:
  template <std::size_t bytes>
  using Word = std::conditional_t<bytes % 16 == 0, uint4, std::conditional_t<bytes % 8 == 0, uint2, unsigned>>;
  template <std::size_t bytes>
  struct Words {
    static constexpr int count = bytes / sizeof(Word<bytes>);
    Word<bytes> at[count];
  };
  char* data_ = nullptr;
};

/// A block of threads, as one of them sees it.
class Block {
 public:
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int threads() const { return static_cast<int>(blockDim.x); }
  __device__ std::int64_t index() const { return blockIdx.x; }
  __device__ std::int64_t count() const { return gridDim.x; }
  __device__ int lane() const { return thread() % 32; }
  __device__ int warp() const { return thread() / 32; }
  __device__ int warps() const { return threads() / 32; }
  /// Waits for all threads of the block; what they wrote before, all see afterwards.
  __device__ void sync() const { __syncthreads(); }
  template <class T>
  __device__ T* shared(std::int64_t count) {
    extern __shared__ __align__(16) char all[];
    T* part = reinterpret_cast<T*>(all + taken_);
    taken_ += static_cast<int>((count * sizeof(T) + 15) / 16 * 16);
    return part;
  }
  /// What the lane at this lane's number xor `mask` gave. All lanes of a warp call it.
  template <class T>
  __device__ T shuffle_xor(T value, int mask) const {
    return exchanged(value, [=](auto word) { return __shfl_xor_sync(0xFFFFFFFFU, word, mask); });
  }
  /// What the lane `distance` below gave; below lane 0 the own value.
  template <class T>
  __device__ T shuffle_up(T value, int distance) const {
    return exchanged(value, [=](auto word) { return __shfl_up_sync(0xFFFFFFFFU, word, distance); });
  }
  template <class T>
  __device__ T shuffle(T value, int from) const {
    return exchanged(value, [=](auto word) { return __shfl_sync(0xFFFFFFFFU, word, from); });
  }

 private:
  // Structs travel as words.
  template <class T, class F>
  __device__ static T exchanged(T value, const F& exchange) {
    if constexpr (std::is_arithmetic_v<T>) {
      return exchange(value);
    } else if constexpr (sizeof(T) == 8) {
      return std::bit_cast<T>(exchange(std::bit_cast<unsigned long long>(value)));
    } else {
      static_assert(sizeof(T) == 4);
      return std::bit_cast<T>(exchange(std::bit_cast<unsigned>(value)));
    }
  }
  int taken_ = 0;
};

}  // namespace joist::cuda
