// Every collective against what it is defined to do, at 1 to 5 ranks, with lengths from none to beyond a slice.
#include <joist/core/parallel/communicator.h>
#include <joist/tests/core/parallel/collectives_check.h>
#include <joist/tests/core/parallel/ranks.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace joist::parallel {
namespace {

TEST(Collectives, AreWhatTheyAreDefinedToBe) {
  for (const int size : {1, 2, 3, 4, 5})
    EXPECT_EQ(on_ranks(size,
                       [](Communicator& world) {
                         for (const std::int64_t n : {0, 1, 7, 1000}) check_all<float>(world, n);
                         for (const std::int64_t n : {8, 40'001}) check_all<double>(world, n);
                         check_all<std::int64_t>(world, 50);
                         check_all<std::int32_t>(world, 33);
                         check_all<std::int8_t>(world, 33);
                         check_all<std::uint8_t>(world, 33);
                       }),
              std::vector<std::string>(static_cast<std::size_t>(size)));
  on_ranks(3, [](Communicator& world) { check_all<float>(world, 1'000'003); });  // several slices per part
}

TEST(Collectives, ReducedBitsAreTheSameOnEveryRank) {
  for (const std::int64_t n : {100, 100'000}) {
    std::vector<std::vector<float>> results(4);
    on_ranks(4, [&](Communicator& world) {
      const Array data = Array::empty({n});
      for (std::int64_t i = 0; i < n; ++i)
        data.data<float>()[i] = std::sin(static_cast<float>(i * 4 + world.rank())) * 1e3F;
      world.all_reduce("sines", data).wait();
      results[static_cast<std::size_t>(world.rank())] = data.to_vector<float>();
    });
    for (const auto& result : results) EXPECT_EQ(result, results[0]);
  }
}

TEST(Collectives, NanWinsMaximaAndMinima) {
  on_ranks(3, [](Communicator& world) {
    for (int bad = 0; bad < 3; ++bad)
      for (const Reduce reduce : {Reduce::max, Reduce::min})
        EXPECT_TRUE(std::isnan(reduced(world, "loss", world.rank() == bad ? std::nan("") : 1.0, reduce)));
  });
}

TEST(Collectives, ManyAreOnTheirWayAtOnce) {
  on_ranks(4, [](Communicator& world) {
    std::vector<Array> buckets;
    std::vector<Work> works;
    for (int b = 0; b < 50; ++b) {
      buckets.push_back(
          Array::from(std::vector<float>(static_cast<std::size_t>(1000 * (b % 7)), 1.0F), {1000 * (b % 7)}));
      works.push_back(world.all_reduce("bucket " + std::to_string(b), buckets.back()));
    }
    for (Work& work : works) work.wait();
    for (const Array& bucket : buckets)
      for (const float v : bucket.to_vector<float>()) ASSERT_EQ(v, 4.0F);
    EXPECT_TRUE(works[0].done());
  });
}

// Two ranks send first and receive then, or the other way round; and messages pass a collective that waits.
TEST(Collectives, MessagesProgressBesideEverything) {
  on_ranks(2, [](Communicator& world) {
    const int other = 1 - world.rank();
    const std::int64_t n = 3'000'000;  // more than a socket holds
    for (const bool receive_first : {false, true}) {
      const Array mine = filled<float>(world.rank(), n), theirs = Array::empty({n});
      Work first = receive_first ? world.receive("half", theirs, other) : world.send("half", mine, other);
      Work second = receive_first ? world.send("half", mine, other) : world.receive("half", theirs, other);
      second.wait();
      first.wait();
      EXPECT_EQ(theirs.to_vector<float>(), filled<float>(other, n).to_vector<float>());
    }
    const Array x = Array::from(std::vector<float>(100'000, 1.0F), {100'000});
    if (world.rank() == 0) {
      Work sum = world.all_reduce("sum", x);
      const Array late = Array::empty({n});
      world.receive("before the sum", late, 1).wait();
      sum.wait();
    } else {
      world.send("before the sum", filled<float>(1, n), 0).wait();
      world.all_reduce("sum", x).wait();
    }
    EXPECT_EQ(x.data<float>()[99'999], 2.0F);
  });
}

TEST(Collectives, SmallThingsHaveFunctions) {
  on_ranks(4, [](Communicator& world) {
    EXPECT_EQ(reduced(world, "pictures", world.rank() + 1), 10);
    EXPECT_EQ(reduced(world, "worst", world.rank(), Reduce::max), 3);
    EXPECT_EQ(broadcast_text(world, "id", world.rank() == 2 ? "安全帽" : "", 2), "安全帽");
    EXPECT_EQ(broadcast_text(world, "nothing", "", 0), "");
  });
}

TEST(Collectives, WrongArgumentsAreRefusedBeforeAnythingIsSent) {
  on_ranks(2, [](Communicator& world) {
    const auto refused = [](auto&& call, const std::string& part) {
      try {
        call();
        ADD_FAILURE() << "not refused: " << part;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      }
    };
    const Array x = Array::empty({3}), half = Array::empty({4}, Dtype::float16);
    refused([&] { world.all_reduce("a", Array()); }, "no memory");
    refused([&] { world.all_reduce("a", half); }, "float16 is not reduced");
    refused([&] { world.all_reduce("a", Array::empty({4, 4}).sliced(1, 0, 2)); }, "gaps");
    refused([&] { world.reduce_scatter("a", x); }, "do not part equally");
    refused([&] { world.all_gather("a", x, {0, 2, 2}); }, "bounds");
    refused([&] { world.broadcast("a", x, 2); }, "no rank 2");
    refused([&] { world.send("a", x, world.rank()); }, "itself");
    refused([&] { thread_communicators(0); }, "0 ranks");
    world.broadcast("16-bit numbers move", half, 1).wait();
    world.barrier("all is well").wait();
  });
}

}  // namespace
}  // namespace joist::parallel
