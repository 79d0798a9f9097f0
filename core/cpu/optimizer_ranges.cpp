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

#define JOIST_FUNCTION \
  template <class T>   \
  HWY_INLINE T
#include <joist/core/kernels/optimizer_rules.inl>
#undef JOIST_FUNCTION

template <class Rule, int n>
void step_loop(const OptimizerStep& step, const StepRange<float>& range) {
  const Rule rule = std::get<Rule>(step.rule);  // a copy: nothing that is stored below can change it
  const Lanes gradient(step.gradient), decay(step.weight_decay), shrink(step.shrink);
  float* const p = range.parameter;
  const float* const g = range.gradient;
  const std::array<float*, 3> memory = range.memory;
  for (std::int64_t i = 0; i < range.count; i += lanes()) {
    const std::int64_t left = range.count - i;
    Lanes remembered[3] = {Lanes(0.0F), Lanes(0.0F), Lanes(0.0F)};
    for (std::size_t k = 0; k < n; ++k) remembered[k] = load_up_to(memory[k] + i, left);
    const Lanes old = load_up_to(p + i, left);
    const Lanes slope = multiply_add(decay, old, gradient * load_up_to(g + i, left));
    store_up_to(updated(rule, shrink * old, slope, remembered), p + i, left);
    for (std::size_t k = 0; k < n; ++k) store_up_to(remembered[k], memory[k] + i, left);
  }
}

using StepLoop = void (*)(const OptimizerStep& step, const StepRange<float>& range);

template <class Rule, int n>
constexpr StepLoop loop_of() {
  if constexpr (n >= Rule::least && n <= Rule::most)
    return &step_loop<Rule, n>;
  else
    return nullptr;
}
template <class Variant>
struct Loops;
template <class... Rule>
struct Loops<std::variant<Rule...>> {
  static constexpr StepLoop table[][4] = {
      {loop_of<Rule, 0>(), loop_of<Rule, 1>(), loop_of<Rule, 2>(), loop_of<Rule, 3>()}...};
};

void step_any(const OptimizerStep& step, const StepRange<float>& range) {
  Loops<StepRule>::table[step.rule.index()][range.remembered()](step, range);
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
HWY_EXPORT(step_any);
HWY_EXPORT(interpolate_loop);
}  // namespace

void step_range(const OptimizerStep& step, const StepRange<float>& range) {
  HWY_DYNAMIC_DISPATCH(step_any)(step, range);
}
void interpolate_range(float weight, std::int64_t count, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(interpolate_loop)(weight, count, x, y);
}

}  // namespace joist
#endif
