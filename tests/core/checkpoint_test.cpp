// What runs again in backward gives the bits of a plain run: results, gradients of inputs and captured tensors, running
// statistics, and the random numbers that come after it.
#include <joist/core/checkpoint.h>
#include <joist/core/hooks.h>
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>

#include <cstring>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::vector<float> values(const Array& x) { return x.to_vector<float>(); }

struct Block {
  Parameter weight{Tensor::from({0.5F, -1, 0.25F, 2, 1, -0.5F, 0.75F, 0.125F, 3}, {3, 3}).value()};
  Parameter gamma{Tensor::from({1, 2, 0.5F}, {3}).value()};
  Parameter beta{Tensor::from({0, 1, -1}, {3}).value()};
  Buffer mean{Tensor::zeros({3}).value()};
  Buffer variance{Tensor::full({3}, 1).value()};

  Tensor operator()(const Tensor& x) const {
    const Tensor h = linear(x, weight);
    const Tensor n = batch_norm(h, gamma, beta, mean, variance, {}, training());
    return dropout(tanh(n), 0.3, next_random_key(Stream::dropout)) + x * sum(weight * weight);
  }
};

struct Outcome {
  std::vector<std::vector<float>> all;
  bool operator==(const Outcome& other) const {
    if (all.size() != other.all.size()) return false;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].size() != other.all[i].size() ||
          std::memcmp(all[i].data(), other.all[i].data(), all[i].size() * sizeof(float)) != 0)
        return false;
    return true;
  }
};

template <class Apply>
Outcome run(const Apply& apply, bool grow = false) {
  manual_seed(3);
  const Block block;
  std::vector<float> numbers;
  for (int i = 0; i < 24; ++i) numbers.push_back(std::sin(static_cast<float>(i)) * 3);
  const Tensor x = Tensor::from(numbers, {8, 3}, true);
  const Tensor outside = silu(x);
  const Tensor before = x * 0.3 + outside * 0.1;  // read inside and outside
  Tensor y = apply(block, before);
  if (grow) y = apply(block, y) + before;
  const Tensor after = dropout(y + before * outside + sum(block.weight) * y, 0.5, next_random_key(Stream::dropout));
  mean(after * after).backward();
  return {{values(after.value()),
           values(x.gradient()),
           values(block.weight.gradient()),
           values(block.gamma.gradient()),
           values(block.beta.gradient()),
           values(block.mean.value()),
           values(block.variance.value()),
           {static_cast<float>(next_random_key(Stream::dropout).call)}}};
}

TEST(Checkpoint, GivesTheBitsOfAPlainRun) {
  for (const bool twice : {false, true}) {
    const Outcome plain = run([](const Block& block, const Tensor& x) { return block(x); }, twice);
    EXPECT_EQ(run([](const Block& block, const Tensor& x) { return checkpoint(block, x); }, twice), plain);
    EXPECT_EQ(run(
                  [](const Block& block, const Tensor& x) {
                    return checkpoint([&](std::span<const Tensor> in) { return checkpoint(block, in[0]); }, {x});
                  },
                  twice),
              plain);  // nested
    EXPECT_EQ(run(
                  [](const Block& block, const Tensor& x) {  // everything captured
                    return checkpoint([&block, x](std::span<const Tensor>) { return block(x); },
                                      std::span<const Tensor>());
                  },
                  twice),
              plain);
  }
}

TEST(Checkpoint, SeveralResultsOfWhichOneIsUnused) {
  const auto loss = [](bool checkpointed) {
    const Tensor x = Tensor::from({1, 2, 3}, {3}, true), w = Tensor::from({2, 2, 2}, {3}, true);
    const auto part = [w](std::span<const Tensor> in) { return std::vector{in[0] * w, exp(in[0]), in[0] + w}; };
    const std::vector<Tensor> in{x * 1.0};
    const auto results = checkpointed ? checkpoint_many(part, in) : part(in);
    sum(results[0] * results[2]).backward();
    return std::pair(values(x.gradient()), values(w.gradient()));
  };
  EXPECT_EQ(loss(true), loss(false));
}

TEST(Checkpoint, AnInputThatTheResultDoesNotDependOnGetsZero) {
  const Tensor x = Tensor::from({1, 2}, {2}, true), y = Tensor::from({3, 4}, {2}, true);
  const Tensor a = x * 1.0, b = y * 1.0;
  sum(checkpoint(
          [](std::span<const Tensor> in) {
            static_cast<void>(exp(in[1]));
            return square(in[0]);
          },
          {a, b}))
      .backward();
  EXPECT_EQ(values(x.gradient()), (std::vector<float>{2, 4}));
  EXPECT_EQ(values(y.gradient()), (std::vector<float>{0, 0}));
}

TEST(Checkpoint, HooksSeeTheWholeGradient) {
  const Tensor w = Tensor::from({2, 3}, {2}, true);
  std::vector<std::vector<float>> seen;
  register_hook(w, [&seen](const Array& g) {
    seen.push_back(g.to_vector<float>());
    return Array();
  });
  sum(checkpoint([&w](std::span<const Tensor> in) { return in[0] * w; }, {w}) + w * 5.0).backward();
  EXPECT_EQ(seen, (std::vector<std::vector<float>>{{9, 11}}));
  EXPECT_EQ(values(w.gradient()), (std::vector<float>{9, 11}));
}

TEST(Checkpoint, KeepsOnlyWhatGoesInAndComesOut) {
  const Tensor x(Array::empty({1 << 16}), true);
  kernels(cpu).elementwise.fill(0.5, x.value());
  const auto deep = [](const Tensor& in) {
    Tensor y = in;
    for (int i = 0; i < 20; ++i) y = sin(y);
    return y;
  };
  const auto bytes = [] { return allocator(cpu).statistics().in_use; };
  const std::size_t start = bytes();
  const Tensor plain = deep(x);
  const std::size_t kept = bytes() - start, one = x.value().bytes();
  const std::size_t middle = bytes();
  const Tensor saved = checkpoint([&](std::span<const Tensor> in) { return deep(in[0]); }, {x});
  EXPECT_GE(kept, 20 * one);
  EXPECT_LE(bytes() - middle, 2 * one);
}

TEST(Checkpoint, WhatChangedInBetweenIsAnError) {
  const Tensor x = Tensor::from({1}, {1}, true), w = Tensor::from({2}, {1}, true);
  const Tensor y = checkpoint([&w](std::span<const Tensor> in) { return in[0] * w; }, {x});
  w.value().bump_version();
  EXPECT_THROW(y.backward(), InternalError);
  int calls = 0;
  const Tensor z = checkpoint(
      [&calls](std::span<const Tensor> in) {
        return ++calls == 1 ? in[0] * 2.0 : concat({in[0], in[0]}, 0);
      },
      {x});
  try {
    z.backward();
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("other shapes"), std::string::npos) << error.what();
  }
}

TEST(Checkpoint, WithoutRecordingIsAPlainCall) {
  const Tensor x = Tensor::from({2}, {1}, true);
  const NoGradient off;
  EXPECT_FALSE(checkpoint([](std::span<const Tensor> in) { return in[0] * 2.0; }, {x}).requires_grad());
}

}  // namespace
}  // namespace joist
