#include <joist/core/cpu/optimizer.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/optimizer_ranges.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

void sgd_loop(const SgdFactors& f, std::int64_t count, float* parameter, const float* gradient, float* velocity) {
  const Lanes rate(-f.rate), momentum(f.momentum), undamped(f.undamped), decay(f.weight_decay);
  for (std::int64_t i = 0; i < count; i += lanes()) {
    const std::int64_t left = count - i;
    const Lanes p = load_up_to(parameter + i, left);
    Lanes d = multiply_add(decay, p, load_up_to(gradient + i, left));
    if (velocity) {
      Lanes v = undamped * d;
      if (f.momentum != 0) v = multiply_add(momentum, load_up_to(velocity + i, left), v);
      store_up_to(v, velocity + i, left);
      d = f.nesterov ? multiply_add(Lanes(f.nesterov_momentum), v, d) : v;
    }
    store_up_to(multiply_add(rate, d, p), parameter + i, left);
  }
}

void adam_loop(const AdamFactors& f, std::int64_t count, float* parameter, const float* gradient, float* first_moment,
               float* second_moment) {
  const Lanes beta1(f.beta1), rest1(f.rest1), beta2(f.beta2), rest2(f.rest2);
  const Lanes epsilon(f.epsilon), decay(f.decay), coupled(f.coupled), step(f.step), correction(f.correction);
  for (std::int64_t i = 0; i < count; i += lanes()) {
    const std::int64_t left = count - i;
    const Lanes p = load_up_to(parameter + i, left);
    const Lanes g = multiply_add(coupled, p, load_up_to(gradient + i, left));
    const Lanes m = multiply_add(beta1, load_up_to(first_moment + i, left), rest1 * g);
    const Lanes v = multiply_add(beta2, load_up_to(second_moment + i, left), rest2 * g * g);
    store_up_to(m, first_moment + i, left);
    store_up_to(v, second_moment + i, left);
    store_up_to(p * decay - step * m / multiply_add(sqrt(v), correction, epsilon), parameter + i, left);
  }
}

void interpolate_loop(float weight, std::int64_t count, const float* x, float* y) {
  const Lanes w(weight);
  for (std::int64_t i = 0; i < count; i += lanes()) {
    const Lanes old = load_up_to(y + i, count - i);
    store_up_to(multiply_add(w, load_up_to(x + i, count - i) - old, old), y + i, count - i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(sgd_loop);
HWY_EXPORT(adam_loop);
HWY_EXPORT(interpolate_loop);
}  // namespace

void sgd_range(const SgdFactors& factors, std::int64_t count, float* parameter, const float* gradient,
               float* velocity) {
  HWY_DYNAMIC_DISPATCH(sgd_loop)(factors, count, parameter, gradient, velocity);
}
void adam_range(const AdamFactors& factors, std::int64_t count, float* parameter, const float* gradient,
                float* first_moment, float* second_moment) {
  HWY_DYNAMIC_DISPATCH(adam_loop)(factors, count, parameter, gradient, first_moment, second_moment);
}
void interpolate_range(float weight, std::int64_t count, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(interpolate_loop)(weight, count, x, y);
}

}  // namespace joist
#endif
