// The threads behind the loaders, with work whose timing the test decides.
#include <joist/core/error.h>
#include <joist/data/loader/ring.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace joist {
namespace {

using namespace std::chrono_literals;

std::string message_of_next(BatchRing& ring) {
  try {
    ring.next();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(BatchRing, ReportsTheFirstFailureOfABatchWhicheverComesFirst) {
  for (const std::size_t late : {5U, 6U}) {
    std::atomic<int> begun{0};
    BatchRing ring({.batch = 4, .shuffle = false, .threads = 2}, 12, [&](const BatchRing::Item& item) {
      if (item.sample != 5 && item.sample != 6) return;
      ++begun;
      while (begun < 2) std::this_thread::sleep_for(1ms);  // both are under way
      if (item.sample == late) std::this_thread::sleep_for(20ms);
      throw std::runtime_error("sample " + std::to_string(item.sample));
    });
    ring.start(0, 0);
    EXPECT_EQ(ring.next().step, 0);
    EXPECT_EQ(message_of_next(ring), "sample 5");
    EXPECT_EQ(message_of_next(ring), "sample 5");
    ring.start(0, 2);
    EXPECT_EQ(ring.next().step, 2);
    EXPECT_LT(ring.next().slot, 0);
  }
}

TEST(BatchRing, PreparesOnlyWhenNothingRuns) {
  std::atomic<int> running{0};
  BatchRing ring({.batch = 2, .threads = 3}, 40, [&](const BatchRing::Item&) {
    ++running;
    std::this_thread::sleep_for(2ms);
    --running;
  });
  for (int i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(1ms);
    ring.start(0, i, [&] { EXPECT_EQ(running.load(), 0); });
  }
}

TEST(BatchRing, NeverTouchesTheBatchThatTheConsumerHolds) {
  std::atomic<int> held{-1};
  std::atomic<int> touched{0}, ahead{0};
  BatchRing ring({.batch = 2, .threads = 4, .prefetch = 2}, 60, [&](const BatchRing::Item& item) {
    touched += item.slot == held;
    ++ahead;
  });
  ring.start(0, 0);
  for (int step = 0; step < 30; ++step) {
    const BatchRing::Ready ready = ring.next();
    held = ready.slot;
    ASSERT_EQ(ready.step, step);
    ASSERT_EQ(ready.items, 2);
    std::this_thread::sleep_for(1ms);
    EXPECT_LE(ahead, 2 * (step + 3));  // the batch held and two more
    held = -1;
  }
  EXPECT_LT(ring.next().slot, 0);
  EXPECT_EQ(touched, 0);
  EXPECT_EQ(ahead, 60);
}

TEST(BatchRing, NoTwoItemsOfOneWorkerAtOnce) {
  std::atomic<int> busy[4] = {}, clashes{0};
  BatchRing ring({.batch = 5, .threads = 4}, 100, [&](const BatchRing::Item& item) {
    clashes += busy[item.worker].exchange(1);
    std::this_thread::sleep_for(100us);
    busy[item.worker] = 0;
  });
  ring.start(1, 0);
  while (ring.next().slot >= 0) {
  }
  EXPECT_EQ(clashes, 0);
}

}  // namespace
}  // namespace joist
