#include <joist/tests/core/cpu/arrays.h>

#include <joist/core/cpu/parallel.h>

namespace joist::testing {
namespace {

const Kernels table = table_of([](Kernels& kernels) {
  fill_indexing(kernels);
  fill_elementwise(kernels);
});
const std::vector<std::int64_t> wanted{2, 0, 2, 4, 2};

TEST(Indexing, TakesRowsAndGivesGradientsBack) {
  for (const Shape& shape : {Shape{5, 3, 4, 2}, Shape{5, 70}, Shape{5}})
    for (const Layout from : layouts)
      for (const Layout to : layouts) {
        const Array x = random_array(shape, 1, from), index = Array::from(wanted, {5}), y = empty_in(to, shape);
        const auto row = [&](const Shape& i) { return wanted[static_cast<std::size_t>(i[0])]; };
        table.indexing.take_rows(x, index, {.array = y});
        expect_close(
            y, [&](const Shape& i) { return at(x, i.with(0, row(i))); }, 0, 0);
        table.indexing.take_rows(x, index, {.array = y, .accumulate = true});
        expect_close(
            y, [&](const Shape& i) { return 2 * at(x, i.with(0, row(i))); }, 0, 0);

        const Array dx = filled(empty_in(from, shape), [] { return std::numeric_limits<double>::quiet_NaN(); });
        table.indexing.take_rows_backward(y, index, {.array = dx});
        expect_close(
            dx,
            [&](const Shape& i) {
              double sum = 0;
              for (std::int64_t k = 0; k < 5; ++k)
                if (wanted[static_cast<std::size_t>(k)] == i[0]) sum += at(y, i.with(0, k));
              return sum;
            },
            1e-6, 0);
      }
}

TEST(Indexing, OtherTypesAndNoRows) {
  const Array x = Array::from(std::vector<std::int64_t>{10, 11, 12, 13, 14}, {5}), y = Array::empty({5}, Dtype::int64);
  table.indexing.take_rows(x, Array::from(wanted, {5}), {.array = y});
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{12, 10, 12, 14, 12}));
  const Array none = Array::empty({0}, Dtype::int64), dx = random_array({5, 2}, 1);
  table.indexing.take_rows(dx, none, {.array = Array::empty({0, 2})});
  table.indexing.take_rows_backward(Array::empty({0, 2}), none, {.array = dx});
  expect_close(
      dx, [](const Shape&) { return 0; }, 0, 0);
}

TEST(Indexing, ManyRowsOnManyThreads) {
  const int before = threads();
  set_threads(3);
  const std::int64_t rows = 5000;
  std::vector<std::int64_t> index(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::int64_t>(i * i % 37);
  const Array dy = filled(Array::empty({rows, 20}), [] { return 1; }), dx = Array::empty({37, 20});
  table.indexing.take_rows_backward(dy, Array::from(index, {rows}), {.array = dx});
  expect_close(
      dx, [&](const Shape& i) { return static_cast<double>(std::count(index.begin(), index.end(), i[0])); }, 0, 0);
  set_threads(before);
}

}  // namespace
}  // namespace joist::testing
