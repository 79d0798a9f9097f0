// What stands around the kernels: streams, events, transfers and memory, on a GPU that does its work as late as the
// rules allow and in random order between streams.
#include <joist/core/ops.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/streams.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

#include <numeric>

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

}  // namespace
}  // namespace joist::cuda
