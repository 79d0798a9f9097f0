#include <joist/tests/core/cpu/arrays.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_pool);
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Shape pooled(const Shape& x, const PoolOptions& o) {
  return {x[0], x[1], (x[2] + 2 * o.padding[0] - o.kernel[0]) / o.stride[0] + 1,
          (x[3] + 2 * o.padding[1] - o.kernel[1]) / o.stride[1] + 1};
}

// visit(row, column) of every source under the window of output i.
template <class Visit>
void under(const Shape& x, const PoolOptions& o, const Shape& i, const Visit& visit) {
  for (std::int64_t r = i[2] * o.stride[0] - o.padding[0], k = 0; k < o.kernel[0]; ++k, ++r)
    for (std::int64_t c = i[3] * o.stride[1] - o.padding[1], l = 0; l < o.kernel[1]; ++l, ++c)
      if (r >= 0 && r < x[2] && c >= 0 && c < x[3]) visit(r, c);
}

const PoolOptions windows[] = {{.kernel = {2, 2}, .stride = {2, 2}, .padding = {0, 0}},
                               {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
                               {.kernel = {5, 5}, .stride = {1, 1}, .padding = {2, 2}},
                               {.kernel = {1, 4}, .stride = {3, 2}, .padding = {0, 2}, .count_padding = false}};

TEST(Pooling, MaximumIsTheFirstOfEqualsAndItsGradientGoesThere) {
  const Shape shape{2, 18, 7, 8};
  for_each_instruction_set([&] {
    for (const PoolOptions& o : windows)
      for (const Layout layout : layouts) {
        Numbers numbers(3);
        const Array x =
            filled(empty_in(layout, shape), [&] { return std::floor(2 * numbers()) - 9; });  // ties, all below 0
        const Array y = filled(empty_in(layout, pooled(shape, o)), [] { return nan; });
        const Array index = Array::empty(y.shape(), Dtype::int32, cpu,
                                         layout == Layout::row_major ? Order::row_major : Order::channels_last);
        table.pool.maximum(x, o, {.array = y}, index);
        const auto place = [&](const Shape& i) {
          double best = -100;
          std::int64_t position = -1;
          under(shape, o, i, [&](std::int64_t r, std::int64_t c) {
            if (at(x, {i[0], i[1], r, c}) <= best) return;
            best = at(x, {i[0], i[1], r, c});
            position = r * shape[3] + c;
          });
          return position;
        };
        const auto chosen = [&](const Shape& i) { return index.data<std::int32_t>()[offset_of(i, index.strides())]; };
        for_each_index(y.shape(), [&](const Shape& i) { ASSERT_EQ(chosen(i), place(i)) << i.text(); });
        expect_close(
            y,
            [&](const Shape& i) {
              return at(x, {i[0], i[1], place(i) / shape[3], place(i) % shape[3]});
            },
            0, 0);

        const Array dy = random_array(y.shape(), 4, layout), expected = filled(Array::empty(shape), [] { return 1; });
        for_each_index(y.shape(), [&](const Shape& i) {
          expected
              .data<float>()[offset_of({i[0], i[1], place(i) / shape[3], place(i) % shape[3]}, expected.strides())] +=
              static_cast<float>(at(dy, i));
        });
        const Array dx = filled(empty_in(layout, shape), [] { return 1; });
        table.pool.maximum_backward(dy, index, o, {.array = dx, .accumulate = true});
        expect_close(
            dx, [&](const Shape& i) { return at(expected, i); }, 1e-6, 2e-6);
      }
  });
}

TEST(Pooling, NanWinsAndPaddingNever) {
  const float wrong = std::numeric_limits<float>::quiet_NaN();
  const float lowest = -std::numeric_limits<float>::infinity();
  for (const Order order : {Order::row_major, Order::channels_last}) {
    const Array x = Array::empty({1, 20, 1, 5}, Dtype::float32, cpu, order), y = Array::like(x);
    const Array index = Array::empty(x.shape(), Dtype::int32, cpu, order);
    const float row[] = {lowest, lowest, 2, wrong, 3};
    for_each_index(x.shape(), [&](const Shape& i) { x.data<float>()[offset_of(i, x.strides())] = row[i[3]]; });
    table.pool.maximum(x, {.kernel = {1, 3}, .stride = {1, 1}, .padding = {0, 1}}, {.array = y}, index);
    expect_close(
        y, [&](const Shape& i) { return i[3] == 0   ? static_cast<double>(lowest)
                                        : i[3] == 1 ? 2
                                                    : nan; }, 0, 0);
    EXPECT_EQ(index.data<std::int32_t>()[0], 0);
  }
}

TEST(Pooling, AverageAndItsGradient) {
  const Shape shape{2, 18, 7, 8};
  for_each_instruction_set([&] {
    for (const PoolOptions& o : windows)
      for (const Layout layout : layouts) {
        const Array x = random_array(shape, 1, layout),
                    y = filled(empty_in(layout, pooled(shape, o)), [] { return nan; });
        const auto divisor = [&](const Shape& i) {
          double count = 0;
          under(shape, o, i, [&](std::int64_t, std::int64_t) { ++count; });
          return o.count_padding ? static_cast<double>(o.kernel.elements()) : count;
        };
        table.pool.average(x, o, {.array = y});
        expect_close(
            y,
            [&](const Shape& i) {
              double sum = 0;
              under(shape, o, i, [&](std::int64_t r, std::int64_t c) { sum += at(x, {i[0], i[1], r, c}); });
              return sum / divisor(i);
            },
            1e-6, 1e-6);
        const Array dy = random_array(y.shape(), 2, layout), expected = filled(Array::empty(shape), [] { return 1; });
        for_each_index(y.shape(), [&](const Shape& i) {
          under(shape, o, i, [&](std::int64_t r, std::int64_t c) {
            expected.data<float>()[offset_of({i[0], i[1], r, c}, expected.strides())] +=
                static_cast<float>(at(dy, i) / divisor(i));
          });
        });
        const Array dx = filled(empty_in(layout, shape), [] { return 1; });
        table.pool.average_backward(dy, o, {.array = dx, .accumulate = true});
        expect_close(
            dx, [&](const Shape& i) { return at(expected, i); }, 1e-6, 2e-6);
      }
  });
}

}  // namespace
}  // namespace joist::testing
