// Plain kernels of indexing, order, scans and products against numbers worked out by hand.
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

#include <cmath>

namespace joist {
namespace {

const Kernels& table() { return kernels(use_reference()); }
Array array(const Shape& shape, const std::vector<double>& values) {
  return Array::from(values, shape, use_reference());
}
Array integers(const Shape& shape, const std::vector<std::int64_t>& values) {
  return Array::from(values, shape, use_reference());
}
Array unset(const Shape& shape, Dtype dtype = Dtype::float64) { return Array::empty(shape, dtype, use_reference()); }
void expect(const Array& got, const std::vector<double>& wanted, double tolerance = 1e-12) {
  EXPECT_TRUE(near(values_of(got), {got.shape(), wanted}, tolerance));
}
const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();

TEST(PlainIndexing, GatherTakesAndScatterPlacesAlongTheAxis) {
  const Array x = array({2, 3}, {1, 2, 3, 4, 5, 6}), y = unset({2, 2});
  table().indexing.gather(x, 1, integers({2, 2}, {2, 0, 1, 1}), {y});
  expect(y, {3, 1, 5, 5});
  table().indexing.gather(x, 0, integers({2, 2}, {1, 0, 1, 1}), {y});
  expect(y, {4, 2, 4, 5});

  const Array source = array({2, 3}, {1, 2, 3, 4, 5, -6}), index = integers({2, 3}, {0, 0, 1, 1, 1, 0});
  const auto scattered = [&](Scatter how) {
    const Array target = array({2, 2}, {10, 20, 30, 40});
    table().indexing.scatter(how, source, 1, index, target);
    return target;
  };
  expect(scattered(Scatter::replace), {2, 3, -6, 5});  // the last one counts
  expect(scattered(Scatter::add), {13, 23, 24, 49});
  expect(scattered(Scatter::multiply), {20, 60, -180, 800});
  expect(scattered(Scatter::maximum), {10, 20, 30, 40});
  expect(scattered(Scatter::minimum), {1, 3, -6, 4});
}

TEST(PlainSorting, NanIsLastAndEqualsKeepTheirOrder) {
  const Array x = array({6}, {2, nan, 1, 2, -infinity, 1}), y = unset({6}), index = unset({6}, Dtype::int64);
  table().sorting.sort(x, 0, false, y, index);
  expect(y, {-infinity, 1, 1, 2, 2, nan});
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{4, 2, 5, 0, 3, 1}));
  table().sorting.sort(x, 0, true, y, index);
  expect(y, {nan, 2, 2, 1, 1, -infinity});
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 0, 3, 2, 5, 4}));
}

TEST(PlainSorting, SearchesAndCounts) {
  const Array sequence = array({4}, {1, 3, 3, 5}), values = array({5}, {0, 3, 4, 9, nan});
  const Array index = unset({5}, Dtype::int64);
  table().sorting.search(sequence, values, false, index);
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 1, 3, 4, 4}));
  table().sorting.search(sequence, values, true, index);
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 3, 3, 4, 4}));
  const Array count = integers({3}, {0, 0, 10}), total = array({3}, {0, 0, 1});
  table().sorting.count(integers({4}, {2, 0, 2, 2}), Array(), count);
  EXPECT_EQ(count.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 0, 13}));
  table().sorting.count(integers({4}, {2, 0, 2, 2}), array({4}, {0.5, 2, 1, -3}), total);
  expect(total, {2, 0, -0.5});
}

TEST(PlainScan, TotalsAndTheirSlopes) {
  const Array x = array({4}, {2, 0, 3, 5}), dy = array({4}, {1, 10, 100, 1000}), y = unset({4});
  table().scan.sum(x, 0, false, {y});
  expect(y, {2, 2, 5, 10});
  table().scan.sum(x, 0, true, {y});
  expect(y, {10, 8, 8, 5});
  table().scan.product(x, 0, {y});
  expect(y, {2, 0, 0, 0});
  table().scan.product_backward(x, dy, 0, {y});
  expect(y, {1, 2 * (10 + 100 * 3 + 1000 * 15), 0, 0});

  const Array logs = array({3}, {std::log(1), std::log(3), std::log(4)}), z = unset({3}), dz = unset({3});
  table().scan.log_sum_exp(logs, 0, {z});
  expect(z, {0, std::log(4), std::log(8)});
  table().scan.log_sum_exp_backward(logs, z, array({3}, {1, 10, 100}), 0, {dz});
  expect(dz, {1 + 10 / 4.0 + 100 / 8.0, 30 / 4.0 + 300 / 8.0, 50});

  const Array index = unset({5}, Dtype::int64), top = unset({5});
  table().scan.extreme(array({5}, {1, 3, 3, nan, 7}), 0, true, {top}, index);
  expect(top, {1, 3, 3, nan, nan});
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 1, 2, 3, 3}));
}

TEST(PlainReduction, SmallestAndProduct) {
  const Array x = array({2, 3}, {3, -1, -1, 2, nan, 1}), y = unset({2, 1}), index = unset({2, 1}, Dtype::int64);
  table().reduction.minimum(x, 1, {y}, index);
  expect(y, {-1, nan});
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 1}));
  const Array z = array({2, 3}, {2, 3, 4, 0, 5, 6}), dz = unset({2, 3});
  table().reduction.product(z, 1, {y});
  expect(y, {24, 0});
  table().reduction.product_backward(z, array({2, 1}, {1, 2}), 1, {dz});
  expect(dz, {12, 8, 6, 60, 0, 0});
}

}  // namespace
}  // namespace joist
