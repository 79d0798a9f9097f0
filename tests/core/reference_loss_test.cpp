// The reference kernels of losses with sums over paths or supports, against numbers worked out by hand.
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

#include <cmath>
#include <limits>

namespace joist {
namespace {

const Kernels& table() { return kernels(use_reference()); }

Array array(const Shape& shape, const std::vector<double>& values) {
  return Array::from(values, shape, use_reference());
}
Array integers(const std::vector<std::int64_t>& values, const Shape& shape) {
  return Array::from(values, shape, use_reference());
}

TEST(ReferenceCtc, ThreeOfFourPathsCollapseToOneLabel) {
  // Two steps, blank 0 and label 1, each with probability 1/2: 1 1, 0 1 and 1 0 read 1.
  const Array x = array({2, 1, 2}, std::vector<double>(4, std::log(0.5)));
  const Array target = integers({1}, {1, 1}), steps = integers({2}, {1}), length = integers({1}, {1});
  const Array loss = array({1}, {0}), alpha = array({1, 2, 3}, std::vector<double>(6));
  table().loss.ctc(x, target, steps, length, 0, {loss}, alpha);
  EXPECT_NEAR(loss.item(), -std::log(0.75), 1e-15);
  const Array dx = array({2, 1, 2}, std::vector<double>(4));
  table().loss.ctc_backward(x, target, steps, length, 0, false, alpha, array({1}, {3}), {dx});
  const auto gradient = dx.to_vector<double>();
  for (const std::size_t step : {0U, 1U}) {  // of the three paths two hold the label at either step
    EXPECT_NEAR(gradient[2 * step], -1, 1e-15);
    EXPECT_NEAR(gradient[2 * step + 1], -2, 1e-15);
  }
}

TEST(ReferenceCtc, RepeatedLabelsNeedABlank) {
  // 1 1 in three steps: the only path is 1 0 1. In two steps there is none.
  const Array x =
      array({3, 1, 2}, {std::log(0.25), std::log(0.75), std::log(0.5), std::log(0.5), std::log(0.9), std::log(0.1)});
  const Array target = integers({1, 1}, {1, 2}), length = integers({2}, {1});
  const Array loss = array({1}, {0}), alpha = array({1, 3, 5}, std::vector<double>(15));
  table().loss.ctc(x, target, integers({3}, {1}), length, 0, {loss}, alpha);
  EXPECT_NEAR(loss.item(), -std::log(0.75 * 0.5 * 0.1), 1e-15);
  table().loss.ctc(x, target, integers({2}, {1}), length, 0, {loss}, alpha);
  EXPECT_EQ(loss.item(), std::numeric_limits<double>::infinity());
  const Array dx = array({3, 1, 2}, std::vector<double>(6, 7));
  table().loss.ctc_backward(x, target, integers({2}, {1}), length, 0, true, alpha, array({1}, {1}), {dx});
  for (const double value : dx.to_vector<double>()) EXPECT_EQ(value, 0);
  table().loss.ctc_backward(x, target, integers({2}, {1}), length, 0, false, alpha, array({1}, {1}), {dx});
  EXPECT_TRUE(std::isnan(dx.to_vector<double>()[0]));
  EXPECT_EQ(dx.to_vector<double>()[4], 0);  // behind the length
}

TEST(ReferenceSparsemax, ProjectsOntoTheSimplex) {
  const Array x = array({3, 3}, {0.5, 0.25, -1, 3, 1, 1.5, 0, 0, 0}), y = array({3, 3}, std::vector<double>(9));
  table().softmax.sparsemax(x, 1, {y});
  const std::vector<double> wanted{0.625, 0.375, 0, 1, 0, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3};
  const auto got = y.to_vector<double>();
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-15) << i;
  const Array dx = array({3, 3}, std::vector<double>(9));
  table().softmax.sparsemax_backward(y, array({3, 3}, {1, 2, 4, 1, 2, 4, 1, 2, 6}), 1, {dx});
  EXPECT_EQ(dx.to_vector<double>(), (std::vector<double>{-0.5, 0.5, 0, 0, 0, 0, -2, -1, 3}));
}

}  // namespace
}  // namespace joist
