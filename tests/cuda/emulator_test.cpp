// The emulator sees what a GPU would not say: accesses outside, races, barriers that not all reach.
#include <joist/cuda/elements.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/machine.h>
#include <joist/cuda/reduce.h>
#include <joist/cuda/vectors.h>
#include <joist/tests/support/expect_error.h>

#include <numeric>
#include <set>

namespace joist::cuda {
namespace {

Region region(std::vector<float>& memory) { return {memory.data(), memory.data(), memory.data() + memory.size()}; }

template <class Body>
void run(const Body& body, Grid grid = {.threads = 64, .shared_bytes = 1024}) {
  launch("test", grid, body);
}
template <class Body>
void expect_refused(const Body& body, const std::string& part, Grid grid = {.threads = 64, .shared_bytes = 1024}) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    emulator::settings().seed = seed;
    expect_error<InternalError>(
        [&] {
          run(body, grid);
          return 0;
        },
        {"emulated kernel test", part});
  }
}

TEST(Emulator, ShufflesAndBarriersMakeASum) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    emulator::settings().seed = seed;
    std::vector<float> x(1000), y(3);
    std::iota(x.begin(), x.end(), 1.0F);
    const Region from = region(x), to = region(y);
    run(
        [=](Block& block) {
          const auto room = block.shared<float>(32);
          float own = 0;
          for (std::int64_t i = block.thread(); i < 1000; i += block.threads()) own += from.load<float>(i);
          const float total = sum(block, room, own);
          if (block.thread() == 7) to.store(block.index(), total);
        },
        {.blocks = 3, .threads = 256, .shared_bytes = fold_bytes<float>});
    EXPECT_EQ(y, std::vector<float>(3, 500500));
  }
}

TEST(Emulator, AtomicAdditionsAreNoRace) {
  std::vector<float> y(1);
  const Region to = region(y);
  run([=](Block&) { to.atomic_add(0, 1.0F); }, {.blocks = 4, .threads = 64});
  EXPECT_EQ(y[0], 256);
}

TEST(Emulator, RefusesSixteenBytesThatBeginAnywhere) {
  std::vector<float> x(68);
  const Region whole = region(x), shifted(x.data() + 1, x.data(), x.data() + x.size());
  run([=](Block& block) {
    if (block.thread() < 17) whole.store(block.thread(), Quad{});
  });
  expect_refused(
      [=](Block& block) {
        if (block.thread() < 16) shifted.store(block.thread(), Quad{});
      },
      "no multiple of 16");
}

TEST(Emulator, SeesRacesWithinSixteenBytes) {
  std::vector<float> x(64);
  const Region memory = region(x);
  expect_refused(
      [=](Block& block) {
        if (block.thread() == 40) memory.store(2, Quad{});
        if (block.thread() == 3) memory.store(11, 1.0F);
      },
      "a race");
}

TEST(Emulator, RefusesAccessOutside) {
  std::vector<float> x(64), block_of(66);
  const Region from = region(x);
  expect_refused([=](Block& block) { static_cast<void>(from.load<float>(block.thread() + 1)); }, "reads at byte 256");
  expect_refused([=](Block& block) { from.store(block.thread() - 1, 0.0F); }, "writes at byte -4");
  expect_refused(
      [=](Block& block) {
        const auto s = block.shared<float>(64);
        s[block.thread() + 1] = 1;
      },
      "shared memory");
  expect_refused([=](Block& block) { block.shared<float>(1000)[0] = 1; }, "takes 4000 bytes of shared memory");
}

TEST(Emulator, RefusesReadingWhatNobodyWrote) {
  expect_refused([](Block& block) { static_cast<void>(static_cast<float>(block.shared<float>(64)[block.thread()])); },
                 "nobody wrote");
}

TEST(Emulator, SeesRacesInSharedMemory) {
  // A neighbour's number without a barrier.
  expect_refused(
      [](Block& block) {
        const auto s = block.shared<float>(64);
        s[block.thread()] = 1;
        block.shuffle_xor(0, 1);  // the warp is in step, the block is not
        static_cast<void>(static_cast<float>(s[63 - block.thread()]));
      },
      "a race");
  // All write one place.
  expect_refused([](Block& block) { block.shared<float>(1)[0] = 1; }, "a race");
  // Written again while others may still read.
  expect_refused(
      [](Block& block) {
        const auto s = block.shared<float>(1);
        if (block.thread() == 0) s[0] = 1;
        block.sync();
        static_cast<void>(static_cast<float>(s[0]));
        if (block.thread() == 0) s[0] = 2;
      },
      "read, with no barrier between");
}

TEST(Emulator, SeesRacesBetweenBlocks) {
  std::vector<float> y(64);
  const Region to = region(y);
  expect_refused([=](Block& block) { to.store(block.thread(), 1.0F); }, "a race", {.blocks = 2, .threads = 64});
  expect_refused(
      [=](Block& block) {
        if (block.index() == 0)
          to.store(block.thread(), 1.0F);
        else
          static_cast<void>(to.load<float>(block.thread()));
      },
      "a race", {.blocks = 2, .threads = 64, .independent = true});
  expect_refused([=](Block& block) { block.thread() == 3 ? to.store(0, 1.0F) : to.atomic_add(0, 1.0F); }, "a race");
}

TEST(Emulator, RefusesBarriersThatNotAllReach) {
  expect_refused(
      [](Block& block) {
        if (block.thread() < 40) block.sync();
      },
      "others ended without");
  expect_refused(
      [](Block& block) {
        if (block.thread() < 40)
          block.sync();
        else
          block.sync();
      },
      "different barriers");
  expect_refused(
      [](Block& block) {
        if (block.lane() < 20) static_cast<void>(block.shuffle_xor(1, 1));
      },
      "never come");
  expect_refused([](Block& block) { block.sync(); }, "independent", {.threads = 64, .independent = true});
}

// As with a GPU, whose memory the host cannot read.
TEST(EmulatorDeathTest, HostThatTouchesTheMemoryDies) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const Array x = Array::from(std::vector<float>{1, 2}, {2}, emulator::use_emulated_gpu());
  EXPECT_DEATH(*static_cast<volatile float*>(x.raw()) = 3, "SEGV");
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2}));
  expect_error<UnsupportedError>([&] { return x.data<float>(); }, {"cuda:0", "to(x, cpu)"});
}

TEST(Emulator, TakesTheOrderFromTheSeed) {
  const auto first_writer = [](std::uint64_t seed) {
    emulator::settings() = {.seed = seed, .races = false};
    std::vector<float> y(1, -1);
    const Region to = region(y);
    run([=](Block& block) {
      if (to.load<float>(0) < 0) to.store(0, static_cast<float>(block.thread()));
    });
    emulator::settings() = {};
    return y[0];
  };
  std::set<float> writers;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) writers.insert(first_writer(seed));
  EXPECT_GT(writers.size(), 3U);
}

}  // namespace
}  // namespace joist::cuda
