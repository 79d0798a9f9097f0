#include <joist/core/cpu/parallel.h>
#include <joist/tests/core/cpu/arrays.h>

namespace joist::testing {
namespace {

const Kernels table = table_of([](Kernels& kernels) {
  fill_batch_norm(kernels);
  fill_elementwise(kernels);
});

struct Moments {
  std::vector<double> mean, variance;
};
Moments moments_of(const Array& x) {
  const auto channels = static_cast<std::size_t>(x.shape(1));
  Moments m{std::vector<double>(channels), std::vector<double>(channels)};
  const double count = static_cast<double>(x.elements()) / static_cast<double>(channels);
  for_each_index(x.shape(), [&](const Shape& i) { m.mean[static_cast<std::size_t>(i[1])] += at(x, i) / count; });
  for_each_index(x.shape(), [&](const Shape& i) {
    const double d = at(x, i) - m.mean[static_cast<std::size_t>(i[1])];
    m.variance[static_cast<std::size_t>(i[1])] += d * d / count;
  });
  return m;
}

// One batch norm with all that belongs to it.
struct Case {
  explicit Case(const Array& input) : x(input) {}
  Array x;
  std::int64_t channels = x.shape(1);
  BatchNormOptions options{};
  Array gamma = random_array({channels}, 11), beta = random_array({channels}, 12);
  Array running_mean = random_array({channels}, 13), running_variance = random_array({channels}, 14);
  Array mean = Array::empty({channels}), inverse = Array::empty({channels});
  Moments exact = moments_of(x);

  double z(const Shape& i) const {
    const auto c = static_cast<std::size_t>(i[1]);
    return at(gamma, {i[1]}) * (at(x, i) - exact.mean[c]) / std::sqrt(exact.variance[c] + options.epsilon) +
           at(beta, {i[1]});
  }
  void train(const Out& y) {
    table.batch_norm.train(x, gamma, beta, options, running_mean, running_variance, y, mean, inverse);
  }
};

double value_of(const Unary& f, double x) {
  return std::visit([x](const auto& function) { return scalar::value(function, x); }, f);
}
double slope_of(const Unary& f, double x) {
  return std::visit([x](const auto& function) { return scalar::slope(function, x); }, f);
}

TEST(BatchNorm, TrainsInEveryLayoutWithEveryKindOfActivation) {
  const Shape shapes[] = {{4, 19, 5, 6}, {2, 3, 8, 8}, {3, 600, 3, 2}, {2, 1, 30, 40}, {50, 24}, {3, 7, 90}};
  for_each_instruction_set([&] {
    for (const Shape& shape : shapes)
      for (const Layout layout : layouts)
        for (const Unary& activation : {Unary(Identity{}), Unary(Silu{}), Unary(Gelu{})}) {
          Case c(random_array(shape, 1, layout));
          c.options.activation = activation;
          const Array old_mean = random_array({c.channels}, 13), old_variance = random_array({c.channels}, 14);
          const Array y = filled(empty_in(layout, shape), [] { return 3; });
          c.train({.array = y, .accumulate = true});
          expect_close(
              y, [&](const Shape& i) { return 3 + value_of(activation, c.z(i)); }, 1e-5, 1e-5);
          const double count = static_cast<double>(c.x.elements()) / static_cast<double>(c.channels);
          expect_close(
              c.running_mean,
              [&](const Shape& i) {
                return 0.9 * at(old_mean, i) + 0.1 * c.exact.mean[static_cast<std::size_t>(i[0])];
              },
              1e-6, 1e-6);
          expect_close(
              c.running_variance,
              [&](const Shape& i) {
                return 0.9 * at(old_variance, i) +
                       0.1 * c.exact.variance[static_cast<std::size_t>(i[0])] * count / (count - 1);
              },
              1e-6, 1e-6);
        }
  });
}

TEST(BatchNorm, Evaluates) {
  for (const Layout layout : layouts) {
    const Array x = random_array({2, 5, 4, 3}, 1, layout), y = empty_in(layout, x.shape());
    const Array mean = random_array({5}, 2), variance = filled(Array::empty({5}), [] { return 0.7; });
    table.batch_norm.evaluate(x, {}, {}, {.activation = Relu{}}, mean, variance, {.array = y});
    expect_close(
        y,
        [&](const Shape& i) {
          return std::max(0.0, (at(x, i) - at(mean, {i[1]})) / std::sqrt(static_cast<double>(0.7F) + 1e-5));
        },
        1e-5, 1e-6);
  }
}

// Written past the caches (more than 32 MB, rows of whole lines) it is what small ones give.
TEST(BatchNorm, LargePicturesAreLikeSmallOnes) {
  for (const std::int64_t channels : {std::int64_t{48}, std::int64_t{33}}) {
    const std::int64_t pixels = (std::int64_t{1} << 23) / channels + 16;
    const Array x = random_array({pixels / 16, channels, 4, 4}, 1, Layout::channels_last),
                y = empty_in(Layout::channels_last, x.shape());
    const Array small_x = x.sliced(0, 3, 43), small = empty_in(Layout::channels_last, small_x.shape());
    const Array mean = random_array({channels}, 2), variance = filled(Array::empty({channels}), [] { return 0.7; });
    table.batch_norm.evaluate(x, {}, {}, {.activation = Relu{}}, mean, variance, {.array = y});
    table.batch_norm.evaluate(small_x, {}, {}, {.activation = Relu{}}, mean, variance, {.array = small});
    const Array part = y.sliced(0, 3, 43);
    for_each_index(small.shape(), [&](const Shape& i) { ASSERT_EQ(at(part, i), at(small, i)) << i.text(); });
  }
}

// Far from 0 the squares of the values agree in all digits that a float has: nothing may be lost to that, nor to a
// first value that lies far from all others.
TEST(BatchNorm, LargeMeansDoNotCancel) {
  for_each_instruction_set([] {
    for (const Layout layout : {Layout::row_major, Layout::channels_last})
      for (const double outlier : {0.0, 3e4}) {
        Numbers numbers(7);
        Case c(filled(empty_in(layout, {8, 40, 16, 16}), [&] { return 1e4 + numbers() * std::sqrt(0.75); }));
        for (int channel = 0; channel < 40; ++channel)
          if (outlier != 0) c.x.data<float>()[channel * c.x.strides()[1]] = static_cast<float>(outlier);
        c.exact = moments_of(c.x);
        const Array y = empty_in(layout, c.x.shape());
        c.train({.array = y});
        expect_close(
            c.mean, [&](const Shape& i) { return c.exact.mean[static_cast<std::size_t>(i[0])]; }, 1e-7, 0);
        expect_close(
            c.inverse,
            [&](const Shape& i) { return 1 / std::sqrt(c.exact.variance[static_cast<std::size_t>(i[0])] + 1e-5); },
            2e-5, 0);
        expect_close(
            y, [&](const Shape& i) { return c.z(i); }, 2e-5, 1e-5);
      }
  });
}

TEST(BatchNorm, BackwardInEveryLayout) {
  const Shape shapes[] = {{4, 19, 5, 6}, {2, 3, 8, 8}, {3, 600, 3, 2}, {50, 24}};
  for_each_instruction_set([&] {
    for (const Shape& shape : shapes)
      for (const Layout layout : layouts)
        for (const Unary& activation : {Unary(Silu{}), Unary(Clamp{-0.5F, 1}), Unary(HyperbolicTangent{})})
          for (const bool fixed : {false, true}) {
            Case c(random_array(shape, 1, layout));
            c.options.activation = activation;
            c.train({.array = empty_in(layout, shape)});
            const Array dy = random_array(shape, 2, fixed ? Layout::row_major : layout);
            const Array dx = filled(empty_in(layout, shape), [] { return 2; });
            const Array dgamma = Array::empty({c.channels}),
                        dbeta = filled(Array::empty({c.channels}), [] { return 1; });
            table.batch_norm.backward(c.x, dy, c.gamma, c.beta, c.mean, c.inverse, c.options, fixed,
                                      {.array = dx, .accumulate = true}, {.array = dgamma},
                                      {.array = dbeta, .accumulate = true});
            const double count = static_cast<double>(c.x.elements()) / static_cast<double>(c.channels);
            std::vector<double> sum(static_cast<std::size_t>(c.channels)), product = sum;
            const auto dz = [&](const Shape& i) { return at(dy, i) * slope_of(activation, c.z(i)); };
            const auto unit = [&](const Shape& i) { return (at(c.x, i) - at(c.mean, {i[1]})) * at(c.inverse, {i[1]}); };
            for_each_index(shape, [&](const Shape& i) {
              sum[static_cast<std::size_t>(i[1])] += dz(i);
              product[static_cast<std::size_t>(i[1])] += dz(i) * unit(i);
            });
            expect_close(
                dbeta, [&](const Shape& i) { return 1 + sum[static_cast<std::size_t>(i[0])]; }, 1e-5, 1e-4);
            expect_close(
                dgamma, [&](const Shape& i) { return product[static_cast<std::size_t>(i[0])]; }, 1e-5, 1e-4);
            expect_close(
                dx,
                [&](const Shape& i) {
                  const auto k = static_cast<std::size_t>(i[1]);
                  const double common = fixed ? 0 : (sum[k] + unit(i) * product[k]) / count;
                  return 2 + at(c.gamma, {i[1]}) * at(c.inverse, {i[1]}) * (dz(i) - common);
                },
                1e-5, 2e-5);
          }
  });
}

TEST(BatchNorm, SameBitsForAnyNumberOfThreads) {
  const int before = threads();
  std::vector<std::vector<float>> results;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
      Case c(random_array({4, 48, 33, 35}, 1, layout));
      const Array y = empty_in(layout, c.x.shape()), dgamma = Array::empty({48});
      c.train({.array = y});
      table.batch_norm.backward(c.x, y, c.gamma, c.beta, c.mean, c.inverse, c.options, false, {.array = y},
                                {.array = dgamma}, {});
      results.push_back(y.to_vector<float>());
      results.push_back(dgamma.to_vector<float>());
    }
  }
  set_threads(before);
  for (std::size_t i = 4; i < results.size(); ++i) EXPECT_EQ(results[i], results[i % 4]);
}

}  // namespace
}  // namespace joist::testing
