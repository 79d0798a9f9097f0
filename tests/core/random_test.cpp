#include <joist/core/random.h>

#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace joist {
namespace {

// Known answers published with the generator (Random123, kat_vectors, philox 4x32 with 10 rounds).
TEST(Philox, KnownAnswers) {
  using Four = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, EveryPartOfTheKeyMatters) {
  std::set<std::uint32_t> first;
  first.insert(random_bits({}, 0)[0]);
  first.insert(random_bits({.seed = 1}, 0)[0]);
  first.insert(random_bits({.seed = std::uint64_t{1} << 40}, 0)[0]);
  first.insert(random_bits({.stream = Stream::dropout}, 0)[0]);
  first.insert(random_bits({.step = 1}, 0)[0]);
  first.insert(random_bits({.draw = 1}, 0)[0]);
  first.insert(random_bits({.call = 1}, 0)[0]);
  first.insert(random_bits({}, 1)[0]);
  EXPECT_EQ(first.size(), 8U);
}

TEST(Random, MomentsAreRight) {
  Random random({.seed = 3, .stream = Stream::test});
  double sum = 0, squares = 0, uniform = 0;
  constexpr int count = 200000;
  for (int i = 0; i < count; ++i) {
    const double n = static_cast<double>(random.normal());
    sum += n;
    squares += n * n;
    const float u = random.uniform();
    ASSERT_GE(u, 0.0F);
    ASSERT_LT(u, 1.0F);
    uniform += static_cast<double>(u);
  }
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1, 0.015);
  EXPECT_NEAR(uniform / count, 0.5, 0.003);
  for (int i = 0; i < 1000; ++i) ASSERT_LT(random.below(7), 7U);
}

}  // namespace
}  // namespace joist
