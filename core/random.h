// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
// A number depends only on its key and counter: the same bits on every device, for any number of threads and ranks.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define JOIST_HOST_DEVICE __host__ __device__
#else
#define JOIST_HOST_DEVICE
#endif

namespace joist {

/// What a random number is for; each use has numbers of its own, so that adding one shifts no other.
enum class Stream : std::uint32_t { init = 1, dropout, shuffle, augment, noise, test };

/// The key and the coarse counter of a block of random numbers. `step` and `draw` name the training step and the sample
/// (or micro-shard), `call` the use within it.
struct RandomKey {
  std::uint64_t seed = 0;
  Stream stream = Stream::init;
  std::uint32_t step = 0;
  std::uint32_t draw = 0;
  std::uint32_t call = 0;
};

/// Ten Philox rounds.
JOIST_HOST_DEVICE inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                             std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0], b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  return counter;
}

/// Four 32-bit numbers for the element block `block` of a key. The stream, draw and call are mixed into one counter
/// word each; the block takes the first.
JOIST_HOST_DEVICE inline std::array<std::uint32_t, 4> random_bits(const RandomKey& key, std::uint32_t block) {
  const auto high = static_cast<std::uint32_t>(key.seed >> 32) ^ (static_cast<std::uint32_t>(key.stream) * 0x85EBCA6BU);
  return philox({block, key.step, key.draw, key.call}, {static_cast<std::uint32_t>(key.seed), high});
}

/// A float in [0, 1) from 24 bits.
JOIST_HOST_DEVICE inline float uniform_from(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24F; }

/// Two standard normals from two words (Box-Muller).
JOIST_HOST_DEVICE inline std::array<float, 2> normal_from(std::uint32_t a, std::uint32_t b) {
  const double radius = std::sqrt(-2.0 * std::log((static_cast<double>(a) + 1.0) * 0x1p-32));
  const double angle = 6.283185307179586 * static_cast<double>(b) * 0x1p-32;
  return {static_cast<float>(radius * std::cos(angle)), static_cast<float>(radius * std::sin(angle))};
}

/// Random numbers one after the other for host code: augmentation, shuffling, initialization.
class Random {
 public:
  explicit Random(RandomKey key) : key_(key) {}

  std::uint32_t bits() {
    if (next_ == 4) {
      words_ = random_bits(key_, block_++);
      next_ = 0;
    }
    return words_[static_cast<std::size_t>(next_++)];
  }
  /// [0, 1).
  float uniform() { return uniform_from(bits()); }
  /// [low, high).
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /// 0 … count-1, count > 0.
  std::uint64_t below(std::uint64_t count) {
    const std::uint64_t high = bits();
    return (high << 32 | bits()) % count;  // bias below 2^-32 for any count that fits memory
  }
  float normal() {
    const std::uint32_t a = bits();
    return normal_from(a, bits())[0];
  }
  bool chance(float probability) { return uniform() < probability; }

 private:
  RandomKey key_;
  std::array<std::uint32_t, 4> words_{};
  std::uint32_t block_ = 0;
  int next_ = 4;
};

}  // namespace joist
