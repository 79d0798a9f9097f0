#include <joist/tests/core/cpu/arrays.h>

#include <joist/core/cpu/parallel.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_optimizer);
constexpr std::int64_t count = 1037;

Array copy_of(const Array& x) { return Array::from(x.to_vector<float>(), x.shape()); }

TEST(Optimizer, SgdSteps) {
  for_each_instruction_set([] {
    for (const bool nesterov : {false, true})
      for (const double momentum : {0.0, 0.9}) {
        SgdStep step{.rate = 0.1,
                     .momentum = momentum,
                     .dampening = nesterov ? 0 : 0.25,
                     .weight_decay = 0.01,
                     .nesterov = nesterov,
                     .first = true};
        const Array p = random_array({count}, 1), g = random_array({count}, 2);
        const Array v = filled(Array::empty({count}), [] { return std::numeric_limits<double>::quiet_NaN(); });
        std::vector<double> parameter(count), velocity(count);
        for (std::int64_t i = 0; i < count; ++i) parameter[static_cast<std::size_t>(i)] = at(p, {i});
        for (int k = 0; k < 3; ++k, step.first = false) {
          for (std::size_t i = 0; i < parameter.size(); ++i) {
            double d = at(g, {static_cast<std::int64_t>(i)}) + 0.01 * parameter[i];
            if (momentum != 0) {
              velocity[i] = step.first ? d : momentum * velocity[i] + (1 - step.dampening) * d;
              d = nesterov ? d + momentum * velocity[i] : velocity[i];
            }
            parameter[i] -= 0.1 * d;
          }
          table.optimizer.sgd(step, p, g, momentum != 0 ? v : Array());
        }
        expect_close(
            p, [&](const Shape& i) { return parameter[static_cast<std::size_t>(i[0])]; }, 1e-6, 1e-6);
        if (momentum != 0)
          expect_close(
              v, [&](const Shape& i) { return velocity[static_cast<std::size_t>(i[0])]; }, 1e-6, 1e-6);
      }
  });
}

TEST(Optimizer, AdamSteps) {
  for_each_instruction_set([] {
    for (const bool decoupled : {false, true}) {
      AdamStep step{.rate = 0.01, .weight_decay = 0.1, .decoupled = decoupled};
      const Array p = random_array({count}, 1), start = copy_of(p), g = random_array({count}, 2);
      const Array m = filled(Array::empty({count}), [] { return 0; }), v = copy_of(m);
      for (step.step = 1; step.step <= 3; ++step.step) table.optimizer.adam(step, p, g, m, v);
      expect_close(
          p,
          [&](const Shape& i) {
            double x = at(start, i), first = 0, second = 0;
            for (int k = 1; k <= 3; ++k) {
              const double slope = at(g, i) + (decoupled ? 0 : 0.1 * x);
              if (decoupled) x *= 1 - 0.01 * 0.1;
              first = 0.9 * first + 0.1 * slope;
              second = 0.999 * second + 0.001 * slope * slope;
              x -= 0.01 * first / (1 - std::pow(0.9, k)) / (std::sqrt(second / (1 - std::pow(0.999, k))) + 1e-8);
            }
            return x;
          },
          1e-6, 2e-6);
    }
  });
}

TEST(Optimizer, Interpolates) {
  const Array x = random_array({count}, 1), y = random_array({count}, 2), before = copy_of(y);
  table.optimizer.interpolate(x, 0.25, y);
  expect_close(
      y, [&](const Shape& i) { return 0.75 * at(before, i) + 0.25 * at(x, i); }, 1e-6, 1e-6);
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
