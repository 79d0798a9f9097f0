// fill, copy, unary and binary kernels: layouts, broadcasting, accumulation, conversion. Values of the functions:
// simd_test.
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/tiles.h>
#include <joist/tests/core/cpu/arrays.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_elementwise);
const ElementwiseKernels& kernels_under_test = table.elementwise;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST(Elementwise, UnaryInEveryPairOfLayouts) {
  const Shape shapes[] = {{3, 21, 5, 4}, {2, 3, 40, 50}, {70, 33}, {5}, {}};
  for_each_instruction_set([&] {
    for (const Shape& shape : shapes)
      for (const Layout from : layouts)
        for (const Layout to : layouts) {
          const Array x = random_array(shape, 1, from), dy = random_array(shape, 2, to);
          const Array y = filled(empty_in(to, shape), [] { return nan; }),
                      dx = filled(empty_in(from, shape), [] { return 1; });
          const Unary f = Affine{2, -1};
          kernels_under_test.unary(f, x, {.array = y});
          expect_close(
              y, [&](const Shape& i) { return 2 * at(x, i) - 1; }, 1e-6, 1e-6);
          kernels_under_test.unary_backward(f, x, dy, {.array = dx, .accumulate = true});
          expect_close(
              dx, [&](const Shape& i) { return 1 + 2 * at(dy, i); }, 1e-6, 1e-6);
        }
  });
}

TEST(Elementwise, InPlace) {
  for (const Layout layout : layouts) {
    const Array x = random_array({2, 9, 3, 5}, 3, layout), before = random_array({2, 9, 3, 5}, 3);
    kernels_under_test.unary(Square{}, x, {.array = x});
    expect_close(
        x, [&](const Shape& i) { return at(before, i) * at(before, i); }, 1e-6, 0);
  }
}

// The gap between the rows of a view is somebody else's memory.
TEST(Elementwise, GapsAreNotTouched) {
  const Array all = filled(Array::empty({2, 10, 3, 3}, Dtype::float32, cpu, Order::channels_last), [] { return 7; });
  const Array part = all.sliced(1, 2, 8);
  kernels_under_test.unary(Affine{0, 1}, part, {.array = part});
  kernels_under_test.fill(2, all.sliced(1, 3, 5));
  expect_close(
      all, [](const Shape& i) { return i[1] < 2 || i[1] >= 8    ? 7
                                       : i[1] == 3 || i[1] == 4 ? 2
                                                                : 1; }, 0, 0);
}

// Outputs of more than 32 MB are written past the caches where their rows allow: the numbers are those of small ones.
TEST(Elementwise, LargeOutputsAreLikeSmallOnes) {
  constexpr std::int64_t rows = 1 << 18, part = 1000;
  ASSERT_TRUE(outgrows_caches(rows * 40));
  for (const auto& [columns, first] : {std::pair<std::int64_t, std::int64_t>{32, 0}, {32, 16}, {40, 0}, {37, 3}}) {
    const Array x = random_array({part, 64}, 1).strided({rows, columns}, {0, 1});
    const Array whole = Array::empty({rows, 64});
    const Array y = whole.sliced(1, first, first + columns);
    const Array small_x = x.sliced(0, 0, part), small = Array::empty({part, columns});
    const auto check = [&](const char* what) {
      const Array last = y.sliced(0, rows - part, rows);
      for_each_index(small.shape(),
                     [&](const Shape& i) { ASSERT_EQ(at(last, i), at(small, i)) << what << " " << i.text(); });
      kernels_under_test.fill(nan, whole);
    };
    for_each_instruction_set([&] {
      kernels_under_test.unary(Silu{}, x, {y});
      kernels_under_test.unary(Silu{}, small_x, {small});
      check("unary");
      kernels_under_test.binary(Multiply{}, x, x, {y});
      kernels_under_test.binary(Multiply{}, small_x, small_x, {small});
      check("binary");
      kernels_under_test.copy(x, {y});
      kernels_under_test.copy(small_x, {small});
      check("copy");
    });
  }
}

TEST(Elementwise, BinaryBroadcastsAndSumsItsGradients) {
  const Shape whole{3, 18, 4, 6};
  const Shape others[] = {whole, {1, 18, 1, 1}, {3, 18, 1, 1}, {6}, {4, 1}, {1, 1, 1, 1}, {}, {3, 1, 4, 6}};
  for_each_instruction_set([&] {
    for (const Shape& other : others)
      for (const Layout layout : layouts) {
        const Array a = random_array(whole, 1, layout), b = random_array(other, 2, layout),
                    dy = random_array(whole, 3, layout);
        const Array wide = b.expanded(whole), y = empty_in(layout, whole);
        kernels_under_test.binary(Multiply{}, a, b, {.array = y});
        expect_close(
            y, [&](const Shape& i) { return at(a, i) * at(wide, i); }, 1e-6, 0);
        kernels_under_test.binary(Subtract{}, b, a, {.array = y});
        expect_close(
            y, [&](const Shape& i) { return at(wide, i) - at(a, i); }, 1e-6, 1e-7);

        const Array da = filled(empty_in(layout, whole), [] { return 1; }),
                    db = filled(empty_in(layout, other), [] { return nan; });
        kernels_under_test.binary_backward(Multiply{}, a, b, dy, 0, {.array = da, .accumulate = true});
        expect_close(
            da, [&](const Shape& i) { return 1 + at(dy, i) * at(wide, i); }, 1e-6, 1e-6);
        kernels_under_test.binary_backward(Multiply{}, a, b, dy, 1, {.array = db});
        std::vector<double> sums(static_cast<std::size_t>(db.elements()));
        const Array totals = db.expanded(whole);
        const auto slot = [&](const Shape& i, const Array& array) { return offset_of(i, array.strides()); };
        std::vector<std::pair<std::int64_t, double>> expected;
        for_each_index(whole, [&](const Shape& i) {
          const std::int64_t at_b = slot(i, totals);
          for (auto& [where, sum] : expected)
            if (where == at_b) {
              sum += at(dy, i) * at(a, i);
              return;
            }
          expected.emplace_back(at_b, at(dy, i) * at(a, i));
        });
        for (const auto& [where, sum] : expected) ASSERT_NEAR(static_cast<double>(db.data<float>()[where]), sum, 1e-4);
      }
  });
}

TEST(Elementwise, CopyConvertsBetweenAllTypes) {
  const Dtype types[] = {Dtype::float32, Dtype::float64, Dtype::float16, Dtype::bfloat16, Dtype::int64,
                         Dtype::int32,   Dtype::int8,    Dtype::uint8,   Dtype::boolean};
  for (const Dtype from : types)
    for (const Dtype to : types) {
      const Array x = Array::empty({2, 3}, from), y = Array::empty({3, 2}, to).transposed(),
                  back = Array::empty({2, 3});
      kernels_under_test.fill(5, x);
      kernels_under_test.fill(0, x.selected(0, 1));
      kernels_under_test.copy(x, {.array = y});
      kernels_under_test.copy(y, {.array = y, .accumulate = true});
      kernels_under_test.copy(y, {.array = back});
      const double once = from == Dtype::boolean || to == Dtype::boolean ? 1 : 5,
                   sum = to == Dtype::boolean ? 1 : 2 * once;
      expect_close(
          back, [&](const Shape& i) { return i[0] == 0 ? sum : 0; }, 0, 0);
    }
}

TEST(Elementwise, CopyTransposesAndBroadcasts) {
  for (const Layout from : layouts)
    for (const Layout to : layouts) {
      const Array x = random_array({2, 37, 19, 3}, 1, from), y = empty_in(to, x.shape());
      kernels_under_test.copy(x, {.array = y});
      expect_close(
          y, [&](const Shape& i) { return at(x, i); }, 0, 0);
      const Array row = random_array({3}, 2);
      kernels_under_test.copy(row, {.array = y, .accumulate = true});
      expect_close(
          y, [&](const Shape& i) { return at(x, i) + at(row, {i[3]}); }, 1e-6, 1e-7);
    }
}

TEST(Elementwise, NoElements) {
  const Array x = Array::empty({3, 0, 2});
  kernels_under_test.fill(1, x);
  kernels_under_test.copy(x, {.array = Array::empty({3, 0, 2})});
  kernels_under_test.unary(Relu{}, x, {.array = x});
  const Array dx = filled(Array::empty({3, 1, 2}), [] { return nan; });
  kernels_under_test.binary_backward(Multiply{}, dx, x, x, 0, {.array = dx});
  expect_close(
      dx, [](const Shape&) { return 0; }, 0, 0);
}

}  // namespace
}  // namespace joist::testing
