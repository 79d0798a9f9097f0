// ctest: TIMEOUT 300
// The training loop: resuming from every step, stopping, schedules, numbers that are not finite, budgets, refusing
// disks.
#include <joist/core/formats/store.h>
#include <joist/core/half.h>
#include <joist/tests/tools/training/tiny_task.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/trainer.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

namespace joist {
namespace {

using testing::TemporaryFolder;
using testing::TinyTask;

TrainOptions options_for(const std::string& optimizer, std::int64_t nominal_batch = 0) {
  return {.batch = TinyTask::batch,
          .epochs = 4,
          .device = "cpu",
          .optimizer = optimizer,
          .lr = optimizer == "sgd" ? 0.05 : 0.01,
          .momentum = 0.9,
          .weight_decay = 0.01,
          .warmup = 2,
          .nominal_batch = nominal_batch,
          .average_decay = optimizer == "schedule_free_adamw" ? 0 : 0.9,
          .average_tau = 5,
          .close_mosaic = 0.25};
}

/// Every number of a state, and the log without its times.
struct Result {
  std::vector<std::pair<std::string, std::vector<double>>> arrays{};
  std::vector<std::string> log{};
  bool operator==(const Result&) const = default;
};

Result result_of(const std::filesystem::path& folder) {
  const Checkpoint checkpoint = read_checkpoint(folder / "last.h5");
  Result result;
  const auto add = [&result](const std::string& kind, const std::vector<NamedState>& arrays) {
    for (const NamedState& state : arrays)
      result.arrays.emplace_back(kind + state.name,
                                 to(Tensor(state.array), Dtype::float64).value().to_vector<double>());
  };
  add("model ", checkpoint.model);
  add("average ", checkpoint.average);
  add("optimizer ", checkpoint.training->optimizer.arrays);
  add("best ", read_checkpoint(folder / "best.h5").model);
  std::istringstream log(checkpoint.training->log.csv());
  for (std::string line; std::getline(log, line);) {
    for (int cells = 0; cells < 2; ++cells) line.resize(line.rfind(','));  // seconds, samples_per_second
    result.log.push_back(line);
  }
  return result;
}

/// Trains in a folder, going on with what is there; returns the signal that stopped it.
int train_in(const std::filesystem::path& folder, TrainOptions options, TinyTask& task) {
  const Interruptible interruptible;
  Console console;
  std::optional<Checkpoint> before;
  if (std::filesystem::exists(folder / "last.h5")) {
    before = read_checkpoint(folder / "last.h5");
    options.plan = before->training->options.plan;
    options.evaluated = before->training->options.evaluated;
  }
  RunWriter writer(RunFolder(folder.string()), console, SaveEvery{});
  Trainer trainer(options, task, writer, console, Trainer::Clock::now());
  if (before) trainer.resume(*before);
  return trainer.run();
}

Result uninterrupted(const TrainOptions& options, std::int64_t batches_per_epoch = 3) {
  const TemporaryFolder folder;
  TinyTask task(batches_per_epoch);
  EXPECT_EQ(train_in(folder / "run", options, task), 0);
  return result_of(folder / "run");
}

// Optimizer, nominal batch, and whether steps multiply in bfloat16.
class Resume : public ::testing::TestWithParam<std::tuple<const char*, std::int64_t, bool>> {};

TEST_P(Resume, FromEveryStepIsTheSameRun) {
  TrainOptions options = options_for(std::get<0>(GetParam()), std::get<1>(GetParam()));
  options.epochs = 2;  // of six batches
  options.bf16 = std::get<2>(GetParam());
  const Result expected = uninterrupted(options, 6);
  const TemporaryFolder folder;
  for (std::int64_t stop = 0; stop < 12; ++stop) {
    const std::filesystem::path run = folder / std::to_string(stop);
    TinyTask task(6);
    task.before_batch = [stop](std::int64_t batch) {
      if (batch == stop) ::raise(SIGTERM);
    };
    ASSERT_EQ(train_in(run, options, task), SIGTERM);
    // Within one step: at most the step that holds this batch was finished.
    EXPECT_LE(read_checkpoint(run / "last.h5").training->step, stop / accumulated_batches(options) + 1);
    TinyTask again(6);
    ASSERT_EQ(train_in(run, options, again), 0);
    EXPECT_EQ(result_of(run), expected) << "stopped in batch " << stop;
  }
}

INSTANTIATE_TEST_SUITE_P(Recipes, Resume,
                         ::testing::Values(std::tuple("adamw", 0, false), std::tuple("sgd", 0, false),
                                           std::tuple("adamw", 8, false), std::tuple("adamw", 0, true),
                                           std::tuple("schedule_free_adamw", 0, false),
                                           std::tuple("lookahead:nadam", 0, false)),
                         [](const auto& one) {
                           std::string name = std::get<0>(one.param);
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name + (std::get<1>(one.param) > 0 ? "_accumulating" : "") +
                                  (std::get<2>(one.param) ? "_bfloat16" : "");
                         });

// Whether it learns as well: bfloat16_test.py, with real models.
TEST(Trainer, StepsInBfloat16KeepEverythingInFloat32) {
  TrainOptions options = options_for("adamw");
  const Result exact = uninterrupted(options);
  options.bf16 = true;
  const TemporaryFolder folder;
  TinyTask task;
  task.before_batch = [](std::int64_t) { EXPECT_TRUE(Autocast::active()); };
  task.interrupts_evaluation = [] {
    EXPECT_FALSE(Autocast::active()) << "an evaluation is in float32";
    return false;
  };
  ASSERT_EQ(train_in(folder / "run", options, task), 0);
  EXPECT_NE(result_of(folder / "run"), exact) << "nothing was rounded";
  const Checkpoint last = read_checkpoint(folder / "run/last.h5");
  EXPECT_TRUE(last.training->options.bf16);
  for (const auto* arrays : {&last.model, &last.average, &last.training->optimizer.arrays})
    for (const NamedState& state : *arrays) {
      EXPECT_FALSE(is_half(state.array.dtype())) << state.name;
      if (state.name != "fc.weight" || arrays == &last.training->optimizer.arrays) continue;
      const std::vector<float> values = state.array.to_vector<float>();
      EXPECT_FALSE(std::ranges::all_of(values, [](float x) { return static_cast<float>(BFloat16(x)) == x; }));
    }
}

TEST(Trainer, ASignalInsideAnEvaluationLosesNothing) {
  const TrainOptions options = options_for("adamw");
  const Result expected = uninterrupted(options);
  const TemporaryFolder folder;
  TinyTask task;
  task.interrupts_evaluation = [] { return ::raise(SIGINT) == 0; };
  EXPECT_EQ(train_in(folder / "run", options, task), SIGINT);
  TinyTask again;
  EXPECT_EQ(train_in(folder / "run", options, again), 0);
  EXPECT_EQ(result_of(folder / "run"), expected);
}

TEST(Trainer, TheLastPartSeesClosingBatches) {
  const TemporaryFolder folder;
  TinyTask task;
  train_in(folder / "run", options_for("adamw"), task);
  EXPECT_EQ(task.closing_batches, (std::vector<std::int64_t>{9, 10, 11}));
}

TEST(Trainer, KeepsTheBestAndWritesEverything) {
  const TemporaryFolder folder;
  TinyTask task;
  train_in(folder / "run", options_for("adamw"), task);
  EXPECT_EQ(task.evaluations, 4);
  const Checkpoint last = read_checkpoint(folder / "run/last.h5");
  double best = -1e9;
  std::int64_t epoch = 0;
  for (std::size_t row = 0; row < last.training->log.rows(); ++row)
    if (*last.training->log.at(row, "score") > best) {
      best = *last.training->log.at(row, "score");
      epoch = static_cast<std::int64_t>(row) + 1;
    }
  EXPECT_EQ(last.training->best_epoch, epoch);
  EXPECT_NEAR(last.training->best_value, best, 1e-6);
  for (const char* name : {"log.csv", "metrics.json", "config.toml", "best.h5"})
    EXPECT_TRUE(std::filesystem::exists(folder / (std::string("run/") + name))) << name;
}

TEST(Trainer, ALossThatIsNoNumberIsLeftOut) {
  const TemporaryFolder folder;
  TinyTask task;
  task.is_broken = [](std::int64_t batch) { return batch == 4; };
  EXPECT_EQ(train_in(folder / "run", options_for("adamw"), task), 0);
  const Checkpoint last = read_checkpoint(folder / "run/last.h5");
  EXPECT_EQ(last.training->skipped, 1);
  EXPECT_EQ(last.training->step, 12);
  EXPECT_EQ(last.training->optimizer.steps, 11);
  for (const NamedState& state : last.model)
    for (const float value : state.array.to_vector<float>()) ASSERT_TRUE(std::isfinite(value)) << state.name;
}

TEST(Trainer, DivergenceEndsTheRunAndKeepsTheLastGoodCheckpoint) {
  const TemporaryFolder folder;
  TinyTask task(3);
  task.is_broken = [](std::int64_t batch) { return batch >= 5; };
  TrainOptions options = options_for("adamw");
  options.epochs = 20;
  try {
    train_in(folder / "run", options, task);
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("batch 14"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("step 15"), std::string::npos) << error.what();
  }
  EXPECT_GE(read_checkpoint(folder / "run/last.h5").training->step, 3);
}

TEST(Trainer, ATimeBudgetIsKeptAndItsRecordRepeatsTheRun) {
  const TemporaryFolder folder;
  TinyTask task(10);
  task.before_batch = [](std::int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
  TrainOptions options = options_for("adamw");
  options.epochs = 0;
  options.time = {3};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(train_in(folder / "timed", options, task), 0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_LT(seconds, 4.5) << "half again as much is more than a busy machine explains";
  const Checkpoint timed = read_checkpoint(folder / "timed/last.h5");
  EXPECT_GE(timed.training->step, 5);
  EXPECT_EQ(timed.training->options.plan.back().total, timed.training->step);
  EXPECT_TRUE(timed.training->log.at(timed.training->log.rows() - 1, "score")) << "a run ends with an evaluation";

  // What stands in config.toml, without waiting in between.
  TrainOptions again = options;
  const std::vector<std::byte> text = read_file(folder / "timed/config.toml");
  read_toml(again, std::string(reinterpret_cast<const char*>(text.data()), text.size()), "config.toml");
  again.time = {};
  TinyTask replayed(10);
  EXPECT_EQ(train_in(folder / "again", again, replayed), 0);
  EXPECT_EQ(result_of(folder / "again"), result_of(folder / "timed"));
}

TEST(Trainer, AnEarlierRunIsKeptWhenANewOneBegins) {
  const TemporaryFolder folder;
  Console console;
  for (int run = 0; run < 3; ++run) {
    TinyTask task;
    RunWriter writer(RunFolder((folder / "run").string()), console, SaveEvery{});
    Trainer(options_for("adamw"), task, writer, console, Trainer::Clock::now()).run();
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "run/earlier-1/last.h5"));
  EXPECT_TRUE(std::filesystem::exists(folder / "run/earlier-2/best.h5"));
  EXPECT_EQ(result_of(folder / "run/earlier-1"), result_of(folder / "run"));
}

/// Files of this process may not grow beyond so many bytes while it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);  // this test's own output may go to a file too
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_ = {};
};

TEST(Trainer, AFullDiskAtTheStartLeavesNothing) {
  const TemporaryFolder folder;
  TinyTask task;
  const FileLimit limit(4096);
  EXPECT_THROW(train_in(folder / "run", options_for("adamw"), task), EnvironmentError);
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST(Trainer, ADiskThatIsFullForAWhileStopsNothing) {
  const Result expected = uninterrupted(options_for("adamw"));
  const TemporaryFolder folder;
  TinyTask task;
  std::optional<FileLimit> limit;
  task.before_batch = [&limit](std::int64_t batch) {
    if (batch == 4) limit.emplace(2048);  // enough for the tables
    if (batch == 8) limit.reset();
  };
  EXPECT_EQ(train_in(folder / "run", options_for("adamw"), task), 0);
  EXPECT_EQ(result_of(folder / "run").arrays.size(), expected.arrays.size());
  EXPECT_EQ(result_of(folder / "run").log, expected.log);
}

TEST(Trainer, AFullDiskAtTheEndIsAnErrorAndTheOldCheckpointStays) {
  const TemporaryFolder folder;
  TinyTask task;
  std::optional<FileLimit> limit;
  task.before_batch = [&limit](std::int64_t batch) {
    if (batch == 10) limit.emplace(2048);
  };
  EXPECT_THROW(train_in(folder / "run", options_for("adamw"), task), EnvironmentError);
  limit.reset();
  EXPECT_EQ(read_checkpoint(folder / "run/last.h5").training->step, 9);
  for (const auto& entry : std::filesystem::directory_iterator(folder / "run"))
    EXPECT_EQ(entry.path().filename().string().find(".tmp"), std::string::npos) << entry.path();
}

}  // namespace
}  // namespace joist
