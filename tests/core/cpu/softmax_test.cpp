#include <joist/tests/core/cpu/arrays.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_softmax);

// Sums along an axis, to be read with any index of the whole shape.
template <class Term>
std::function<double(const Shape&)> sums_along(const Shape& shape, int axis, const Term& term) {
  const Array sums = Array::empty(shape.with(axis, 1), Dtype::float64);
  std::fill_n(sums.data<double>(), sums.elements(), 0.0);
  const Strides strides = sums.expanded(shape).strides();
  for_each_index(shape, [&](const Shape& i) { sums.data<double>()[offset_of(i, strides)] += term(i); });
  return [=](const Shape& i) { return sums.data<double>()[offset_of(i, strides)]; };
}

TEST(Softmax, ValuesAndGradientsAlongEveryAxisInEveryLayout) {
  const Shape shapes[] = {{2, 19, 3, 5}, {3, 70}, {2, 1500}};
  for_each_instruction_set([&] {
    for (const Shape& shape : shapes)
      for (int axis = 0; axis < shape.rank(); ++axis)
        for (const Layout layout : layouts) {
          const Array x = random_array(shape, 1, layout), dy = random_array(shape, 2, layout),
                      y = empty_in(layout, shape);
          const auto total = sums_along(shape, axis, [&](const Shape& i) { return std::exp(at(x, i)); });
          table.softmax.softmax(x, axis, {.array = y});
          expect_close(
              y, [&](const Shape& i) { return std::exp(at(x, i)) / total(i); }, 2e-6, 0);
          const Array dx = filled(empty_in(layout, shape), [] { return 1; });
          table.softmax.softmax_backward(y, dy, axis, {.array = dx, .accumulate = true});
          const auto dot = sums_along(shape, axis, [&](const Shape& i) { return at(dy, i) * at(y, i); });
          expect_close(
              dx, [&](const Shape& i) { return 1 + at(y, i) * (at(dy, i) - dot(i)); }, 1e-6, 2e-6);

          table.softmax.log_softmax(x, axis, {.array = y});
          expect_close(
              y, [&](const Shape& i) { return at(x, i) - std::log(total(i)); }, 1e-6, 1e-6);
          table.softmax.log_softmax_backward(y, dy, axis, {.array = dx});
          const auto sum = sums_along(shape, axis, [&](const Shape& i) { return at(dy, i); });
          expect_close(
              dx, [&](const Shape& i) { return at(dy, i) - std::exp(at(y, i)) * sum(i); }, 2e-6, 2e-6);
        }
  });
}

TEST(Softmax, LargeAndMaskedLogits) {
  const float infinity = std::numeric_limits<float>::infinity();
  for_each_instruction_set([&] {
    const Array x = Array::from(std::vector<float>{1e30F, 1e30F, -1e30F, -infinity}, {1, 4}), y = Array::like(x);
    table.softmax.softmax(x, 1, {.array = y});
    EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{0.5F, 0.5F, 0, 0}));
    table.softmax.log_softmax(Array::from(std::vector<float>{5000, 4999}, {1, 2}), 1, {.array = y.sliced(1, 0, 2)});
    EXPECT_NEAR(at(y, {0, 0}), -std::log1p(std::exp(-1)), 1e-6);
  });
}

}  // namespace
}  // namespace joist::testing
