#include <joist/tests/core/cpu/arrays.h>

#include <joist/core/cpu/parallel.h>

namespace joist::testing {
namespace {

const Kernels table = table_of([](Kernels& kernels) {
  fill_reduction(kernels);
  fill_elementwise(kernels);
});

// A number whose float sum has an error of 1e-3 when it is added one by one.
constexpr double tenth = static_cast<double>(0.1F);

TEST(Reduction, TenMillionFloats) {
  const std::int64_t count = 10'000'000;
  const Array x = Array::empty({count}), y = Array::empty({1});
  table.elementwise.fill(tenth, x);
  for_each_instruction_set([&] {
    table.reduction.sum(x, 1, {.array = y});
    EXPECT_NEAR(y.item() / (tenth * static_cast<double>(count)), 1, 1e-6);
    const Array columns = Array::empty({1, 10});
    table.reduction.sum(x.view({count / 10, 10}), 0.5, {.array = columns});
    expect_close(
        columns, [&](const Shape&) { return tenth * 0.5 * static_cast<double>(count / 10); }, 1e-6, 0);
    const Array rows = Array::empty({10, 1});
    table.reduction.sum(x.view({10, count / 10}), 1, {.array = rows});
    expect_close(
        rows, [&](const Shape&) { return tenth * static_cast<double>(count / 10); }, 1e-6, 0);
  });
}

TEST(Reduction, EverySetOfAxesInEveryLayout) {
  const Shape shape{3, 20, 5, 7};
  for_each_instruction_set([&] {
    for (const Layout layout : layouts)
      for (int axes = 0; axes < 16; ++axes) {
        const Array x = random_array(shape, 5, layout);
        Shape kept = shape;
        for (int axis = 0; axis < 4; ++axis)
          if (axes >> axis & 1) kept[axis] = 1;
        const Array y = filled(empty_in(layout, kept), [] { return 1; });
        const Array expected = Array::empty(kept, Dtype::float64);
        std::fill_n(expected.data<double>(), kept.elements(), 1.0);
        for_each_index(shape, [&](const Shape& i) {
          expected.data<double>()[offset_of(i, expected.expanded(shape).strides())] += 2 * at(x, i);
        });
        table.reduction.sum(x, 2, {.array = y, .accumulate = true});
        expect_close(
            y, [&](const Shape& i) { return expected.data<double>()[offset_of(i, expected.strides())]; }, 1e-6, 2e-5);
      }
  });
}

TEST(Reduction, SumsDoNotDependOnTheThreads) {
  const Array x = random_array({40, 24, 30, 31}, 9, Layout::channels_last);
  const int before = threads();
  std::vector<std::vector<float>> results;
  for (const int count : {1, 2, 5}) {
    set_threads(count);
    for (const Shape& shape : {Shape{1, 24, 1, 1}, Shape{40, 1, 1, 1}, Shape{1, 1, 1, 1}}) {
      const Array y = Array::empty(shape);
      table.reduction.sum(x, 1, {.array = y});
      results.push_back(y.to_vector<float>());
    }
  }
  set_threads(before);
  for (std::size_t i = 3; i < results.size(); ++i) EXPECT_EQ(results[i], results[i % 3]);
}

TEST(Reduction, MaximumIsTheFirstOfEqualsAndNanWins) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Array x = Array::from(std::vector<float>{1, 3, 3, -1, -2, -1, 5, nan, 7}, {3, 3});
  const Array y = Array::empty({3, 1}), index = Array::empty({3, 1}, Dtype::int64);
  table.reduction.maximum(x, 1, {.array = y}, index);
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 0, 1}));
  EXPECT_EQ(at(y, {0, 0}), 3);
  EXPECT_EQ(at(y, {1, 0}), -1);
  EXPECT_TRUE(std::isnan(at(y, {2, 0})));
  const Array down = Array::empty({1, 3}), where = Array::empty({1, 3}, Dtype::int64);
  table.reduction.maximum(x, 0, {.array = down}, where);
  EXPECT_EQ(where.to_vector<std::int64_t>(), (std::vector<std::int64_t>{2, 2, 2}));
}

}  // namespace
}  // namespace joist::testing
