#include <joist/core/parallel/communicator.h>

#include <functional>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

namespace joist::parallel {
namespace {

void on_ranks(int size, const std::function<void(Communicator&)>& body) {
  auto ranks = thread_communicators(size);
  std::vector<std::thread> threads;
  for (auto& rank : ranks) threads.emplace_back([&] { body(*rank); });
  for (std::thread& thread : threads) thread.join();
}

TEST(Collectives, AllReduceSums) {
  for (const int size : {1, 2, 3, 4})
    on_ranks(size, [size](Communicator& world) {
      for (const std::int64_t n : {0, 1, 7, 1000}) {
        const Array data = Array::empty({n});
        for (std::int64_t i = 0; i < n; ++i) data.data<float>()[i] = static_cast<float>(world.rank() + i);
        Work work = world.all_reduce("data", data);
        work.wait();
        EXPECT_TRUE(work.done());
        for (std::int64_t i = 0; i < n; ++i)
          EXPECT_EQ(data.data<float>()[i], static_cast<float>(size * (size - 1) / 2 + i * size));
      }
      EXPECT_EQ(reduced(world, "most", world.rank(), Reduce::max), size - 1);
      EXPECT_EQ(broadcast_text(world, "id", world.rank() == 0 ? "安全帽" : "", 0), "安全帽");
    });
}

}  // namespace
}  // namespace joist::parallel
