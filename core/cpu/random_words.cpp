#include <joist/core/cpu/random.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/random_words.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

using WordTag = hn::RebindToUnsigned<FloatTag>;
using Words = hn::Vec<WordTag>;

// High and low halves of x * factor.
HWY_INLINE void multiply(Words x, Words factor, Words& high, Words& low) {
  const WordTag d;
  const auto even = hn::BitCast(d, hn::MulEven(x, factor));
  const auto odd = hn::BitCast(d, hn::MulEven(hn::DupOdd(x), factor));
  low = hn::OddEven(hn::DupEven(odd), even);
  high = hn::OddEven(odd, hn::DupOdd(even));
}

void words_for(const RandomKey& key, std::uint32_t first, std::int64_t blocks, std::uint32_t* words) {
  const WordTag d;
  std::int64_t i = 0;
  const auto high_key =
      static_cast<std::uint32_t>(key.seed >> 32) ^ (static_cast<std::uint32_t>(key.stream) * 0x85EBCA6BU);
  for (; i + lanes() <= blocks; i += lanes()) {
    Words a = hn::Iota(d, first + static_cast<std::uint32_t>(i)), b = hn::Set(d, key.step);
    Words c = hn::Set(d, key.draw), e = hn::Set(d, key.call);
    Words k0 = hn::Set(d, static_cast<std::uint32_t>(key.seed)), k1 = hn::Set(d, high_key);
    for (int round = 0; round < 10; ++round) {
      Words a_high, a_low, c_high, c_low;
      multiply(a, hn::Set(d, 0xD2511F53U), a_high, a_low);
      multiply(c, hn::Set(d, 0xCD9E8D57U), c_high, c_low);
      a = hn::Xor(hn::Xor(c_high, b), k0);
      b = c_low;
      c = hn::Xor(hn::Xor(a_high, e), k1);
      e = a_low;
      k0 = hn::Add(k0, hn::Set(d, 0x9E3779B9U));
      k1 = hn::Add(k1, hn::Set(d, 0xBB67AE85U));
    }
    hn::StoreInterleaved4(a, b, c, e, d, words + 4 * i);
  }
  for (; i < blocks; ++i) {
    const auto block = random_bits(key, first + static_cast<std::uint32_t>(i));
    for (std::size_t k = 0; k < 4; ++k) words[static_cast<std::size_t>(4 * i) + k] = block[k];
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(words_for);
}  // namespace

void random_words(const RandomKey& key, std::uint32_t first, std::int64_t blocks, std::uint32_t* words) {
  HWY_DYNAMIC_DISPATCH(words_for)(key, first, blocks, words);
}

}  // namespace joist
#endif
