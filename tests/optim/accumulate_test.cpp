#include <joist/core/ops.h>
#include <joist/optim/accumulate.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(Accumulation, EqualsOneBackwardOverTheWholeBatch) {
  const std::vector<float> numbers{1, -2, 3, 0.5F, 4, 1, -1, 2};
  const Tensor w = Tensor::from({0.5F, 2}, {2, 1}, true);
  mean(square(matmul(Tensor::from(numbers, {4, 2}), w))).backward();
  const std::vector<float> whole = w.gradient().to_vector<float>();
  w.clear_gradient();
  Accumulation accumulation(2);
  std::vector<bool> due;
  for (int part = 0; part < 2; ++part) {
    EXPECT_EQ(accumulation.done(), part);
    const Tensor x = Tensor::from({numbers.begin() + 4 * part, numbers.begin() + 4 * part + 4}, {2, 2});
    due.push_back(accumulation.backward(mean(square(matmul(x, w)))));
  }
  EXPECT_EQ(due, (std::vector<bool>{false, true}));
  EXPECT_EQ(accumulation.done(), 0);
  const std::vector<float> parts = w.gradient().to_vector<float>();
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_FLOAT_EQ(parts[i], whole[i]);
}

TEST(Accumulation, WrongUseIsAnError) {
  EXPECT_THROW(Accumulation(0), UsageError);
  Accumulation accumulation(2);
  EXPECT_THROW(accumulation.backward(Tensor::from({1, 2}, {2}, true)), ShapeError);
  EXPECT_EQ(accumulation.done(), 0);
  EXPECT_FALSE(accumulation.backward(sum(Tensor::from({1, 2}, {2}, true))));
  accumulation.restart();
  EXPECT_EQ(accumulation.done(), 0);
}

}  // namespace
}  // namespace joist
