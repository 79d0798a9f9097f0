#include <joist/core/array.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(Allocator, ReusesWhatWasGivenBack) {
  { const Array warm = Array::empty({1 << 20}); }
  const MemoryStatistics before = allocator(cpu).statistics();
  for (int i = 0; i < 100; ++i) const Array again = Array::empty({1 << 20});
  const MemoryStatistics after = allocator(cpu).statistics();
  EXPECT_EQ(before.system_calls, after.system_calls);
  EXPECT_EQ(before.in_use, after.in_use);
}

TEST(Allocator, SmallerBlocksReuseALargerOnesMemory) {
  { const Array warm = Array::empty({8 << 20}); }
  const std::uint64_t calls = allocator(cpu).statistics().system_calls;
  std::vector<Array> parts;
  for (int i = 0; i < 8; ++i) parts.push_back(Array::empty({(1 << 20) - 1024}));
  EXPECT_EQ(allocator(cpu).statistics().system_calls, calls);
}

// Random sizes and lifetimes: blocks never overlap, keep their contents, are aligned, and merge back into whole
// segments.
TEST(Allocator, BlocksNeverOverlap) {
  Allocator& memory = allocator(cpu);
  std::mt19937 random(7);  // NOLINT: the same sequence every time
  struct Block {
    unsigned char* data;
    std::size_t bytes;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  const std::size_t in_use = memory.statistics().in_use;
  for (int i = 0; i < 20000; ++i) {
    if (blocks.size() < 200 && random() % 2 == 0) {
      const std::size_t bytes = random() % 3 == 0 ? random() % 2000000 : random() % 3000;
      auto* data = static_cast<unsigned char*>(memory.allocate(bytes));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0U);
      const auto mark = static_cast<unsigned char>(random());
      if (bytes) data[0] = data[bytes - 1] = mark;
      blocks.push_back({data, bytes, mark});
    } else if (!blocks.empty()) {
      const std::size_t at = random() % blocks.size();
      const Block block = blocks[at];
      if (block.bytes) {
        ASSERT_EQ(block.data[0], block.mark);
        ASSERT_EQ(block.data[block.bytes - 1], block.mark);
      }
      memory.release(block.data);
      blocks[at] = blocks.back();
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) memory.release(block.data);
  EXPECT_EQ(memory.statistics().in_use, in_use);
  memory.trim();
  EXPECT_LE(memory.statistics().reserved, in_use + (std::size_t{80} << 20));
}

TEST(Allocator, ServesManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i) {
        const Array array = Array::empty({1 + (i * 37 + t) % 5000}, Dtype::uint8);
        std::memset(array.raw(), t, array.bytes());
        ASSERT_EQ(array.data<std::uint8_t>()[array.elements() - 1], t);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(Allocator, RefusalSaysHowMuchWasAskedFor) {
  try {
    const Array impossible = Array::empty({std::int64_t{1} << 50});
    FAIL();
  } catch (const EnvironmentError& error) {
    EXPECT_NE(std::string(error.what()).find("4294967296 MiB"), std::string::npos) << error.what();
    EXPECT_EQ(error.exit_code(), Exit::environment);
  }
}

TEST(Device, WithoutABackendIsANamedError) {
  EXPECT_THROW(Array::empty({1}, Dtype::float32, {Device::Kind::cuda, 0}), EnvironmentError);
  EXPECT_THROW(Array::empty({1}, Dtype::float32, {Device::Kind::cuda, 1}), UnsupportedError);
}

}  // namespace
}  // namespace joist
