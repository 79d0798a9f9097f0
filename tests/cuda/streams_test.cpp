// What stands around the kernels: streams, events, transfers and memory, on a GPU that does its work as late as the
// rules allow and in random order between streams.
#include <joist/core/ops.h>
#include <joist/cuda/communicator.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/streams.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>
#include <joist/cuda/upload.h>
#include <joist/tests/core/parallel/collectives_check.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

#include <numeric>
#include <thread>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();

// Puts everything off and takes memory as a GPU's is taken, where reuse needs the order of a stream.
class Late : public testing::TestWithParam<std::uint64_t> {
 protected:
  Late() {
    emulator::set_streams({.late = true, .seed = GetParam()});
    register_allocator(Device::Kind::cuda, memory());
  }
  ~Late() override {
    emulator::set_streams({});
    static_cast<void>(emulator::use_emulated_gpu());
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, Late, testing::Values(1, 2, 3, 4));

// y[i] += amount, in a stream.
void add(const Array& y, float amount, driver::Stream stream) {
  const Region region = region_of(y);
  const std::int64_t count = y.elements();
  emulator::enqueue(stream, "add", [=] {
    emulator::run({"add", 1, 64, 0, true}, [&] {
      Block block;
      for (std::int64_t i = block.thread(); i < count; i += block.threads())
        region.store(i, region.load<float>(i) + amount);
    });
  });
}

TEST_P(Late, NothingHappensBeforeTheHostWaits) {
  const Array x = Array::from(std::vector<float>{1, 2}, {2}, gpu);
  const std::uint64_t before = emulator::counts().launches;
  add(x, 1, current_stream());
  EXPECT_EQ(emulator::counts().launches, before);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{2, 3}));
  EXPECT_EQ(emulator::counts().launches, before + 1);
}

TEST_P(Late, EventsPutStreamsInOrder) {
  const Array x = Array::from(std::vector<float>(8, 0), {8}, gpu);
  const driver::Stream first = current_stream(), second = driver::make_stream();
  const driver::Event ready = driver::make_event(), back = driver::make_event();
  for (int step = 0; step < 3; ++step) {
    add(x, 1, first);
    driver::record(ready, first);
    driver::wait(second, ready);
    add(x, 10, second);
    driver::record(back, second);
    driver::wait(first, back);
  }
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(8, 33));
}

TEST_P(Late, MissingEventIsRefused) {
  const Array x = Array::from(std::vector<float>(8, 0), {8}, gpu);
  const driver::Stream first = current_stream(), second = driver::make_stream();
  const driver::Event ready = driver::make_event();
  driver::finish_all();
  add(x, 1, first);
  add(x, 10, second);
  expect_error<InternalError>(
      [] {
        driver::finish_all();
        return 0;
      },
      {"emulated kernel add", "stream", "an event between"});
  driver::finish_all();
  // In one direction only.
  add(x, 1, first);
  driver::record(ready, first);
  driver::wait(second, ready);
  add(x, 10, second);
  add(x, 1, first);
  expect_error<InternalError>(
      [] {
        driver::finish_all();
        return 0;
      },
      {"an event between"});
  driver::finish_all();
}

// More than the pinned buffers hold, so that each is used several times.
TEST_P(Late, LargeTransfers) {
  std::vector<float> values((std::size_t{18} << 20) / sizeof(float));
  std::iota(values.begin(), values.end(), 0.0F);
  const Array x = Array::from(values, {static_cast<std::int64_t>(values.size())}, gpu);
  std::vector<float> back(values.size());
  copy_to_host(back.data(), x.raw(), x.bytes());
  EXPECT_TRUE(back == values);
}

// What was copied from may be changed at once.
TEST_P(Late, SmallTransfersTakeTheirBytesAlong) {
  std::vector<float> values{1, 2, 3};
  const Array x = Array::from(values, {3}, gpu), y = Array::from(std::vector<float>{4, 5, 6}, {3}, gpu);
  values.assign(3, 0);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{4, 5, 6}));
}

// Batches come while kernels still read the ones before them; nobody waits but the streams.
TEST_P(Late, UploadsStandInOrderWithKernels) {
  const std::unique_ptr<Uploader> uploader = make_uploader();
  const Array sums = Array::from(std::vector<float>(24, 0), {24}, gpu),
              bytes = Array::from(sums.to_vector<float>(), {24});
  std::vector<float> expected(24, 0);
  const auto& table = cuda_kernels().elementwise;
  const auto begin = [&](int batch) {  // of different lengths, so that memory is asked for in between
    const std::int64_t count = batch == 3 ? 4096 : 24;
    std::vector<float> pixels(static_cast<std::size_t>(count));
    std::vector<std::uint8_t> labels(24);
    for (std::size_t i = 0; i < 24; ++i) {
      pixels[i] = static_cast<float>(batch * 100) + static_cast<float>(i);
      labels[i] = static_cast<std::uint8_t>(batch + 1);
      expected[i] += pixels[i] + static_cast<float>(labels[i]);
    }
    const Array host[] = {Array::from(pixels, {count}), Array::from(labels, {4, 6})};
    uploader->begin(host);
    std::fill_n(host[0].data<float>(), count, -1.0F);  // may be changed at once
    std::fill_n(host[1].data<std::uint8_t>(), 24, std::uint8_t{99});
  };
  begin(0);
  for (int batch = 0; batch < 7; ++batch) {
    const std::vector<Array> here = uploader->take();
    table.copy(here[0].sliced(0, 0, 24), {sums, true});
    const Array wide = Array::empty({4, 6}, Dtype::float32, gpu);
    table.copy(here[1], {wide, false});
    table.copy(wide.view({24}), {sums, true});
    if (batch < 6) begin(batch + 1);
  }
  EXPECT_EQ(sums.to_vector<float>(), expected);
  expect_error<UsageError>([&] { return uploader->take(); }, {"nothing is on its way"});
  expect_error<ShapeError>(
      [&] {
        const Array gaps[] = {bytes.view({4, 6}).sliced(1, 0, 3)};
        uploader->begin(gaps);
        return 0;
      },
      {"gaps"});
}

// Memory that was given back is used again by later work while earlier work has not begun.
TEST_P(Late, CasesAgreeWithReference) {
  for (const Listed& listed : all_cases()) {
    const std::string& family = listed.family->name;
    if (listed.one->large || (family != "composition" && family != "arithmetic" && family != "normalization")) continue;
    SCOPED_TRACE(family + "/" + listed.one->name);
    expect_near(run_case(*listed.one, gpu, {.start = StrictKernels::Start::nan}),
                run_case(*listed.one, use_reference()), listed.family->tolerance);
  }
}

TEST(Memory, StepsAskTheSystemForNothingAfterTheSecond) {
  Allocator& all = memory();
  std::uint64_t calls = 0;
  for (int step = 0; step < 4; ++step) {
    std::vector<void*> blocks;
    for (std::size_t i = 1; i < 60; ++i) blocks.push_back(all.allocate(i * i * 4096));
    for (void* block : blocks) all.release(block);
    if (step < 2) calls = all.statistics().system_calls;
  }
  EXPECT_EQ(all.statistics().system_calls, calls);
  EXPECT_EQ(all.statistics().in_use, 0U);
  EXPECT_GT(all.statistics().reserved, 0U);
  all.trim();
  EXPECT_EQ(all.statistics().reserved, 0U);
}

TEST(Memory, SaysWhatWasWantedWhenThereIsNoRoom) {
  expect_error<EnvironmentError>([] { return memory().allocate(std::size_t{3} << 30); },
                                 {"GPU's memory", "3072 MiB", "--batch"});
}

// --- ranks ---

using parallel::Communicator;

// Runs body(rank's communicator) on `size` ranks that share the emulated GPU; what each threw.
std::vector<std::string> on_gpus(int size, const std::function<void(Communicator&)>& body) {
  // Not on_ranks(): the GPUs meet in the ranks' own threads.
  auto hosts = parallel::thread_communicators(size);
  std::vector<std::string> errors(hosts.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < hosts.size(); ++r)
    threads.emplace_back([&, r] {
      try {
        const auto world = gpu_communicator(std::move(hosts[r]));
        body(*world);
      } catch (const std::exception& error) {
        errors[r] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

TEST_P(Late, CollectivesAreWhatTheyAreDefinedToBe) {
  for (const int size : {2, 3})
    EXPECT_EQ(on_gpus(size,
                      [](Communicator& world) {
                        for (const std::int64_t n : {0, 1, 7, 60}) parallel::check_all<float>(world, n, gpu);
                        parallel::check_all<double>(world, 12, gpu);
                        parallel::check_all<std::int64_t>(world, 9, gpu);
                        parallel::check_all<std::int32_t>(world, 9, gpu);
                        parallel::check_all<std::int8_t>(world, 9, gpu);
                        parallel::check_all<std::uint8_t>(world, 9, gpu);
                        parallel::check_all<float>(world, 20);  // on the host, between the others
                      }),
              std::vector<std::string>(static_cast<std::size_t>(size)));
  for (const char* name : {"all_reduce", "reduce", "broadcast"}) EXPECT_TRUE(emulator::library_calls().contains(name));
}
TEST_P(Late, EvenPartsAndMessages) {
  const auto errors = on_gpus(3, [](Communicator& world) {
    const int rank = world.rank();
    const Array sums = parallel::filled<float>(rank, 12, gpu);
    world.reduce_scatter("gradients", sums).wait();
    EXPECT_EQ(
        parallel::wrong_elements<float>(sums, 4 * rank, 4 * rank + 4,
                                        [](std::int64_t i) { return parallel::expected(parallel::Reduce::sum, 3, i); }),
        0);
    world.all_gather("parameters", sums).wait();
    EXPECT_EQ(parallel::wrong_elements<float>(
                  sums, 0, 12, [](std::int64_t i) { return parallel::expected(parallel::Reduce::sum, 3, i); }),
              0);
    const Array half = Array::empty({4}, Dtype::bfloat16, gpu);
    cuda_kernels().elementwise.fill(rank + 1, half);
    world.broadcast("16-bit numbers move", half, 2).wait();
    const Array single = Array::empty({4}, Dtype::float32, gpu);
    cuda_kernels().elementwise.copy(half, Out{single});
    EXPECT_EQ(single.to_vector<float>(), std::vector<float>(4, 3));
    if (rank == 2) return;
    const Array mine = parallel::filled<float>(rank, 5, gpu), theirs = Array::empty({5}, Dtype::float32, gpu);
    parallel::Work sent = world.send("halo", mine, 1 - rank), received = world.receive("halo", theirs, 1 - rank);
    received.wait();
    sent.wait();
    EXPECT_EQ(theirs.to_vector<float>(), parallel::filled<float>(1 - rank, 5).to_vector<float>());
  });
  EXPECT_EQ(errors, std::vector<std::string>(3));
}

// What a kernel wrote before the call is what is reduced, and what comes after it sees the sum; nobody waits between.
TEST_P(Late, CollectivesStandInOrderWithKernels) {
  const auto errors = on_gpus(2, [](Communicator& world) {
    std::vector<Array> buckets;
    std::vector<parallel::Work> works;
    for (int bucket = 0; bucket < 6; ++bucket) {
      const Array x = Array::empty({16}, Dtype::float32, gpu);
      cuda_kernels().elementwise.fill(0, x);
      add(x, static_cast<float>(bucket + world.rank()), current_stream());
      works.push_back(world.all_reduce("bucket", x));
      buckets.push_back(x);
    }
    for (std::size_t bucket = 0; bucket < works.size(); ++bucket) {
      works[bucket].wait();
      add(buckets[bucket], 100, current_stream());
      EXPECT_EQ(buckets[bucket].to_vector<float>(), std::vector<float>(16, 101 + 2 * static_cast<float>(bucket)));
    }
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
}

TEST(Ranks, CallsThatDoNotFitEndAllRanks) {
  const auto errors = on_gpus(2, [](Communicator& world) {
    const Array x = Array::from(std::vector<float>(8, 1), {8}, gpu);
    world.all_reduce("whole or half", world.rank() == 0 ? x : x.sliced(0, 0, 4)).wait();
  });
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("all_reduce of 4 float32"), std::string::npos) << error;
    EXPECT_NE(error.find("all_reduce of 8 float32"), std::string::npos) << error;
  }
}

// Rank 1 never comes: the supervision of the host's communicator ends the collective on the GPU, and says why.
TEST(Ranks, LateRankIsNamed) {
  const auto errors = on_gpus(2, [&](Communicator& world) {
    world.set_timeout(std::chrono::milliseconds(300));
    const Array x = Array::from(std::vector<float>(8, 1), {8}, gpu);
    if (world.rank() == 0) {
      world.all_reduce("bucket 3: layer4", x).wait();
    } else {
      world.doing("loading pictures");
      while (!world.aborted()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      world.poll();
    }
  });
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("all_reduce(bucket 3: layer4)"), std::string::npos) << error;
    EXPECT_NE(error.find("loading pictures"), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace joist::cuda
