// ctest: TIMEOUT 300
// When training goes wrong: back to the last checkpoint, an end in good time, and trials before it begins.
#include <joist/core/formats/store.h>
#include <joist/tests/tools/training/tiny_task.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/trainer.h>
#include <joist/tools/training/trial.h>

#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::TemporaryFolder;
using testing::TinyTask;

TrainOptions options_of(std::int64_t epochs) {
  return {.batch = TinyTask::batch,
          .epochs = epochs,
          .device = "cpu",
          .optimizer = "adamw",
          .lr = 0.01,
          .momentum = 0.9,
          .weight_decay = 0.01,
          .warmup = 2,
          .average_decay = 0.9,
          .average_tau = 5};
}

int train_in(const std::filesystem::path& folder, TrainOptions options, TinyTask& task) {
  const Interruptible interruptible;
  Console console;
  std::optional<Checkpoint> before;
  if (std::filesystem::exists(folder / "last.h5")) before = read_checkpoint(folder / "last.h5");
  RunWriter writer(RunFolder(folder.string()), console, SaveEvery{});
  Trainer trainer(options, task, writer, console, Trainer::Clock::now());
  if (before) trainer.resume(*before);
  return trainer.run();
}

TEST(Recovery, GoesBackWithHalfTheRateAndThenOn) {
  const TemporaryFolder folder;
  TinyTask task(3);
  int first = 0;  // broken from batch 5 on, until training has come by there once
  task.is_broken = [&](std::int64_t batch) { return batch >= 5 && ++first <= 11; };  // ten steps and the search
  EXPECT_EQ(train_in(folder / "run", options_of(8), task), 0);
  const Checkpoint last = read_checkpoint(folder / "run/last.h5");
  EXPECT_EQ(last.training->step, 24);
  EXPECT_EQ(last.training->skipped, 0);  // the steps left out are those of a past that is no more
  EXPECT_EQ(last.training->optimizer.steps, 24);
  EXPECT_DOUBLE_EQ(last.training->options.lr, 0.005);
  EXPECT_EQ(last.training->log.rows(), 8U);
}

TEST(Recovery, KeepsStepsTogetherThatAreMadeOfSeveralBatches) {
  const TemporaryFolder folder;
  TinyTask task(4);
  int broken = 0;
  std::vector<std::int64_t> seen;
  task.before_batch = [&](std::int64_t batch) { seen.push_back(batch); };
  task.is_broken = [&](std::int64_t batch) { return batch >= 8 && batch % 2 == 0 && ++broken <= 11; };
  TrainOptions options = options_of(8);
  options.nominal_batch = 2 * TinyTask::batch;
  EXPECT_EQ(train_in(folder / "run", options, task), 0);
  EXPECT_EQ(read_checkpoint(folder / "run/last.h5").training->step, 16);
  // Whatever was left out: after the last way back, batches follow each other to the end.
  std::size_t back = 0;
  for (std::size_t i = 1; i < seen.size(); ++i)
    if (seen[i] < seen[i - 1]) back = i;
  EXPECT_GT(back, 0U);
  EXPECT_EQ(seen[back] % 2, 0);
  for (std::size_t i = back + 1; i < seen.size(); ++i) ASSERT_EQ(seen[i], seen[i - 1] + 1);
  EXPECT_EQ(seen.back(), 31);
}

TEST(Recovery, PatienceEndsARunThatGetsNoBetterAlsoAfterAResume) {
  const TemporaryFolder folder;
  TinyTask task(2);
  TrainOptions options = options_of(200);
  options.patience = 3;
  options.lr = 1e-9;  // nothing changes but the statistics
  EXPECT_EQ(train_in(folder / "run", options, task), 0);
  const Checkpoint last = read_checkpoint(folder / "run/last.h5");
  const auto rows = static_cast<std::int64_t>(last.training->log.rows());
  EXPECT_LT(rows, 200);
  EXPECT_EQ(rows, last.training->best_epoch + 3);
  EXPECT_EQ(last.training->step, rows * 2);
  TinyTask again(2);
  EXPECT_EQ(train_in(folder / "run", options, again), 0);  // finished already: not a step more
  EXPECT_EQ(read_checkpoint(folder / "run/last.h5").training->step, rows * 2);
}

TEST(Recovery, FrozenLayersStayWithTheirStatistics) {
  const TemporaryFolder folder;
  TinyTask task(3);
  std::map<std::string, std::vector<float>> before;
  for (const Field& field : task.model().fields()) before[field.name] = field.tensor.value().to_vector<float>();
  TrainOptions options = options_of(3);
  options.freeze = "bn, conv";
  options.average_decay = 0;
  EXPECT_EQ(train_in(folder / "run", options, task), 0);
  int changed = 0;
  for (const Field& field : task.model().fields()) {
    const bool is_same = field.tensor.value().to_vector<float>() == before[field.name];
    EXPECT_EQ(is_same, field.name.starts_with("bn") || field.name.starts_with("conv")) << field.name;
    changed += !is_same;
  }
  EXPECT_EQ(changed, 2);  // weight and bias of the last layer
  // With an average too, checkpoints hold the whole model, and runs go on from them.
  options.average_decay = 0.9;
  TinyTask averaged(3), resumed(3);
  EXPECT_EQ(train_in(folder / "averaged", options, averaged), 0);
  load_weights(averaged.model().fields(), read_checkpoint(folder / "averaged/best.h5").model, "best.h5");
  load_weights(averaged.model().fields(), read_checkpoint(folder / "averaged/last.h5").best_weights(), "last.h5");
  options.epochs = 5;
  EXPECT_EQ(train_in(folder / "averaged", options, resumed), 0);
  options.freeze = "bakbone";
  EXPECT_THROW(train_in(folder / "other", options, task), UsageError);
  options.freeze = "**";
  EXPECT_THROW(train_in(folder / "other", options, task), UsageError);
}

TEST(Trial, TakesTheRateOfTheSteepestFall) {
  std::vector<RatePoint> points;
  for (int i = 0; i < 100; ++i) {
    const double rate = std::pow(10, -6 + 6 * i / 99.0);
    points.push_back({rate, 0, i < 80 ? 5 - 4 / (1 + std::exp(-(i - 50) / 5.0)) : 10.0});
  }
  EXPECT_NEAR(std::log10(suggested_rate(points)), -6 + 6 * 48 / 99.0, 0.2);
  for (RatePoint& point : points) point.smoothed = 1;
  EXPECT_EQ(suggested_rate(points), 0);
  EXPECT_EQ(suggested_rate({}), 0);
}

TEST(Trial, OneBatchIsLearntOrTheRunIsRefused) {
  const TemporaryFolder folder;
  const Interruptible interruptible;
  Console console;
  std::filesystem::create_directories(folder / "a");
  TinyTask task;
  EXPECT_EQ(overfit_one_batch(options_of(1), task, console, (folder / "a").string()), 0);
  EXPECT_EQ(find_learning_rate(options_of(1), task, console, (folder / "a").string()), 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "a/overfit.json"));
  EXPECT_TRUE(std::filesystem::exists(folder / "a/find_rate.html"));
  TinyTask broken;
  broken.is_broken = [](std::int64_t) { return true; };
  EXPECT_THROW(overfit_one_batch(options_of(1), broken, console, (folder / "a").string()), DataError);
  TrainOptions still = options_of(1);
  still.lr = 1e-12;
  TinyTask other;
  EXPECT_THROW(overfit_one_batch(still, other, console, (folder / "a").string()), DataError);
}

}  // namespace
}  // namespace joist
