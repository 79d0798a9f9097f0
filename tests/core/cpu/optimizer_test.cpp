#include <joist/core/cpu/parallel.h>
#include <joist/core/error.h>
#include <joist/tests/core/cpu/arrays.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_optimizer);
constexpr std::int64_t count = 1037;

Array copy_of(const Array& x) { return Array::from(x.to_vector<float>(), x.shape()); }

// One of each rule, with its flags on and off.
std::vector<OptimizerStep> steps() {
  const AdamRule adam{.rate = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .correction = 2};
  AdamRule amsgrad = adam;
  amsgrad.amsgrad = true;
  RmspropRule rmsprop{.rate = 0.01, .alpha = 0.9, .eps = 0.1, .momentum = 0.9};
  RmspropRule centered = rmsprop, moving = rmsprop, both = rmsprop;
  centered.centered = both.centered = true;
  moving.moving = both.moving = true;
  const SgdRule momentum{
      .rate = 0.1, .momentum = 0.9, .undamped = 0.75, .nesterov_momentum = 0.9, .moving = true, .nesterov = false};
  SgdRule nesterov = momentum;
  nesterov.nesterov = true;
  RadamRule radam{.rate = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-3, .rectified = true}, plain = radam;
  plain.rectified = false;
  std::vector<OptimizerStep> all;
  for (const StepRule& rule : std::initializer_list<StepRule>{
           SgdRule{.rate = 0.1},
           momentum,
           nesterov,
           adam,
           amsgrad,
           AdagradRule{.rate = 0.1, .eps = 1e-3},
           AdadeltaRule{.rate = 1, .rho = 0.9, .eps = 1e-3},
           rmsprop,
           centered,
           moving,
           both,
           AdamaxRule{.rate = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8},
           NadamRule{
               .gradient_rate = 0.1, .moment_rate = 0.2, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-3, .correction = 2},
           radam,
           plain,
           RpropRule{.shorter = 0.5, .longer = 1.2, .smallest = 1e-3, .largest = 1},
           AsgdRule{.rate = 0.1, .weight = 1},
           AsgdRule{.rate = 0.1, .weight = 0.25},
           LionRule{.rate = 0.01, .beta1 = 0.9, .beta2 = 0.99},
           ScheduleFreeRule{.rate = 0.1,
           .mix = 0.5,
           .pull = -0.05,
           .beta2 = 0.99,
           .eps = 1e-3,
           .correction = 2,
           .weight_decay = 0.1},
           SophiaRule{.rate = 0.1, .beta1 = 0.9, .eps = 0.1, .limit = 0.5}})
    all.push_back({.rule = rule, .gradient = -1, .weight_decay = 0.1, .shrink = 0.98});
  return all;
}

// How many arrays the flags of a rule ask for.
struct Remembered {
  std::size_t operator()(const SgdRule& r) const { return r.moving ? 1 : 0; }
  std::size_t operator()(const AdamRule& r) const { return r.amsgrad ? 3 : 2; }
  std::size_t operator()(const RmspropRule& r) const { return 1 + (r.centered ? 1 : 0) + (r.moving ? 1 : 0); }
  template <class Rule>
  std::size_t operator()(const Rule&) const {
    return Rule::most;
  }
};

// The formulas themselves are checked against PyTorch (tests/optim); here vectors against single numbers.
TEST(Optimizer, EveryRuleInEveryInstructionSetAndType) {
  for (const OptimizerStep& step : steps())
    for (const std::int64_t elements : {std::int64_t{1}, count, std::int64_t{70001}}) {
      const std::size_t n = std::visit(Remembered{}, step.rule);
      const Array gradient = random_array({elements}, 2), start = random_array({elements}, 1);
      std::vector<std::vector<double>> wanted;  // parameter, memory
      const auto doubled = [](const Array& x) {
        const std::vector<float> values = x.to_vector<float>();
        return std::vector<double>(values.begin(), values.end());
      };
      const auto memory_at_first = [&](std::size_t k) {
        return filled(Array::empty({elements}), [numbers = Numbers(static_cast<std::uint32_t>(5 + k))]() mutable {
          return std::abs(numbers()) + 4;  // above the square of a mean, which lies within 2
        });
      };
      {
        const Array p = Array::from(doubled(start), {elements}), g = Array::from(doubled(gradient), {elements});
        StepMemory memory;
        for (std::size_t k = 0; k < n; ++k) memory[k] = Array::from(doubled(memory_at_first(k)), {elements});
        if (n == 3) kernels(memory[1]).elementwise.fill(0.5, memory[1]);
        table.optimizer.step(step, p, g, memory);
        wanted.push_back(p.to_vector<double>());
        for (std::size_t k = 0; k < n; ++k) wanted.push_back(memory[k].to_vector<double>());
      }
      for_each_instruction_set([&] {
        const Array p = copy_of(start);
        StepMemory memory;
        for (std::size_t k = 0; k < n; ++k) memory[k] = memory_at_first(k);
        if (n == 3) kernels(memory[1]).elementwise.fill(0.5, memory[1]);
        table.optimizer.step(step, p, gradient, memory);
        const auto compare = [&](const Array& found, std::size_t which) {
          expect_close(
              found, [&](const Shape& i) { return wanted[which][static_cast<std::size_t>(i[0])]; }, 2e-6, 2e-6);
        };
        compare(p, 0);
        for (std::size_t k = 0; k < n; ++k) compare(memory[k], k + 1);
      });
    }
}

TEST(Optimizer, RefusesTheWrongNumberOfArrays) {
  const Array p = random_array({4}, 1), g = random_array({4}, 2);
  EXPECT_THROW(table.optimizer.step({.rule = LionRule{.rate = 1, .beta1 = 0, .beta2 = 0}}, p, g, {}), InternalError);
  EXPECT_THROW(table.optimizer.step({.rule = SgdRule{.rate = 1}}, p, g, {p, g}), InternalError);
}

TEST(Optimizer, Interpolates) {
  const Array x = random_array({count}, 1), y = random_array({count}, 2), before = copy_of(y);
  table.optimizer.interpolate(x, 0.25, y);
  expect_close(
      y, [&](const Shape& i) { return 0.75 * at(before, i) + 0.25 * at(x, i); }, 1e-6, 1e-6);
}

TEST(Optimizer, ProductSum) {
  const Array total = Array::empty({1}, Dtype::float64);
  for (const std::int64_t size : {0, 1, 17, 50003}) {
    const Array x = random_array({size}, 3), y = random_array({size}, 4);
    double exact = 0;
    for (std::int64_t i = 0; i < size; ++i) exact += at(x, {i}) * at(y, {i});
    table.optimizer.product_sum(x, y, total);
    EXPECT_NEAR(total.item(), exact, 1e-9) << size;
  }
}

TEST(Optimizer, SquareSumDependsOnNothingButTheNumbers) {
  const int threads_before = threads();
  const Array total = Array::empty({1}, Dtype::float64);
  for (const std::int64_t size : {0, 1, 17, 4096, 50003}) {
    const Array x = random_array({size}, 3);
    double exact = 0;
    for (const float value : x.to_vector<float>()) exact += static_cast<double>(value) * static_cast<double>(value);
    std::vector<double> results;
    for_each_instruction_set([&] {
      for (const int k : {1, 2, 5}) {
        set_threads(k);
        table.optimizer.square_sum(x, total);
        results.push_back(total.item());
      }
    });
    for (const double result : results) EXPECT_EQ(result, results.front());
    EXPECT_NEAR(results.front(), exact, 1e-12 * exact);
  }
  set_threads(threads_before);
}

}  // namespace
}  // namespace joist::testing
