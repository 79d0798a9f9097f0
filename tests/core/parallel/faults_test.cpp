// Ranks that die, hang, leave, disagree or lose messages: each ends all ranks with a message that says which rank and
// what.
#include <joist/core/parallel/diagnosis.h>
#include <joist/core/parallel/mesh_communicator.h>
#include <joist/tests/core/parallel/ranks.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace joist::parallel {
namespace {

using namespace std::chrono_literals;
using Ranks = std::vector<std::unique_ptr<MeshCommunicator>>;

Ranks ranks(int size, std::chrono::milliseconds timeout, bool compare = false) {
  Ranks result;
  for (MeshLinks& links : links_in_process(size)) {
    links.timeout = timeout;
    links.compare_calls = compare;
    result.push_back(std::make_unique<MeshCommunicator>(std::move(links)));
  }
  return result;
}

Array ones(std::int64_t n) { return Array::from(std::vector<float>(static_cast<std::size_t>(n), 1.0F), {n}); }

void expect_all(const std::vector<std::string>& errors, const std::vector<std::string>& parts,
                std::size_t except = 99) {
  for (std::size_t r = 0; r < errors.size(); ++r)
    for (const std::string& part : parts)
      EXPECT_TRUE(r == except || errors[r].find(part) != std::string::npos) << "rank " << r << ": " << errors[r];
}

TEST(Faults, ARankThatDiesIsNamedWithWhatItDid) {
  for (const int victim : {0, 2}) {
    const auto errors = on_ranks(ranks(3, 60s), [&](Communicator& world) {
      for (int step = 0; step < 1000; ++step) {
        if (world.rank() == victim && step == 5) {
          world.doing("loading pictures");
          std::this_thread::sleep_for(1100ms);  // a heartbeat tells the others
          return static_cast<MeshCommunicator&>(world).sever();
        }
        world.all_reduce("bucket 3: layer4", ones(1000)).wait();
      }
    });
    expect_all(errors,
               {"rank " + std::to_string(victim), "died", "#5 all_reduce(bucket 3: layer4)", "\"loading pictures\""},
               static_cast<std::size_t>(victim));
  }
}

TEST(Faults, ARankThatIsLateIsNamed) {
  std::atomic<bool> go{false};
  const auto errors = on_ranks(ranks(3, 400ms), [&](Communicator& world) {
    world.all_reduce("bucket 1", ones(10)).wait();
    if (world.rank() == 1) {
      world.doing("worker 2 of the loader");
      while (!go) std::this_thread::sleep_for(5ms);
      world.poll();
      return;
    }
    try {
      world.all_reduce("bucket 2: head", ones(10)).wait();
    } catch (...) {
      go = true;
      throw;
    }
  });
  expect_all(errors, {"time-out of 0.4 s", "rank 1 never reached #2 all_reduce(bucket 2: head)",
                      "finished #1 all_reduce(bucket 1)", "\"worker 2 of the loader\"", "ranks 0 and 2 wait in #2"});
}

TEST(Faults, MessagesBetweenTwoRanksTimeOutToo) {
  std::atomic<bool> go{false};
  const auto errors = on_ranks(ranks(2, 400ms), [&](Communicator& world) {
    if (world.rank() == 0) {
      while (!go) std::this_thread::sleep_for(5ms);
      world.poll();
    } else {
      const Array x = ones(3);
      try {
        world.receive("subtree", x, 0).wait();
      } catch (...) {
        go = true;
        throw;
      }
    }
  });
  expect_all(errors, {"rank 1 in receive(subtree) from rank 0", "of rank 0: it had called no collective"});
}

TEST(Faults, LongSectionsOfOneRankAreNotLate) {
  const auto errors = on_ranks(ranks(3, 300ms), [](Communicator& world) {
    if (world.rank() == 0) {
      const LongSection section(world, "evaluation");
      std::this_thread::sleep_for(1200ms);
    }
    world.barrier("after the evaluation").wait();
    world.all_reduce("bucket", ones(10)).wait();
  });
  EXPECT_EQ(errors, std::vector<std::string>(3));
}

TEST(Faults, ARankThatEndsEarlyIsNamed) {
  for (const int victim : {0, 2}) {
    const auto errors = on_ranks(ranks(3, 60s), [victim](Communicator& world) {
      world.all_reduce("bucket 1", ones(10)).wait();
      if (world.rank() == victim) return;
      world.all_reduce("bucket 2", ones(10)).wait();
    });
    expect_all(errors, {"rank " + std::to_string(victim) + " ended while others", "#2 all_reduce(bucket 2)"},
               static_cast<std::size_t>(victim));
  }
}

TEST(Faults, AnErrorOfOneRankReachesAll) {
  const auto errors = on_ranks(ranks(3, 60s), [](Communicator& world) {
    if (world.rank() == 1) {
      world.abort("the disk is full");
      EXPECT_THROW(world.poll(), CommunicatorError);
      EXPECT_TRUE(world.aborted());
      throw std::runtime_error("disk");
    }
    world.all_reduce("bucket", ones(10)).wait();
  });
  expect_all(errors, {"rank 1 gave up: the disk is full"}, 1);
  // Also where it is an exception that nobody catches.
  const auto thrown = on_ranks(ranks(2, 60s), [](Communicator& world) {
    if (world.rank() == 1) throw std::runtime_error("bad picture");
    world.all_reduce("bucket", ones(10)).wait();
  });
  expect_all(thrown, {"rank 1"}, 1);
}

TEST(Faults, DifferentCallsAreShownBesideEachOther) {
  for (const bool compare : {false, true}) {
    const auto shapes = on_ranks(ranks(3, 60s, compare), [](Communicator& world) {
      world.all_reduce("bucket", ones(world.rank() == 1 ? 11 : 10)).wait();
    });
    expect_all(shapes, {"different things as #1", "all_reduce(bucket) of float32 [11]", "float32 [10]"});
    const auto kinds = on_ranks(ranks(2, 60s, compare), [](Communicator& world) {
      if (world.rank() == 0) {
        world.all_reduce("loss", ones(1)).wait();
      } else {
        world.broadcast("weights", ones(1)).wait();
      }
      world.barrier("end").wait();
    });
    expect_all(kinds, {"different things as #1", "all_reduce(loss)", "broadcast(weights)"});
  }
}

enum class Fault { drop, swap, long_delay, short_delay };

// A job in which one message, chosen by the seed, meets the fault. True when the job failed.
bool faulty_job(std::uint64_t seed, Fault fault) {
  const int size = 2 + static_cast<int>(seed / 4 % 3), culprit = static_cast<int>(seed * 7 / 3) % size;
  const std::uint64_t which = seed * 13 % 37;
  std::atomic<int> hits{0};
  Ranks job;
  for (MeshLinks& links : links_in_process(size)) {
    links.timeout = fault == Fault::drop || fault == Fault::long_delay ? 1000ms : 60'000ms;
    if (links.rank == culprit)
      links.fate = [&, fault](int, std::uint64_t count) {
        if (count != which || hits.fetch_add(1) > 0) return MessageFate{};
        return MessageFate{.drop = fault == Fault::drop,
                           .swap_with_next = fault == Fault::swap,
                           .delay = fault == Fault::long_delay    ? 30'000ms
                                    : fault == Fault::short_delay ? 40ms
                                                                  : 0ms};
      };
    job.push_back(std::make_unique<MeshCommunicator>(std::move(links)));
  }
  const auto errors = on_ranks(std::move(job), [&](Communicator& world) {
    const int next = (world.rank() + 1) % size, previous = (world.rank() + size - 1) % size;
    for (int step = 0; step < 10; ++step) {
      const Array x = ones(step % 2 == 0 ? 3 : 50'000);
      world.all_reduce("bucket " + std::to_string(step), x).wait();
      EXPECT_EQ(x.data<float>()[0], static_cast<float>(size));
      std::vector<Work> works;
      std::vector<Array> halos;
      for (int i = 0; i < 3; ++i) {
        works.push_back(world.send("bucket halo", x, next));
        halos.push_back(Array::empty(x.shape()));
        works.push_back(world.receive("bucket halo", halos.back(), previous));
      }
      for (Work& work : works) work.wait();
      world.broadcast("bucket scale", x, step % size).wait();
    }
  });
  EXPECT_GT(hits, 0) << seed;
  const std::string pair = "from rank " + std::to_string(culprit) + " to rank";
  for (const std::string& error : errors) {
    EXPECT_EQ(error.empty(), errors[0].empty()) << seed << error;
    if (error.empty()) continue;
    EXPECT_NE(error.find("bucket"), std::string::npos) << seed << error;
    const bool lost = error.find(pair) != std::string::npos && error.find("lost or out of order") != std::string::npos;
    const bool late = error.find("time-out of 1.0 s") != std::string::npos;
    EXPECT_TRUE(lost || (late && fault != Fault::swap)) << seed << error;
  }
  return !errors[0].empty();
}

TEST(Faults, AHundredSeedsEndInTheRightMessageAndNeverHang) {
  std::atomic<std::uint64_t> next{0};
  std::atomic<int> swapped{0};
  std::vector<std::thread> workers;
  for (int w = 0; w < 10; ++w)
    workers.emplace_back([&] {
      for (std::uint64_t seed = next++; seed < 100; seed = next++) {
        const auto fault = static_cast<Fault>(seed % 4);
        const bool failed = faulty_job(seed, fault);
        if (fault == Fault::swap) {
          swapped += failed ? 1 : 0;  // with no other message behind it, a swap is only a delay
        } else {
          EXPECT_EQ(failed, fault != Fault::short_delay) << seed;
        }
      }
    });
  for (std::thread& worker : workers) worker.join();
  EXPECT_GT(swapped, 5);
}

TEST(Faults, ManyRanksAreNamedShortly) {
  EXPECT_EQ(ranks_text({3}), "rank 3");
  EXPECT_EQ(ranks_text({2, 0}), "ranks 0 and 2");
  EXPECT_EQ(ranks_text({4, 5, 6, 7}), "ranks 4 … 7");
  EXPECT_EQ(ranks_text({1, 2, 5}), "ranks 1, 2 and 5");
}

TEST(Faults, TheRecorderKeepsAThousandCalls) {
  FlightRecorder recorder;
  for (std::uint64_t i = 1; i <= 1500; ++i) {
    Collective call;
    call.kind = Collective::Kind::all_reduce;
    call.sequence = i;
    call.name = "bucket";
    call.called = Clock::now();
    call.data = ones(2);
    recorder.called(call);
    recorder.ended(call);
  }
  const RankReport report = recorder.report(0, 2000);
  EXPECT_EQ(report.calls.size(), FlightRecorder::capacity);
  EXPECT_EQ(report.calls.back().text(), "#1500 all_reduce(bucket)");
  EXPECT_EQ(report.calls.front().sequence, 501U);
  EXPECT_FALSE(recorder.oldest_wait().has_value());
  EXPECT_NE(recorder.table().find("#1500 all_reduce(bucket) of float32 [2], sum"), std::string::npos);
}

}  // namespace
}  // namespace joist::parallel
