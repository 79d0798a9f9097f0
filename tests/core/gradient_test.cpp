// ctest: TIMEOUT 300
#include <joist/core/checkpoint.h>
#include <joist/core/custom.h>
#include <joist/core/hooks.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::vector<float> gradient(const Tensor& x) { return x.gradient().to_vector<float>(); }

TEST(Backward, SumsOverAllUses) {
  const Tensor x = Tensor::from({1, 2, 3}, {3}, true);
  sum(x * x + x).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{3, 5, 7}));
}

TEST(Backward, AccumulatesUntilCleared) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  sum(x * 2.0).backward();
  sum(x * 3.0).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{5, 5}));
  x.clear_gradient();
  EXPECT_FALSE(x.gradient().defined());
  sum(x).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{1, 1}));
}

TEST(Backward, AGradientThatIsAViewOfAnotherIsNotOverwritten) {
  // y's gradient is handed to both a and b without a copy; the second use of a must not write into it.
  const Tensor a = Tensor::from({1, 1}, {2}, true), b = Tensor::from({1, 1}, {2}, true);
  const Tensor a2 = a * 1.0, b2 = b * 1.0;
  const Tensor y = a2 + b2;
  sum(y + a2 * 10.0).backward();
  EXPECT_EQ(gradient(a), (std::vector<float>{11, 11}));
  EXPECT_EQ(gradient(b), (std::vector<float>{1, 1}));
}

TEST(Backward, WritesWhereItIsTold) {
  const Array flat = Array::from(std::vector<float>(4, NAN), {4});
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  x.place_gradient(flat.sliced(0, 1, 3));
  sum(x * 5.0).backward();
  const std::vector<float> values = flat.to_vector<float>();
  EXPECT_EQ(values[1], 5);
  EXPECT_EQ(values[2], 5);
  EXPECT_TRUE(std::isnan(values[0]) && std::isnan(values[3]));
}

TEST(Backward, AValueChangedInBetweenIsAnError) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  const Tensor y = sum(x * x);
  x.value().bump_version();
  try {
    y.backward();
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("changed before backward"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("binary"), std::string::npos) << error.what();
  }
}

TEST(Backward, ASecondRunIsAnError) {
  const Tensor x = Tensor::from({1}, {1}, true);
  const Tensor y = sum(x * x);
  y.backward();
  EXPECT_THROW(y.backward(), InternalError);
}

TEST(Backward, ASecondLossThroughAPartThatRanIsAnErrorToo) {
  const Tensor x = Tensor::from({1}, {1}, true);
  const Tensor shared = x * x;
  const Tensor a = sum(shared * 2.0), b = sum(shared * 3.0);
  a.backward();
  EXPECT_THROW(b.backward(), InternalError);
}

TEST(Backward, NothingToDoIsAnError) {
  EXPECT_THROW(sum(Tensor::from({1}, {1})).backward(), InternalError);
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  EXPECT_THROW((x * 2.0).backward(), ShapeError);
}

// Neither the stack nor memory may follow the depth of a graph, whichever way it ends.
TEST(Backward, AMillionOperationsNeedNoStackAndLeaveNothing) {
  constexpr int deep = 1000000;
  const Tensor x = Tensor::from({1}, {1}, true);
  sum(x).backward();  // the gradient's memory is there
  x.clear_gradient();
  const std::size_t before = allocator(cpu).statistics().in_use;
  {
    Tensor y = x;
    for (int i = 0; i < deep; ++i) y = y + 0.0;
    y.backward();
    EXPECT_EQ(gradient(x), (std::vector<float>{1}));
  }
  EXPECT_EQ(allocator(cpu).statistics().in_use, before);
  {
    Tensor z = x;  // never run backwards: only destroyed
    for (int i = 0; i < deep; ++i) z = z * 1.0;
  }
  EXPECT_EQ(allocator(cpu).statistics().in_use, before);
}

TEST(Backward, DeepChainsOfHooksAndCheckpointsNeedNoStack) {
  constexpr int deep = 100000;
  const Tensor x = Tensor::from({1}, {1}, true);
  sum(x).backward();
  x.clear_gradient();
  const std::size_t before = allocator(cpu).statistics().in_use;
  for (const bool run : {true, false}) {
    Tensor y = x;
    for (int i = 0; i < deep; ++i) {
      y = y + 0.0;
      register_hook(y, [](const Array&) { return Array(); });
      if (i % 10 == 0) y = checkpoint([](std::span<const Tensor> in) { return in[0] * 1.0; }, {y});
      if (i % 10 == 5)
        y = custom(
            "same", {y}, [](CustomContext& context, auto in) { return context.save(in), in[0] * 1.0; },
            [](const CustomContext&, auto dy) { return std::vector{dy[0]}; });
    }
    if (run) {
      y.backward();
      EXPECT_EQ(gradient(x), (std::vector<float>{1}));
    }
  }
  EXPECT_EQ(allocator(cpu).statistics().in_use, before);
}

TEST(Backward, AWideGraphAddsUpInOrder) {
  const Tensor x = Tensor::from({1}, {1}, true);
  std::vector<Tensor> parts;
  for (int i = 0; i < 20000; ++i) parts.push_back(x * 1.0);
  sum(concat(parts, 0)).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{20000}));
}

TEST(Backward, UnusedOutputsOfAnOperationCountAsZero) {
  const Tensor x = Tensor::from({1, 2, 3, 4}, {4}, true);
  sum(chunk(x, 2, 0)[1]).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{0, 0, 1, 1}));
}

TEST(NoGradient, RecordsNothing) {
  const Tensor x = Tensor::from({1}, {1}, true);
  const NoGradient off;
  EXPECT_FALSE((x * 2.0).requires_grad());
}

TEST(Listener, HearsEveryOperationWithItsAttributes) {
  struct Ear final : Listener {
    std::vector<Op> heard;
    void on_record(const Operation& operation, std::span<const Tensor>, std::span<const Tensor>) override {
      heard.push_back(operation.op);
    }
  } ear;
  const Tensor x = Tensor::zeros({1, 2, 4, 4});
  {
    const Listening listening(ear);
    relu(conv2d(x, Tensor::zeros({3, 2, 3, 3})));
  }
  relu(x);
  EXPECT_EQ(ear.heard, (std::vector{Op::convolution, Op::unary}));
}

TEST(Mode, ScopesNest) {
  EXPECT_TRUE(training());
  {
    const Inference inference;
    EXPECT_FALSE(training());
    const Mode inner(Mode::training);
    EXPECT_TRUE(training());
    EXPECT_TRUE(NoGradient::active());
  }
  EXPECT_TRUE(training());
  EXPECT_FALSE(NoGradient::active());
}

TEST(RandomKeys, CountCallsWithinAStep) {
  manual_seed(5);
  set_random_step(7);
  const RandomKey a = next_random_key(Stream::dropout), b = next_random_key(Stream::dropout);
  EXPECT_EQ(a.call, 0U);
  EXPECT_EQ(b.call, 1U);
  set_random_step(7);
  EXPECT_EQ(next_random_key(Stream::dropout).call, 0U);
}

}  // namespace
}  // namespace joist
