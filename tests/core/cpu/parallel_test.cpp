#include <joist/core/cpu/parallel.h>
#include <joist/core/error.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace joist {
namespace {

class Parallel : public ::testing::Test {
 protected:
  void TearDown() override { set_threads(before_); }

 private:
  int before_ = threads();
};

struct Part {
  std::int64_t begin = -1, end = -1;
  friend bool operator==(const Part&, const Part&) = default;
};

std::vector<Part> parts(std::int64_t count, std::int64_t grain) {
  std::vector<Part> result(static_cast<std::size_t>(parts_of(count, grain)));
  parallel_parts(count, grain, [&](int part, std::int64_t begin, std::int64_t end) {
    result[static_cast<std::size_t>(part)] = {begin, end};
  });
  return result;
}

TEST_F(Parallel, PartsCoverEverythingOnceInOrder) {
  for (const int count : {1, 2, 3, 8}) {
    set_threads(count);
    for (const std::int64_t items : {1, 2, 7, 8, 1000, 1001}) {
      const std::vector<Part> all = parts(items, 1);
      EXPECT_EQ(static_cast<std::int64_t>(all.size()), std::min<std::int64_t>(threads(), items));
      EXPECT_EQ(all.front().begin, 0);
      EXPECT_EQ(all.back().end, items);
      for (std::size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].begin, all[i - 1].end);
      for (const Part& part : all) EXPECT_LE(part.end - part.begin, items / static_cast<std::int64_t>(all.size()) + 1);
    }
  }
}

TEST_F(Parallel, FewItemsAreOnePartAndNoneAreNoCall) {
  set_threads(4);
  EXPECT_EQ(parts(10, 10), (std::vector<Part>{{0, 10}}));
  EXPECT_EQ(parts_of(11, 10), std::min(threads(), 2));
  EXPECT_EQ(parts_of(0, 10), 0);
  parallel_for(0, 1, [](std::int64_t, std::int64_t) { FAIL() << "called for no items"; });
}

TEST_F(Parallel, InnerLoopsHaveTheSamePartsAsOuterOnes) {
  set_threads(3);
  const std::vector<Part> outside = parts(100, 1);
  std::vector<std::vector<Part>> inside(6);
  parallel_for(6, 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin) inside[static_cast<std::size_t>(begin)] = parts(100, 1);
  });
  for (const auto& result : inside) EXPECT_EQ(result, outside);
}

TEST_F(Parallel, RethrowsTheLowestPartsException) {
  set_threads(4);
  std::vector<int> ran(static_cast<std::size_t>(parts_of(8, 1)));
  try {
    parallel_parts(8, 1, [&](int part, std::int64_t, std::int64_t) {
      ran[static_cast<std::size_t>(part)] = 1;
      throw std::runtime_error(std::to_string(part));
    });
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "0");
  }
  EXPECT_GE(std::accumulate(ran.begin(), ran.end(), 0), 1);
  EXPECT_EQ(parts(8, 8), (std::vector<Part>{{0, 8}})) << "loops work after an exception";
}

TEST_F(Parallel, PiecesOfALoopDependOnCountAndThreadsOnly) {
  const auto pieces = [](std::int64_t count, std::int64_t grain, Sweep sweep) {
    std::vector<std::int64_t> ends(static_cast<std::size_t>(count), -1);  // by begin
    parallel_for(
        count, grain,
        [&](std::int64_t begin, std::int64_t end) {
          EXPECT_EQ(ends[static_cast<std::size_t>(begin)], -1) << "twice";
          ends[static_cast<std::size_t>(begin)] = end;
        },
        sweep);
    std::int64_t at = 0;
    while (at < count && ends[static_cast<std::size_t>(at)] > at) {
      EXPECT_TRUE(ends[static_cast<std::size_t>(at)] - at >= std::min(grain, count / 2));
      at = ends[static_cast<std::size_t>(at)];
    }
    EXPECT_EQ(at, count);
    return ends;
  };
  for (const int count : {1, 2, 3, 8}) {
    set_threads(count);
    for (const std::int64_t items : {1, 2, 7, 100, 1001}) {
      for (const std::int64_t grain : {1, 10}) {
        const auto once = pieces(items, grain, Sweep::upwards);
        for (int again = 0; again < 20; ++again) EXPECT_EQ(pieces(items, grain, Sweep::downwards), once);
      }
    }
  }
}

TEST_F(Parallel, APieceThatTakesLongDoesNotHoldUpTheOthers) {
  set_threads(2);
  if (threads() < 2) GTEST_SKIP() << "no threads in this build";
  constexpr std::int64_t items = 16;
  std::atomic<int> done{0};
  std::atomic<bool> waited{false};
  parallel_for(items, 1, [&](std::int64_t begin, std::int64_t end) {
    // The first piece waits until all other ones have been done by somebody else.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begin == 0 && done < items - end && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    if (begin == 0) waited = done == items - end;
    done += static_cast<int>(end - begin);
  });
  EXPECT_EQ(done, items);
  EXPECT_TRUE(waited);
}

TEST_F(Parallel, ALoopRethrowsTheLowestPiecesException) {
  set_threads(2);
  for (int again = 0; again < 20; ++again) {
    try {
      parallel_for(100, 1, [&](std::int64_t begin, std::int64_t) { throw std::runtime_error(std::to_string(begin)); });
      FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "0");
    }
  }
}

TEST_F(Parallel, RefusesLessThanOneThread) {
  EXPECT_THROW(set_threads(0), UsageError);
  EXPECT_THROW(set_threads(-2), UsageError);
}

}  // namespace
}  // namespace joist
