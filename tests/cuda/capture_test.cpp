// ctest: TIMEOUT 120 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Steps that are recorded once and replayed: on streams that do their work late, and in a training, where they give the
// bits of steps that are not.
#include <joist/core/mode.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/streams.h>
#include <joist/cuda/runtime.h>
#include <joist/tests/cuda/small_runs.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/trainer.h>

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

namespace joist {
namespace {

using namespace testing;  // small_runs.h

const Device gpu = cuda::emulator::use_emulated_gpu();
const auto& table = kernels(gpu).elementwise;

// Work is put off, and memory taken as a GPU's is.
class Late : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  Late() {
    cuda::emulator::set_streams({.late = true, .seed = GetParam()});
    register_allocator(Device::Kind::cuda, cuda::memory());
  }
  ~Late() override {
    cuda::emulator::set_streams({});
    static_cast<void>(cuda::emulator::use_emulated_gpu());
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, Late, ::testing::Values(1, 2));

TEST_P(Late, WhatIsRecordedIsDoneAtEachReplay) {
  const Array x = Array::from(std::vector<float>(8, 1), {8}, gpu);
  const std::unique_ptr<StepCapture> step = make_step_capture(gpu);
  Array kept;
  const auto work = [&] {  // memory is given back and used again within the step
    kept = {};
    Array twice = Array::empty({8}, Dtype::float32, gpu);
    table.binary(Add{}, x, x, {twice, false});
    kept = Array::empty({8}, Dtype::float32, gpu);
    table.copy(twice, {kept, false});
    twice = Array::empty({8}, Dtype::float32, gpu);
    table.fill(1, twice);
    table.copy(twice, {x, true});
  };
  expect_error<UsageError>([&] { return step->replay(run_context().random), 0; }, {"nothing was recorded"});
  step->rehearse(work);
  EXPECT_EQ(kept.to_vector<float>(), std::vector<float>(8, 2));
  step->record(work, run_context().random);
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(8, 2)) << "nothing is done yet";
  for (int replay = 0; replay < 3; ++replay) {
    const Array other = Array::from(std::vector<float>(8, 7), {8}, gpu);  // does not get the step's memory
    step->replay(run_context().random);
    step->replay(run_context().random);
    EXPECT_EQ(x.to_vector<float>(), std::vector<float>(8, static_cast<float>(4 + 2 * replay)));
    EXPECT_EQ(kept.to_vector<float>(), std::vector<float>(8, static_cast<float>(6 + 4 * replay)));
    EXPECT_EQ(other.to_vector<float>(), std::vector<float>(8, 7));
  }
}

TEST_P(Late, RandomNumbersOfAReplayAreThoseOfItsStep) {
  const std::unique_ptr<StepCapture> step = make_step_capture(gpu);
  const Array ones = Array::from(std::vector<float>(64, 1), {64}, gpu), fixed = Array::like(ones),
              own = Array::like(ones);
  const auto work = [&] {
    kernels(gpu).random.dropout(ones, 0.5, next_random_key(Stream::dropout), {own, false});
    kernels(gpu).random.dropout(ones, 0.5, {.seed = 9, .step = 1}, {fixed, false});
  };
  manual_seed(5);
  set_random_step(2, 3);
  step->rehearse(work);
  set_random_step(3, 3);
  step->record(work, run_context().random);
  for (const std::uint32_t number : {3U, 4U, 9U}) {
    set_random_step(number, number + 1);
    step->replay(run_context().random);
    const std::vector<float> got = own.to_vector<float>(), kept = fixed.to_vector<float>();
    work();
    EXPECT_EQ(got, own.to_vector<float>());
    EXPECT_EQ(kept, fixed.to_vector<float>());
  }
}

TEST_P(Late, CoefficientsOfAReplayAreThoseOfItsStep) {
  const std::unique_ptr<StepCapture> step = make_step_capture(gpu);
  const Array ones = Array::from(std::vector<float>(8, 1), {8}, gpu), y = Array::from(std::vector<float>(8), {8}, gpu);
  const auto& interpolate = kernels(gpu).optimizer.interpolate;
  const auto go = [&](double weight) { return [&, weight] { interpolate(ones, weight, y); }; };
  const RandomKey key = run_context().random;
  step->rehearse(go(0.5));
  step->record(go(0.25), key);
  step->replay(key);
  step->replay(key, go(0.5));  // before the host has waited for the last one
  step->replay(key);
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(8, 1 - 0.5F * 0.75F * 0.5F * 0.5F));
  step->replay(key, go(1));
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(8, 1));
}

TEST_P(Late, GradientsAreClippedAndStepsLeftOutByTheGpu) {
  const std::unique_ptr<StepCapture> step = make_step_capture(gpu);
  const Array given = Array::from(std::vector<float>{3, 0, 0, -4}, {4}, gpu), gradients = Array::like(given),
              loss = Array::from(std::vector<float>{7}, {1}, gpu),
              ones = Array::from(std::vector<float>(4, 1), {4}, gpu), y = Array::from(std::vector<float>(4), {4}, gpu);
  const RandomKey key = run_context().random;
  const auto work = [&] {
    table.copy(given, {gradients, false});
    step->clip(gradients, 2, loss);
    kernels(gpu).optimizer.interpolate(ones, 0.5, y);
  };
  step->rehearse(work);
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(4, 0.5F));
  step->record(work, key);
  const auto expect = [&](double value, double norm, bool taken, const std::vector<float>& scaled, float average) {
    step->replay(key);
    const StepVerdict verdict = step->verdict();
    EXPECT_EQ(verdict.taken, taken);
    EXPECT_TRUE(verdict.loss == value || (std::isnan(verdict.loss) && std::isnan(value)));
    EXPECT_TRUE(verdict.norm == norm || (std::isnan(verdict.norm) && std::isnan(norm)));
    if (!scaled.empty()) {
      EXPECT_EQ(gradients.to_vector<float>(), scaled);
    }
    EXPECT_EQ(y.to_vector<float>(), std::vector<float>(4, average));
  };
  const auto factor = static_cast<float>(2 / (5 + 1e-6));
  expect(7, 5, true, {3 * factor, 0, 0, -4 * factor}, 0.75F);
  table.fill(std::nan(""), loss);
  expect(std::nan(""), 5, false, {3, 0, 0, -4}, 0.75F);
  table.fill(1, loss);
  table.fill(0.5, given);
  expect(1, 1, true, std::vector<float>(4, 0.5F), 0.875F);
  table.fill(std::nan(""), given);
  expect(1, std::nan(""), false, {}, 0.875F);
}

// What a graph cannot hold is refused, the stream goes on as before, and the step can be recorded without it.
TEST_P(Late, WhatCannotBeRecordedIsRefused) {
  const Array x = Array::from(std::vector<float>(8, 1), {8}, gpu);
  const std::unique_ptr<StepCapture> step = make_step_capture(gpu);
  const cuda::driver::Event event = cuda::driver::make_event();
  cuda::driver::record(event, cuda::current_stream());
  void* const block = cuda::driver::allocate(64);
  const std::function<void()> refused[] = {[&] { static_cast<void>(x.to_vector<float>()); },
                                           [&] { static_cast<void>(Array::from(std::vector<float>{1}, {1}, gpu)); },
                                           [&] { static_cast<void>(Array::empty({1 << 20}, Dtype::float32, gpu)); },
                                           [&] { static_cast<void>(cuda::driver::allocate(64)); },
                                           [&] { cuda::driver::finish(event); },
                                           [&] { static_cast<void>(cuda::driver::happened(event)); },
                                           [&] { cuda::driver::finish_all(); },
                                           [&] { cuda::driver::wait(cuda::current_stream(), event); },
                                           [&] { cuda::driver::release(block); }};
  const Array one = Array::from(std::vector<float>(8, 1), {8}, gpu);
  const auto work = [&] { table.copy(one, {x, true}); };
  step->rehearse(work);
  for (const auto& wrong : refused) {
    expect_error<CaptureError>([&] { return step->record([&] { work(), wrong(); }, {}), 0; }, {"capture of a step"});
    expect_error<UsageError>([&] { return step->replay(run_context().random), 0; }, {"nothing was recorded"});
  }
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(8, 2));
  step->record(work, run_context().random);
  step->replay(run_context().random);
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(8, 3));
  cuda::driver::release(block);
}

// 12 steps of a classifier with dropout, at a rate that falls.
Checkpoint trained(const fs::path& data, const fs::path& out, bool captured, std::int64_t& replayed) {
  ::setenv("JOIST_CAPTURE", captured ? "1" : "0", 1);
  TrainOptions options = options_for("tiny_classifier", data, out, "cuda");
  options.epochs = 4;
  options.warmup = 3;
  options = resolve(options);
  TrainingData read = read_training_data(options, TaskKind::classify);
  const ModelEntry& entry = resolve_model(options, registry(), TaskKind::classify, 3, 8, 1);
  Console console(true);
  manual_seed(static_cast<std::uint64_t>(options.seed));
  const auto task = classification_task(std::get<ClassificationData>(std::move(read)), options, entry);
  task->model().move_to(gpu);
  RunWriter writer(RunFolder(options.out), console, SaveEvery{}, true);
  Trainer trainer(options, *task, writer, console, Trainer::Clock::now());
  EXPECT_EQ(trainer.run(), 0);
  replayed = trainer.replayed_steps();
  ::unsetenv("JOIST_CAPTURE");
  return read_checkpoint(out / "last.h5");
}

TEST(Captured, StepsHaveTheBitsOfOthers) {
  const TemporaryFolder folder;
  const fs::path data = classes_in(folder);
  std::int64_t none = 0, replayed = 0;
  const Checkpoint eager = trained(data, folder / "eager", false, none),
                   captured = trained(data, folder / "captured", true, replayed);
  EXPECT_EQ(none, 0);
  EXPECT_EQ(captured.training->step, 12);
  EXPECT_EQ(replayed, 10) << "but for one to make what is kept, and the rehearsal";
  expect_near(captured.model, eager.model, 0);
  expect_near(captured.average, eager.average, 0);
  expect_near(captured.training->optimizer.arrays, eager.training->optimizer.arrays, 0);
  for (std::size_t row = 0; row < eager.training->log.rows(); ++row)
    for (const char* column : {"loss", "top1", "lr"})
      EXPECT_EQ(captured.training->log.at(row, column), eager.training->log.at(row, column)) << column;
}

}  // namespace
}  // namespace joist
