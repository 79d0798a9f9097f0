// Parts of matrices as tiles: rows of bfloat16 numbers as they are, float32 numbers split into three.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of g++ 12's own vector functions (GCC bug 105593)
#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/split_tiles.h>

namespace joist::tiles {

#ifdef __x86_64__
namespace {

#define JOIST_REGISTERS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
using Tile = __m512i[16];

// Rows of 16 words become columns.
JOIST_REGISTERS inline void transpose(Tile& r) {
  Tile t;
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512i a = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88), b = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
    const __m512i c = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xDD), d = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xDD);
    t[j] = _mm512_shuffle_i32x4(a, b, 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(c, d, 0x88);
    t[8 + j] = _mm512_shuffle_i32x4(a, b, 0xDD);
    t[12 + j] = _mm512_shuffle_i32x4(c, d, 0xDD);
  }
  for (int i = 0; i < 16; ++i) r[i] = t[i];
}

// [line, k], from a matrix whose neighbours lie along k.
JOIST_REGISTERS inline void load_along_k(const Source<BFloat16>& s, Tile& r) {
  const auto mask = static_cast<__mmask32>(s.ks >= depth ? 0xFFFFFFFFU : (1U << s.ks) - 1U);
  for (std::int64_t i = 0; i < rows; ++i)
    r[i] = i < s.lines ? _mm512_maskz_loadu_epi16(mask, s.first + i * s.line) : _mm512_setzero_si512();
}

// [k / 2, line, k in 2], from a matrix whose neighbours lie along the lines.
JOIST_REGISTERS inline void load_along_lines(const Source<BFloat16>& s, Tile& r) {
  const auto mask = static_cast<__mmask16>((1U << s.lines) - 1U);
  const auto row = [&](std::int64_t k) __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))) {
    return _mm512_cvtepu16_epi32(k < s.ks ? _mm256_maskz_loadu_epi16(mask, s.first + k * s.k) : _mm256_setzero_si256());
  };
  for (std::int64_t i = 0; i < rows; ++i) r[i] = _mm512_or_si512(row(2 * i), _mm512_slli_epi32(row(2 * i + 1), 16));
}

JOIST_REGISTERS inline void store(const Tile& r, BFloat16* tile) {
  for (std::int64_t i = 0; i < rows; ++i) _mm512_storeu_si512(tile + i * depth, r[i]);
}

// The parts of 16 numbers, each in the upper half of its word. Rounding to the nearest leaves a rest of 16 bits, then
// of 8, which the last part holds exactly. Returns which numbers are infinite, NaN or nearly too large.
using Parts = __m512i[parts];
JOIST_REGISTERS inline __mmask16 split(__m512 x, Parts& words) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U)), half = _mm512_set1_epi32(0x8000);
  const __m512i bits = _mm512_castps_si512(x);
  words[0] = _mm512_and_si512(_mm512_add_epi32(bits, half), upper);
  __m512 rest = _mm512_sub_ps(x, _mm512_castsi512_ps(words[0]));
  constexpr int quiet = 0x01, infinities = 0x08 | 0x10, signalling = 0x80;
  const __mmask16 large = _mm512_fpclass_ps_mask(rest, quiet | infinities | signalling);
  if (large) [[unlikely]]  // the caller computes otherwise what it needs of them
    rest = _mm512_maskz_mov_ps(static_cast<__mmask16>(~large), rest);
  words[1] = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(rest), half), upper);
  words[2] = _mm512_castps_si512(_mm512_sub_ps(rest, _mm512_castsi512_ps(words[1])));
  return large;
}

// Upper halves of words: those of a and b side by side; or first all of a, then all of b.
JOIST_REGISTERS inline __m512i paired(__m512i a, __m512i b) {
  return _mm512_mask_blend_epi16(0xAAAAAAAAU, _mm512_srli_epi32(a, 16), b);
}
JOIST_REGISTERS inline __m512i joined(__m512i a, __m512i b) {
  const __m512i odd = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25,
                                       23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_permutex2var_epi16(a, odd, b);
}

using SplitTile = Tile[parts];

JOIST_REGISTERS inline bool load_along_k(const Source<float>& s, SplitTile& r) {
  unsigned large = 0;
  const auto all = s.ks >= depth ? 0xFFFFFFFFU : (1U << s.ks) - 1U;
  const auto left = static_cast<__mmask16>(all), right = static_cast<__mmask16>(all >> 16);
  for (std::int64_t i = 0; i < rows; ++i) {
    Parts a{}, b{};
    if (i < s.lines) {
      large |= split(_mm512_maskz_loadu_ps(left, s.first + i * s.line), a);
      large |= split(_mm512_maskz_loadu_ps(right, s.first + i * s.line + 16), b);
    }
    for (std::int64_t part = 0; part < parts; ++part) r[part][i] = joined(a[part], b[part]);
  }
  return large == 0;
}

JOIST_REGISTERS inline bool load_along_lines(const Source<float>& s, SplitTile& r) {
  unsigned large = 0;
  const auto mask = static_cast<__mmask16>((1U << s.lines) - 1U);
  for (std::int64_t i = 0; i < rows; ++i) {
    Parts a{}, b{};
    if (2 * i < s.ks) large |= split(_mm512_maskz_loadu_ps(mask, s.first + 2 * i * s.k), a);
    if (2 * i + 1 < s.ks) large |= split(_mm512_maskz_loadu_ps(mask, s.first + (2 * i + 1) * s.k), b);
    for (std::int64_t part = 0; part < parts; ++part) r[part][i] = paired(a[part], b[part]);
  }
  return large == 0;
}

JOIST_REGISTERS inline void finish(SplitTile& r, bool turn, BFloat16* tile) {
  for (std::int64_t part = 0; part < parts; ++part) {
    if (turn) transpose(r[part]);
    store(r[part], tile + part * pair);
  }
}

}  // namespace

bool exist() {
  static const bool all = onednn::has_bfloat16_tiles() && PackedMatrix::panel_columns() == panel_columns;
  return all;
}

JOIST_REGISTERS bool pack_rows(const Source<BFloat16>& source, BFloat16* tile) {
  Tile r;
  if (source.k == 1) {
    load_along_k(source, r);
  } else {
    load_along_lines(source, r);
    transpose(r);
  }
  store(r, tile);
  return true;
}

JOIST_REGISTERS bool pack_columns(const Source<BFloat16>& source, BFloat16* tile) {
  Tile r;
  if (source.line == 1) {
    load_along_lines(source, r);
  } else {
    load_along_k(source, r);
    transpose(r);
  }
  store(r, tile);
  return true;
}
JOIST_REGISTERS bool pack_rows(const Source<float>& source, BFloat16* tile) {
  SplitTile r;
  const bool finite = source.k == 1 ? load_along_k(source, r) : load_along_lines(source, r);
  finish(r, source.k != 1, tile);
  return finite;
}

JOIST_REGISTERS bool pack_columns(const Source<float>& source, BFloat16* tile) {
  SplitTile r;
  const bool finite = source.line == 1 ? load_along_lines(source, r) : load_along_k(source, r);
  finish(r, source.line != 1, tile);
  return finite;
}

JOIST_REGISTERS bool split_row(const float* x, std::int64_t count, BFloat16* to, std::int64_t apart) {
  unsigned large = 0;
  for (std::int64_t i = 0; i < count; i += depth) {
    const auto all = count - i >= depth ? 0xFFFFFFFFU : (1U << (count - i)) - 1U;
    Parts a{}, b{};
    large |= split(_mm512_maskz_loadu_ps(static_cast<__mmask16>(all), x + i), a);
    large |= split(_mm512_maskz_loadu_ps(static_cast<__mmask16>(all >> 16), x + i + 16), b);
    for (std::int64_t part = 0; part < parts; ++part)
      _mm512_mask_storeu_epi16(to + part * apart + i, all, joined(a[part], b[part]));
  }
  return large == 0;
}
#undef JOIST_REGISTERS
#else
bool exist() { return false; }
bool pack_rows(const Source<BFloat16>&, BFloat16*) { return true; }
bool pack_rows(const Source<float>&, BFloat16*) { return true; }
bool pack_columns(const Source<BFloat16>&, BFloat16*) { return true; }
bool pack_columns(const Source<float>&, BFloat16*) { return true; }
bool split_row(const float*, std::int64_t, BFloat16*, std::int64_t) { return true; }
#endif

}  // namespace joist::tiles
