// The transforms of Winograd's minimal filtering F(m x m, 3 x 3) along one axis, once per instruction set: tiles of m +
// 2 pixels, which m results come of. Along both axes: first down the columns, then along the rows.
//
// m = 2 has the points 0, 1, -1 and infinity. m = 4 has 0, ±√½, ±√2 and infinity: with the usual 0, ±1, ±2 errors are
// 2.1 to 2.5 times as large (points: Barabasz et al., "Error analysis and improving the accuracy of Winograd
// convolution for deep neural networks", 2020; these were chosen by trying).
#if defined(JOIST_CORE_CPU_WINOGRAD_TRANSFORMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef JOIST_CORE_CPU_WINOGRAD_TRANSFORMS_INL_H
#undef JOIST_CORE_CPU_WINOGRAD_TRANSFORMS_INL_H
#else
#define JOIST_CORE_CPU_WINOGRAD_TRANSFORMS_INL_H
#endif

#include <joist/core/cpu/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {

template <int m>
struct Filtering;

template <>
struct Filtering<2> {
  // Bᵀ x
  static HWY_INLINE void of_pixels(const Lanes (&x)[4], Lanes (&y)[4]) {
    y[0] = x[0] - x[2];
    y[1] = x[1] + x[2];
    y[2] = x[2] - x[1];
    y[3] = x[1] - x[3];
  }
  // G w
  static HWY_INLINE void of_kernel(const Lanes (&w)[3], Lanes (&u)[4]) {
    const Lanes half(0.5F), outer = (w[0] + w[2]) * half, inner = w[1] * half;
    u[0] = w[0];
    u[1] = outer + inner;
    u[2] = outer - inner;
    u[3] = w[2];
  }
  // Aᵀ s
  static HWY_INLINE void results(const Lanes (&s)[4], Lanes (&y)[2]) {
    y[0] = s[0] + (s[1] + s[2]);
    y[1] = (s[1] - s[2]) - s[3];
  }
  // A y
  static HWY_INLINE void of_results(const Lanes (&y)[2], Lanes (&d)[4]) {
    d[0] = y[0];
    d[1] = y[0] + y[1];
    d[2] = y[0] - y[1];
    d[3] = Lanes(0.0F) - y[1];
  }
  // Gᵀ s
  static HWY_INLINE void kernel(const Lanes (&s)[4], Lanes (&w)[3]) {
    const Lanes half(0.5F), sum = (s[1] + s[2]) * half;
    w[0] = s[0] + sum;
    w[1] = (s[1] - s[2]) * half;
    w[2] = sum + s[3];
  }
};

template <>
struct Filtering<4> {
  static constexpr float near = 0.70710678F, far = 1.41421356F;  // √½, √2

  static HWY_INLINE void of_pixels(const Lanes (&x)[6], Lanes (&y)[6]) {
    const Lanes two(-2.0F), half(-0.5F), middle(-2.5F);
    const Lanes even_near = multiply_add(two, x[2], x[4]), odd_near = multiply_add(two, x[1], x[3]) * Lanes(near);
    const Lanes even_far = multiply_add(half, x[2], x[4]), odd_far = multiply_add(half, x[1], x[3]) * Lanes(far);
    y[0] = multiply_add(middle, x[2], x[0] + x[4]);
    y[1] = even_near + odd_near;
    y[2] = even_near - odd_near;
    y[3] = even_far + odd_far;
    y[4] = even_far - odd_far;
    y[5] = multiply_add(middle, x[3], x[1] + x[5]);
  }
  static HWY_INLINE void of_kernel(const Lanes (&w)[3], Lanes (&u)[6]) {
    const Lanes even_near = multiply_add(Lanes(0.5F), w[2], w[0]) * Lanes(-2.0F / 3),
                odd_near = w[1] * Lanes(-2.0F / 3 * near);
    const Lanes even_far = multiply_add(Lanes(2.0F), w[2], w[0]) * Lanes(1.0F / 6), odd_far = w[1] * Lanes(far / 6);
    u[0] = w[0];
    u[1] = even_near + odd_near;
    u[2] = even_near - odd_near;
    u[3] = even_far + odd_far;
    u[4] = even_far - odd_far;
    u[5] = w[2];
  }
  static HWY_INLINE void results(const Lanes (&s)[6], Lanes (&y)[4]) {
    const Lanes even_near = s[1] + s[2], odd_near = (s[1] - s[2]) * Lanes(near), even_far = s[3] + s[4],
                odd_far = (s[3] - s[4]) * Lanes(far);
    y[0] = s[0] + (even_near + even_far);
    y[1] = odd_near + odd_far;
    y[2] = multiply_add(Lanes(0.5F), even_near, Lanes(2.0F) * even_far);
    y[3] = multiply_add(Lanes(0.5F), odd_near, multiply_add(Lanes(2.0F), odd_far, s[5]));
  }
  static HWY_INLINE void of_results(const Lanes (&y)[4], Lanes (&d)[6]) {
    const Lanes even_near = multiply_add(Lanes(0.5F), y[2], y[0]),
                odd_near = multiply_add(Lanes(0.5F), y[3], y[1]) * Lanes(near);
    const Lanes even_far = multiply_add(Lanes(2.0F), y[2], y[0]),
                odd_far = multiply_add(Lanes(2.0F), y[3], y[1]) * Lanes(far);
    d[0] = y[0];
    d[1] = even_near + odd_near;
    d[2] = even_near - odd_near;
    d[3] = even_far + odd_far;
    d[4] = even_far - odd_far;
    d[5] = y[3];
  }
  static HWY_INLINE void kernel(const Lanes (&s)[6], Lanes (&w)[3]) {
    const Lanes even_near = (s[1] + s[2]) * Lanes(-2.0F / 3), even_far = (s[3] + s[4]) * Lanes(1.0F / 6);
    w[0] = s[0] + (even_near + even_far);
    w[1] = multiply_add(s[1] - s[2], Lanes(-2.0F / 3 * near), (s[3] - s[4]) * Lanes(far / 6));
    w[2] = multiply_add(Lanes(0.5F), even_near, multiply_add(Lanes(2.0F), even_far, s[5]));
  }
};

// f along both axes: from a square of from x from registers, brought by load(row, column), to one of to x to, taken by
// put(row, column, value).
template <int from, int to, class F, class Load, class Put>
HWY_INLINE void along_both(const F& f, const Load& load, const Put& put) {
  Lanes columns[to][from];
#pragma GCC unroll 6
  for (int c = 0; c < from; ++c) {
    Lanes in[from], out[to];
#pragma GCC unroll 6
    for (int r = 0; r < from; ++r) in[r] = load(r, c);
    f(in, out);
#pragma GCC unroll 6
    for (int r = 0; r < to; ++r) columns[r][c] = out[r];
  }
#pragma GCC unroll 6
  for (int r = 0; r < to; ++r) {
    Lanes out[to];
    f(columns[r], out);
#pragma GCC unroll 6
    for (int c = 0; c < to; ++c) put(r, c, out[c]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#endif
