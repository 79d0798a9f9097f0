// The number type Lanes (one register of floats) and the functions of elementwise.inl for it, once per instruction set.
// NaN passes through every function; exp, log and tanh are within 4 units in the last place, sin and cos
// within 2e-7, erf within 5e-7.
#if defined(JOIST_CORE_CPU_SIMD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef JOIST_CORE_CPU_SIMD_INL_H
#undef JOIST_CORE_CPU_SIMD_INL_H
#else
#define JOIST_CORE_CPU_SIMD_INL_H
#endif

#include <joist/core/cpu/tiles.h>
#include <joist/core/elementwise.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include <hwy/cache_control.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatMask = hn::Mask<FloatTag>;

struct Lanes {
  using Vector = hn::Vec<FloatTag>;
  Vector v;

  HWY_INLINE Lanes() = default;
  HWY_INLINE Lanes(Vector vector) : v(vector) {}  // NOLINT: as implicit as float to double
  HWY_INLINE explicit Lanes(float x) : v(hn::Set(FloatTag(), x)) {}
  HWY_INLINE explicit Lanes(double x) : Lanes(static_cast<float>(x)) {}

  friend HWY_INLINE Lanes operator+(Lanes a, Lanes b) { return hn::Add(a.v, b.v); }
  friend HWY_INLINE Lanes operator-(Lanes a, Lanes b) { return hn::Sub(a.v, b.v); }
  friend HWY_INLINE Lanes operator*(Lanes a, Lanes b) { return hn::Mul(a.v, b.v); }
  friend HWY_INLINE Lanes operator/(Lanes a, Lanes b) { return hn::Div(a.v, b.v); }
  friend HWY_INLINE FloatMask operator<(Lanes a, Lanes b) { return hn::Lt(a.v, b.v); }
  friend HWY_INLINE FloatMask operator>(Lanes a, Lanes b) { return hn::Gt(a.v, b.v); }
  friend HWY_INLINE FloatMask operator==(Lanes a, Lanes b) { return hn::Eq(a.v, b.v); }
};

/// Floats in a Lanes; a constant of the instruction set.
HWY_INLINE std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(FloatTag())); }

HWY_INLINE Lanes load(const float* p) { return hn::LoadU(FloatTag(), p); }
HWY_INLINE void store(Lanes x, float* p) { hn::StoreU(x.v, FloatTag(), p); }

/// The first `count` < lanes() floats; the rest is 0 and its memory is not touched.
HWY_INLINE Lanes load_first(const float* p, std::int64_t count) {
  const FloatTag d;
#if HWY_TARGET == HWY_SSE4  // no masked loads
  HWY_ALIGN float lane[hn::MaxLanes(FloatTag())] = {};
  for (std::int64_t i = 0; i < count; ++i) lane[i] = p[i];
  return hn::Load(d, lane);
#else
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, p);
#endif
}
HWY_INLINE void store_first(Lanes x, float* p, std::int64_t count) {
  const FloatTag d;
#if HWY_TARGET == HWY_SSE4
  HWY_ALIGN float lane[hn::MaxLanes(FloatTag())];
  hn::Store(x.v, d, lane);
  for (std::int64_t i = 0; i < count; ++i) p[i] = lane[i];
#else
  hn::BlendedStore(x.v, hn::FirstN(d, static_cast<std::size_t>(count)), d, p);
#endif
}
/// load or load_first, whichever `left` floats allow.
HWY_INLINE Lanes load_up_to(const float* p, std::int64_t left) {
  return left >= lanes() ? load(p) : load_first(p, left);
}
HWY_INLINE void store_up_to(Lanes x, float* p, std::int64_t left) {
  left >= lanes() ? store(x, p) : store_first(x, p, left);
}

/// A row of an output, written to the caches or past them; what went past them is seen by others after finish().
class OutputRow {
 public:
  HWY_INLINE OutputRow(float* y, bool past_caches) : y_(y), past_caches_(past_caches) {}
  HWY_INLINE void put(Lanes x, std::int64_t i, std::int64_t left) const {
    if (past_caches_)
      hn::Stream(x.v, FloatTag(), y_ + i);
    else
      store_up_to(x, y_ + i, left);
  }
  static HWY_INLINE void finish(bool past_caches) {
    if (past_caches) hwy::FlushStream();
  }

 private:
  float* y_;
  bool past_caches_;
};

/// Asks for the row of a tile that is read about 2 KB later. The processor foresees by itself only where rows follow
/// without gaps; in slices of channels this halves the time.
HWY_INLINE void prefetch_later_row(const Tile::Input& input, const float* row, std::int64_t columns) {
  if (input.row == columns || input.row == 0) return;
  const float* later = row + input.row * (512 / columns + 1);
  for (std::int64_t i = 0; i < columns; i += 16) hwy::Prefetch(later + i);
}

HWY_INLINE Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return hn::MulAdd(a.v, b.v, c.v); }
HWY_INLINE float sum_of_lanes(Lanes x) { return hn::GetLane(hn::SumOfLanes(FloatTag(), x.v)); }

HWY_INLINE Lanes select(FloatMask condition, Lanes yes, Lanes no) { return hn::IfThenElse(condition, yes.v, no.v); }
HWY_INLINE Lanes abs(Lanes x) { return hn::Abs(x.v); }
HWY_INLINE Lanes sqrt(Lanes x) { return hn::Sqrt(x.v); }
// As in elementwise.h a NaN in `a` stays. x86 returns the second operand when either is NaN, hence the order.
HWY_INLINE Lanes min(Lanes a, Lanes b) { return hn::Min(b.v, a.v); }
HWY_INLINE Lanes max(Lanes a, Lanes b) { return hn::Max(b.v, a.v); }

/// e^x = 2^n e^r with |r| <= ln 2 / 2 and a polynomial for e^r (relative error 3e-9 before rounding). Without AVX-512
/// results below 2^-125 are 0.
HWY_INLINE Lanes exp(Lanes x) {
  const FloatTag d;
#if HWY_TARGET == HWY_AVX3
  x = min(max(x, Lanes(-104.0F)), Lanes(89.0F));  // beyond: 0 and infinity
  constexpr float unit = 1;
  const Lanes n = hn::Round(hn::Mul(x.v, hn::Set(d, 1.44269504F)));
#else
  x = min(max(x, Lanes(-87.3F)), Lanes(89.0F));
  constexpr float unit = 2;        // with 2^(n - 1), which is a float up to the largest n, and 0 for the smallest
  const Lanes magic(12582912.0F);  // 1.5 * 2^23: the sum is rounded to an integer, which its last bits hold
  const Lanes shifted = multiply_add(x, Lanes(1.44269504F), magic), n = shifted - magic;
#endif
  Lanes r = hn::NegMulAdd(n.v, hn::Set(d, 0.693145752F), x.v);
  r = hn::NegMulAdd(n.v, hn::Set(d, 1.42860677e-6F), r.v);
  Lanes p = multiply_add(r, Lanes(unit * 0.00138145583F), Lanes(unit * 0.00836873577F));
  p = multiply_add(r, p, Lanes(unit * 0.0416683899F));
  p = multiply_add(r, p, Lanes(unit * 0.166665205F));
  p = multiply_add(r, p, Lanes(unit * 0.499999934F));
  p = multiply_add(r, p, Lanes(unit));
  p = multiply_add(r, p, Lanes(unit));
#if HWY_TARGET == HWY_AVX3
  return Lanes::Vector{_mm512_scalef_ps(p.v.raw, n.v.raw)};
#else
  const hn::RebindToSigned<FloatTag> di;
  const auto exponent = hn::Add(hn::ShiftLeft<23>(hn::BitCast(di, shifted.v)), hn::Set(di, 126 << 23));
  return hn::Mul(p.v, hn::BitCast(d, exponent));
#endif
}

HWY_INLINE Lanes log(Lanes x) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const Lanes zero(0.0F);
  const Lanes outside = select(x == zero, Lanes(-infinity), select(x > zero, x, Lanes(std::nanf(""))));
  const FloatMask inside = hn::And(x > zero, x < Lanes(infinity));
  return select(inside, hn::Log(FloatTag(), x.v), outside);
}

/// For finite x > -1.
HWY_INLINE Lanes log1p(Lanes x) { return hn::Log1p(FloatTag(), x.v); }

/// A polynomial near 0 (Cephes, Moshier 1989), 1 - 2 / (e^2x + 1) elsewhere.
HWY_INLINE Lanes tanh(Lanes x) {
  const Lanes t = x * x, a = abs(x);
  Lanes p = multiply_add(t, Lanes(-5.70498872745e-3F), Lanes(2.06390887954e-2F));
  p = multiply_add(t, p, Lanes(-5.37397155531e-2F));
  p = multiply_add(t, p, Lanes(1.33314422036e-1F));
  p = multiply_add(t, p, Lanes(-3.33332819422e-1F));
  const Lanes small = multiply_add(t * x, p, x);
  const Lanes far = Lanes(1.0F) - Lanes(2.0F) / (exp(a + a) + Lanes(1.0F));
  return select(a < Lanes(0.625F), small, hn::CopySign(far.v, x.v));
}

/// Highway's sine and cosine reduce exactly up to 39000; beyond, and for pow, the C library computes lane by lane.
template <class Function>
HWY_NOINLINE void by_lane(const Function& function, const float* x, float* y) {
  for (std::int64_t i = 0; i < lanes(); ++i) y[i] = function(x[i]);
}
template <class Function>
HWY_INLINE Lanes lane_by_lane(const Function& function, Lanes x) {
  HWY_ALIGN float lane[hn::MaxLanes(FloatTag())];
  hn::Store(x.v, FloatTag(), lane);
  by_lane(function, lane, lane);
  return hn::Load(FloatTag(), lane);
}
HWY_INLINE bool all_below(Lanes x, float limit) { return hn::AllTrue(FloatTag(), abs(x) < Lanes(limit)); }
HWY_INLINE Lanes sin(Lanes x) {
  if (HWY_LIKELY(all_below(x, 39000.0F))) return hn::Sin(FloatTag(), x.v);
  return lane_by_lane([](float lane) HWY_ATTR { return ::sinf(lane); }, x);
}
HWY_INLINE Lanes cos(Lanes x) {
  if (HWY_LIKELY(all_below(x, 39000.0F))) return hn::Cos(FloatTag(), x.v);
  return lane_by_lane([](float lane) HWY_ATTR { return ::cosf(lane); }, x);
}
HWY_INLINE Lanes pow(Lanes x, double y) {
  if (y == 2.0) return x * x;
  if (y == 1.0) return x;
  if (y == 0.5) return sqrt(x + Lanes(0.0F));  // pow(-0, 0.5) is +0
  return lane_by_lane([power = static_cast<float>(y)](float lane) HWY_ATTR { return ::powf(lane, power); }, x);
}

// Seldom asked for: the C library's, lane by lane.
#define JOIST_BY_LANE(name)                                                \
  HWY_INLINE Lanes name(Lanes x) {                                         \
    return lane_by_lane([](float lane) { return scalar::name(lane); }, x); \
  }
JOIST_BY_LANE(tan)
JOIST_BY_LANE(asin)
JOIST_BY_LANE(acos)
JOIST_BY_LANE(atan)
JOIST_BY_LANE(sinh)
JOIST_BY_LANE(cosh)
JOIST_BY_LANE(asinh)
JOIST_BY_LANE(acosh)
JOIST_BY_LANE(atanh)
JOIST_BY_LANE(log2)
JOIST_BY_LANE(log10)
JOIST_BY_LANE(exp2)
JOIST_BY_LANE(expm1)
JOIST_BY_LANE(log1p_exact)
JOIST_BY_LANE(erfc)
JOIST_BY_LANE(lgamma)
JOIST_BY_LANE(digamma)
JOIST_BY_LANE(trigamma)
JOIST_BY_LANE(erfinv)
#undef JOIST_BY_LANE
template <class Function>
HWY_INLINE Lanes lane_by_lane(const Function& function, Lanes a, Lanes b) {
  HWY_ALIGN float first[hn::MaxLanes(FloatTag())], second[hn::MaxLanes(FloatTag())];
  hn::Store(a.v, FloatTag(), first);
  hn::Store(b.v, FloatTag(), second);
  for (std::int64_t i = 0; i < lanes(); ++i) first[i] = function(first[i], second[i]);
  return hn::Load(FloatTag(), first);
}
#define JOIST_BY_LANE(name)                                                         \
  HWY_INLINE Lanes name(Lanes a, Lanes b) {                                         \
    return lane_by_lane([](float p, float q) { return scalar::name(p, q); }, a, b); \
  }
JOIST_BY_LANE(pow)
JOIST_BY_LANE(atan2)
JOIST_BY_LANE(hypot)
JOIST_BY_LANE(fmod)
#undef JOIST_BY_LANE
HWY_INLINE Lanes floor(Lanes x) { return hn::Floor(x.v); }
HWY_INLINE Lanes ceil(Lanes x) { return hn::Ceil(x.v); }
HWY_INLINE Lanes trunc(Lanes x) { return hn::Trunc(x.v); }
HWY_INLINE Lanes round_even(Lanes x) { return hn::Round(x.v); }
HWY_INLINE Lanes copysign(Lanes a, Lanes b) { return hn::CopySign(a.v, b.v); }
HWY_INLINE float largest_of(Lanes) { return std::numeric_limits<float>::max(); }

/// x P(x²) / Q(x²), fitted to a relative error of 2e-8 where erf is not yet 1 in float.
HWY_INLINE Lanes erf(Lanes x) {
  const Lanes bound(3.95F);
  const Lanes c = min(max(x, Lanes(-3.95F)), bound), t = c * c;
  Lanes p = multiply_add(t, Lanes(2.02585035e-6F), Lanes(2.84654278e-4F));
  p = multiply_add(t, p, Lanes(0.00380732801F));
  p = multiply_add(t, p, Lanes(0.0528728225F));
  p = multiply_add(t, p, Lanes(0.191532971F));
  p = multiply_add(t, p, Lanes(1.12837914F));
  Lanes q = multiply_add(t, Lanes(3.78294476e-5F), Lanes(0.00117049620F));
  q = multiply_add(t, q, Lanes(0.0150534309F));
  q = multiply_add(t, q, Lanes(0.114552158F));
  q = multiply_add(t, q, Lanes(0.503074357F));
  q = multiply_add(t, q, Lanes(1.0F));
  const Lanes sign = hn::CopySign(hn::Set(FloatTag(), 1.0F), x.v);
  return select(abs(x) > Lanes(3.92F), sign, min(max(c * p / q, Lanes(-1.0F)), Lanes(1.0F)));
}

#define JOIST_FUNCTION \
  template <class T>   \
  HWY_INLINE T
#include <joist/core/elementwise.inl>
#undef JOIST_FUNCTION

}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#endif
