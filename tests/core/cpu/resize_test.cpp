#include <joist/tests/core/cpu/arrays.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_resize);

TEST(Resize, NearestAndItsGradient) {
  const Shape shape{2, 19, 6, 5};
  for_each_instruction_set([&] {
    for (const Layout layout : layouts)
      for (const auto& [height, width] : {std::pair(12, 10), std::pair(4, 13), std::pair(6, 5), std::pair(1, 1)}) {
        const Array x = random_array(shape, 1, layout), y = empty_in(layout, {2, 19, height, width});
        const auto source = [&, h = height, w = width](const Shape& i) {
          return Shape{i[0], i[1], i[2] * 6 / h, i[3] * 5 / w};
        };
        table.resize.nearest(x, {.array = y});
        expect_close(
            y, [&](const Shape& i) { return at(x, source(i)); }, 0, 0);

        const Array dy = random_array(y.shape(), 2, layout), expected = filled(Array::empty(shape), [] { return 1; });
        for_each_index(y.shape(), [&](const Shape& i) {
          expected.data<float>()[offset_of(source(i), expected.strides())] += static_cast<float>(at(dy, i));
        });
        const Array dx = filled(empty_in(layout, shape), [] { return 1; });
        table.resize.nearest_backward(dy, {.array = dx, .accumulate = true});
        expect_close(
            dx, [&](const Shape& i) { return at(expected, i); }, 1e-6, 1e-5);
      }
  });
}

}  // namespace
}  // namespace joist::testing
