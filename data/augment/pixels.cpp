#include <joist/core/cpu/simd.h>
#include <joist/core/instruction_set.h>
#include <joist/data/augment/pixels.h>

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/data/augment/pixels.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist::pixels {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Integers = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;  // as many as there are floats
using Words = hn::ScalableTag<std::uint32_t>;
using Halves = hn::Repartition<std::uint16_t, Words>;
using Sixteen = hn::FixedTag<std::uint8_t, 16>;
using Vector = hn::Vec<Floats>;

constexpr std::size_t sixteen = 16;

HWY_INLINE Vector floats_of(const std::uint8_t* from) {
  return hn::ConvertTo(Floats(), hn::PromoteTo(Integers(), hn::LoadU(Bytes(), from)));
}

// value / 255 as a division rounds it. The product with 1 / 255 is a unit in the last place off at most, which what is
// left of the value, where it is computed without rounding, puts right.
HWY_INLINE Vector share_of_255(Vector value) {
  const Floats d;
  const auto most = hn::Set(d, 255.0F);
#if HWY_NATIVE_FMA
  const auto inverse = hn::Set(d, 1.0F / 255.0F);
  const Vector about = hn::Mul(value, inverse);
  return hn::MulAdd(hn::NegMulAdd(about, most, value), inverse, about);
#else
  return hn::Div(value, most);
#endif
}

void to_floats_loop(const std::uint8_t* from, float* to, std::size_t count) {
  const Floats d;
  const std::size_t step = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + step <= count; i += step) hn::StoreU(share_of_255(floats_of(from + i)), d, to + i);
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0F;
}

// The part of colour n (red 5, green 3, blue 1) that is missing at a hue: 0 where it is the largest, 1 where the least.
HWY_INLINE Vector missing(float n, Vector hue) {
  const Floats d;
  const auto six = hn::Set(d, 6.0F);
  Vector k = hn::Add(hue, hn::Set(d, n));
  k = hn::IfThenElse(hn::Ge(k, six), hn::Sub(k, six), k);
  const Vector least = hn::Min(hn::Min(k, hn::Sub(hn::Set(d, 4.0F), k)), hn::Set(d, 1.0F));
  return hn::Max(least, hn::Zero(d));
}

HWY_INLINE void store_bytes(Vector x, std::uint8_t* to) {
  const Floats d;
  const auto whole = hn::ConvertTo(Integers(), hn::Add(x, hn::Set(d, 0.5F)));  // rounds: x is not negative
  hn::StoreU(hn::DemoteTo(Bytes(), whole), Bytes(), to);
}

// Each colour has a row of 64 bytes.
struct Planes {
  HWY_ALIGN std::uint8_t red[64], green[64], blue[64];
};

HWY_INLINE void shift_planes(Planes& p, float turn_, float saturation_, float value_) {
  const Floats d;
  const auto zero = hn::Zero(d), one = hn::Set(d, 1.0F), two = hn::Set(d, 2.0F), four = hn::Set(d, 4.0F);
  const auto six = hn::Set(d, 6.0F), turn = hn::Set(d, turn_), most = hn::Set(d, 255.0F);
  for (std::size_t i = 0; i < 64; i += hn::Lanes(d)) {
    const Vector red = floats_of(p.red + i), green = floats_of(p.green + i), blue = floats_of(p.blue + i);
    const Vector high = hn::Max(hn::Max(red, green), blue);
    const Vector chroma = hn::Sub(high, hn::Min(hn::Min(red, green), blue));
    // Hue in sixths of the circle, red at 0; any value will do where there is no colour.
    const Vector unit = hn::Div(one, hn::Max(chroma, one));
    Vector hue = hn::IfThenElse(hn::Eq(green, high), hn::Add(two, hn::Mul(hn::Sub(blue, red), unit)),
                                hn::Add(four, hn::Mul(hn::Sub(red, green), unit)));
    hue = hn::IfThenElse(hn::Eq(red, high), hn::Mul(hn::Sub(green, blue), unit), hue);
    hue = hn::Add(hue, turn);
    hue = hn::IfThenElse(hn::Lt(hue, zero), hn::Add(hue, six), hue);
    hue = hn::IfThenElse(hn::Ge(hue, six), hn::Sub(hue, six), hue);
    const Vector share = hn::Div(hn::Mul(hn::Set(d, saturation_), chroma), hn::Max(high, one));
    const Vector value = hn::Min(hn::Mul(hn::Set(d, value_), high), most);
    const Vector width = hn::Mul(value, hn::Min(share, one));
    store_bytes(hn::Sub(value, hn::Mul(width, missing(5, hue))), p.red + i);
    store_bytes(hn::Sub(value, hn::Mul(width, missing(3, hue))), p.green + i);
    store_bytes(hn::Sub(value, hn::Mul(width, missing(1, hue))), p.blue + i);
  }
}

void shift_colour_loop(std::uint8_t* pixels, std::size_t count, float turn, float saturation, float value) {
  const Sixteen d;
  Planes planes;
  const auto shift_block = [&](std::uint8_t* block) HWY_ATTR {
    for (std::size_t i = 0; i < 64; i += sixteen) {
      hn::Vec<Sixteen> red, green, blue;
      hn::LoadInterleaved3(d, block + 3 * i, red, green, blue);
      hn::Store(red, d, planes.red + i);
      hn::Store(green, d, planes.green + i);
      hn::Store(blue, d, planes.blue + i);
    }
    shift_planes(planes, turn, saturation, value);
    for (std::size_t i = 0; i < 64; i += sixteen) {
      hn::StoreInterleaved3(hn::Load(d, planes.red + i), hn::Load(d, planes.green + i), hn::Load(d, planes.blue + i), d,
                            block + 3 * i);
    }
  };
  std::size_t i = 0;
  for (; i + 64 <= count; i += 64) shift_block(pixels + 3 * i);
  if (i == count) return;
  std::uint8_t last[64 * 3] = {};
  std::memcpy(last, pixels + 3 * i, (count - i) * 3);
  shift_block(last);
  std::memcpy(pixels + 3 * i, last, (count - i) * 3);
}

void mirror_row_loop(std::uint8_t* row, std::size_t count) {
  const Sixteen d;
  HWY_ALIGN static constexpr std::uint8_t backwards[16] = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  const auto order = hn::Load(d, backwards);
  if (count < 2) return;
  std::uint8_t *left = row, *right = row + 3 * count;
  for (; right - left >= 96; left += 48) {
    right -= 48;
    hn::Vec<Sixteen> a, b, c, e, f, g;
    hn::LoadInterleaved3(d, left, a, b, c);
    hn::LoadInterleaved3(d, right, e, f, g);
    hn::StoreInterleaved3(hn::TableLookupBytes(a, order), hn::TableLookupBytes(b, order),
                          hn::TableLookupBytes(c, order), d, right);
    hn::StoreInterleaved3(hn::TableLookupBytes(e, order), hn::TableLookupBytes(f, order),
                          hn::TableLookupBytes(g, order), d, left);
  }
  for (right -= 3; left < right; left += 3, right -= 3) std::swap_ranges(left, left + 3, right);
}

using WordVector = hn::Vec<Words>;

// Bytes of a and b mixed, each pair by the 16-bit shares that stand at its place; rounded.
HWY_INLINE WordVector mixed(WordVector a, WordVector b, WordVector share) {
  const Words d;
  const Halves h;
  const auto even = hn::Set(d, 0x00FF00FFU);
  const auto rest = hn::BitCast(h, hn::Sub(hn::Set(d, 0x01000100U), share)), part = hn::BitCast(h, share);
  const auto half = hn::Set(h, std::uint16_t{128});
  const auto mix = [&](WordVector x, WordVector y) HWY_ATTR {
    return hn::Add(hn::Add(hn::Mul(hn::BitCast(h, x), rest), hn::Mul(hn::BitCast(h, y), part)), half);
  };
  const auto lower = hn::ShiftRight<8>(mix(hn::And(a, even), hn::And(b, even)));
  const auto upper = mix(hn::And(hn::ShiftRight<8>(a), even), hn::And(hn::ShiftRight<8>(b), even));
  return hn::Or(hn::BitCast(d, lower), hn::AndNot(even, hn::BitCast(d, upper)));
}

void blend_columns_loop(const std::uint8_t* row, const std::int32_t* offset, const std::uint32_t* share,
                        std::size_t count, std::uint32_t* to) {
  const Words d;
  const hn::RebindToSigned<Words> di;
  const auto* base = reinterpret_cast<const std::uint32_t*>(row);  // only ever read at byte offsets
  const auto three = hn::Set(di, 3);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const auto at = hn::LoadU(di, offset + i);
    const auto a = hn::GatherOffset(d, base, at), b = hn::GatherOffset(d, base, hn::Add(at, three));
    hn::StoreU(mixed(a, b, hn::LoadU(d, share + i)), d, to + i);
  }
  for (; i < count; ++i) {
    const std::uint32_t part = share[i] & 0xFFFF;
    std::uint32_t pixel = 0;
    for (int c = 0; c < 3; ++c) {
      const std::uint32_t a = row[offset[i] + c], b = row[offset[i] + 3 + c];
      pixel |= (a * (256 - part) + b * part + 128) >> 8 << (8 * c);
    }
    to[i] = pixel;
  }
}

void blend_rows_loop(const std::uint32_t* upper, const std::uint32_t* lower, std::uint32_t share, std::size_t count,
                     std::uint8_t* to) {
  const Words d;
  const Sixteen bytes;
  const auto part = hn::Set(d, share | share << 16);
  HWY_ALIGN static constexpr std::uint8_t packing[16] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15};
  const auto pack = hn::Load(bytes, packing);
  HWY_ALIGN std::uint8_t line[hn::MaxLanes(hn::ScalableTag<std::uint8_t>())];
  const std::size_t step = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + step <= count; i += step) {
    hn::Store(
        hn::BitCast(hn::ScalableTag<std::uint8_t>(), mixed(hn::LoadU(d, upper + i), hn::LoadU(d, lower + i), part)),
        hn::ScalableTag<std::uint8_t>(), line);
    for (std::size_t k = 0; k < step; k += 4) {
      HWY_ALIGN std::uint8_t four[16];
      hn::Store(hn::TableLookupBytes(hn::Load(bytes, line + 4 * k), pack), bytes, four);
      std::memcpy(to + 3 * (i + k), four, 12);
    }
  }
  for (; i < count; ++i) {
    for (int c = 0; c < 3; ++c) {
      const std::uint32_t a = upper[i] >> (8 * c) & 255, b = lower[i] >> (8 * c) & 255;
      to[3 * i + static_cast<std::size_t>(c)] = static_cast<std::uint8_t>((a * (256 - share) + b * share + 128) >> 8);
    }
  }
}

// Four pixels are 12 of 16 bytes. A lane is a colour of two of them, its 16-bit halves, and a product of pairs is what
// both weigh: the first two pixels' go to one sum, the others' to another.
void average_columns_loop(const std::uint8_t* row, const std::int32_t* first, const std::int16_t* weight, int quads,
                          std::size_t count, std::uint8_t* to) {
  const hn::FixedTag<std::int16_t, 8> halves;
  const hn::FixedTag<std::int32_t, 4> d;
  const hn::Rebind<std::uint8_t, decltype(d)> bytes;
  constexpr std::uint8_t none = 0x80;  // looks up 0
  HWY_ALIGN static constexpr std::uint8_t front[] = {0, none, 3, none, 1,    none, 4,    none,
                                                     2, none, 5, none, none, none, none, none};
  HWY_ALIGN static constexpr std::uint8_t back[] = {6, none, 9,  none, 7,    none, 10,   none,
                                                    8, none, 11, none, none, none, none, none};
  const auto first_two = hn::Load(Sixteen(), front), last_two = hn::Load(Sixteen(), back);
  const auto half = hn::Set(d, 1 << (weight_bits - 1));
  const auto pair = [&](const std::int16_t* two) {
    std::int32_t both;
    std::memcpy(&both, two, sizeof both);
    return hn::BitCast(halves, hn::Set(d, both));
  };
  for (std::size_t i = 0; i < count; ++i, to += 3) {
    const std::uint8_t* in = row + std::ptrdiff_t{3} * first[i];
    auto sum = half, other = hn::Zero(d), unused = hn::Zero(d);  // a pair stays in its lane
    for (int k = 0; k < quads; ++k, in += 12, weight += 4) {
      const auto four = hn::LoadU(Sixteen(), in);
      const auto a = hn::BitCast(halves, hn::TableLookupBytesOr0(four, first_two));
      const auto b = hn::BitCast(halves, hn::TableLookupBytesOr0(four, last_two));
      sum = hn::ReorderWidenMulAccumulate(d, a, pair(weight), sum, unused);
      other = hn::ReorderWidenMulAccumulate(d, b, pair(weight + 2), other, unused);
    }
    const auto pixel = hn::DemoteTo(bytes, hn::ShiftRight<weight_bits>(hn::Add(sum, other)));
    if (i + 1 < count) {
      hn::StoreU(pixel, bytes, to);  // the fourth byte belongs to the next pixel, which follows
    } else {
      HWY_ALIGN std::uint8_t last[4];
      hn::Store(pixel, bytes, last);
      std::memcpy(to, last, 3);
    }
  }
}

void average_rows_loop(const std::uint8_t* first, std::size_t stride, const std::int32_t* weight, int taps,
                       std::size_t count, std::uint8_t* to) {
  const Integers d;
  const Bytes bytes;
  const std::size_t step = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + step <= count; i += step) {
    auto sum = hn::Set(d, 1 << (weight_bits - 1));
    const std::uint8_t* in = first + i;
    for (int k = 0; k < taps; ++k, in += stride)
      sum = hn::Add(sum, hn::Mul(hn::Set(d, weight[k]), hn::PromoteTo(d, hn::LoadU(bytes, in))));
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<weight_bits>(sum)), bytes, to + i);
  }
  for (; i < count; ++i) {
    std::int32_t sum = 1 << (weight_bits - 1);
    for (int k = 0; k < taps; ++k) sum += weight[k] * first[static_cast<std::size_t>(k) * stride + i];
    to[i] = static_cast<std::uint8_t>(sum >> weight_bits);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist::pixels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist::pixels {
namespace {
HWY_EXPORT(to_floats_loop);
HWY_EXPORT(shift_colour_loop);
HWY_EXPORT(mirror_row_loop);
HWY_EXPORT(blend_columns_loop);
HWY_EXPORT(blend_rows_loop);
HWY_EXPORT(average_columns_loop);
HWY_EXPORT(average_rows_loop);

// The variable that limits the instruction set is read before the first choice.
void choose() { [[maybe_unused]] static const char* const set = instruction_set(); }
}  // namespace

void to_floats(const std::uint8_t* from, float* to, std::size_t count) {
  choose();
  HWY_DYNAMIC_DISPATCH(to_floats_loop)(from, to, count);
}

void shift_colour(std::uint8_t* pixels, std::size_t count, float turn, float saturation, float value) {
  choose();
  HWY_DYNAMIC_DISPATCH(shift_colour_loop)(pixels, count, turn, saturation, value);
}

void mirror_row(std::uint8_t* row, std::size_t count) {
  choose();
  HWY_DYNAMIC_DISPATCH(mirror_row_loop)(row, count);
}

void blend_columns(const std::uint8_t* row, const std::int32_t* offset, const std::uint32_t* share, std::size_t count,
                   std::uint32_t* to) {
  choose();
  HWY_DYNAMIC_DISPATCH(blend_columns_loop)(row, offset, share, count, to);
}

void blend_rows(const std::uint32_t* upper, const std::uint32_t* lower, std::uint32_t share, std::size_t count,
                std::uint8_t* to) {
  choose();
  HWY_DYNAMIC_DISPATCH(blend_rows_loop)(upper, lower, share, count, to);
}

void average_columns(const std::uint8_t* row, const std::int32_t* first, const std::int16_t* weight, int quads,
                     std::size_t count, std::uint8_t* to) {
  choose();
  HWY_DYNAMIC_DISPATCH(average_columns_loop)(row, first, weight, quads, count, to);
}

void average_rows(const std::uint8_t* first, std::size_t stride, const std::int32_t* weight, int taps,
                  std::size_t count, std::uint8_t* to) {
  choose();
  HWY_DYNAMIC_DISPATCH(average_rows_loop)(first, stride, weight, taps, count, to);
}

}  // namespace joist::pixels
#endif
