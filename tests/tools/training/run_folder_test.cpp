// What a run keeps in its folder: log, checkpoints, the lock.
#include <joist/core/kernels.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tests/tools/training/tiny_task.h>
#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/log.h>
#include <joist/tools/training/run_folder.h>

#include <csignal>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace joist {
namespace {

using testing::TemporaryFolder;

TEST(TrainingLog, ComesBackFromItsText) {
  TrainingLog log({"epoch", "loss", "AP"});
  log.add({1, 0.25, std::nullopt});
  log.add({2, 1.0 / 3, 0.5});
  const TrainingLog again = TrainingLog::from_csv(log.csv());
  EXPECT_EQ(again.csv(), log.csv());
  EXPECT_EQ(again.at(0, "AP"), std::nullopt);
  EXPECT_NEAR(*again.at(1, "loss"), 1.0 / 3, 1e-8);
  EXPECT_THROW(TrainingLog::from_csv("a,b\n1\n"), DataError);
}

Checkpoint small_checkpoint(testing::TinyTask& task) {
  TrainingState state{.step = 5, .loss_sums = {0.1 + 0.2}, .log = TrainingLog({"epoch"})};
  state.options.data = "数据";
  state.optimizer = {"adamw", 5, {{"first_moment.fc.weight", Array::from(std::vector<float>{1, 2}, {2})}}};
  return {.description = task.description(), .model = weights_of(task.model().fields()), .training = state};
}

TEST(Checkpoint, ComesBackWhole) {
  const TemporaryFolder folder;
  testing::TinyTask task;
  store_checkpoint(folder / "a.h5", small_checkpoint(task));
  const Checkpoint read = read_checkpoint(folder / "a.h5");
  EXPECT_EQ(read.description.classes, task.description().classes);
  EXPECT_EQ(read.description.size, 6);
  EXPECT_EQ(read.training->step, 5);
  EXPECT_EQ(read.training->loss_sums, std::vector<double>{0.1 + 0.2});
  EXPECT_EQ(read.training->options.data, "数据");
  EXPECT_EQ(read.training->optimizer.arrays.size(), 1U);
  testing::TinyTask other;
  kernels(cpu).elementwise.fill(0, other.model().fields()[0].tensor.value());
  load_weights(other.model().fields(), read.model, "a.h5");
  EXPECT_EQ(other.model().fields()[0].tensor.value().to_vector<float>(), read.model[0].array.to_vector<float>());
}

TEST(Checkpoint, TruncatedAnywhereIsRefused) {
  const TemporaryFolder folder;
  testing::TinyTask task;
  store_checkpoint(folder / "a.h5", small_checkpoint(task));
  const auto size = std::filesystem::file_size(folder / "a.h5");
  for (std::uintmax_t length :
       {std::uintmax_t{0}, std::uintmax_t{1}, std::uintmax_t{511}, std::uintmax_t{512}, size / 2, size - 1}) {
    std::filesystem::copy_file(folder / "a.h5", folder / "b.h5", std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(folder / "b.h5", length);
    EXPECT_THROW(read_checkpoint(folder / "b.h5"), DataError) << length;
  }
}

TEST(Checkpoint, WeightsOfAnotherModelAreListedWhole) {
  testing::TinyTask task;
  std::vector<NamedState> arrays = weights_of(task.model().fields());
  arrays[0].name = "stranger.weight";
  arrays.back().array = Array::from(std::vector<float>{1}, {1});
  const std::vector<float> before = task.model().fields()[1].tensor.value().to_vector<float>();
  expect_error<Error>([&] { load_weights(task.model().fields(), arrays, "other.h5"); },
                      {"other.h5", "missing: conv.weight", "unexpected: stranger.weight", "fc.bias", "[3]"});
  EXPECT_EQ(task.model().fields()[1].tensor.value().to_vector<float>(), before);
}

TEST(RunFolder, BelowAFileIsRefusedBeforeAnything) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_THROW(RunFolder((folder / "file").string()).require_writable(), EnvironmentError);
  EXPECT_THROW(RunFolder((folder / "file/run").string()).require_writable(), EnvironmentError);
  EXPECT_NO_THROW(RunFolder((folder / "new/run").string()).require_writable());
  EXPECT_FALSE(std::filesystem::exists(folder / "new"));
  EXPECT_THROW(RunFolder(""), UsageError);
}

TEST(RunFolder, TwoTrainingsAtOnceAreRefused) {
  const TemporaryFolder folder;
  const std::filesystem::path out = folder / "运行", lock = out / "running.lock";
  {
    RunFolder first(out.string()), second(out.string());
    first.hold();  // nothing there yet
    EXPECT_FALSE(std::filesystem::exists(out));
    first.begin(false);
    expect_error<Error>([&] { second.hold(); }, {out.string(), std::to_string(::getpid()), "another --out"});
    EXPECT_THROW(second.begin(true), UsageError);
    first.hold();  // its own
    const RunFolder copy = first;
    first = RunFolder("elsewhere");
    EXPECT_THROW(second.hold(), UsageError);
  }
  EXPECT_FALSE(std::filesystem::exists(lock));
  // A killed process holds nothing, though its file stays.
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    RunFolder held(out.string());
    held.hold();
    static_cast<void>(::write(ready[1], "x", 1) == 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  RunFolder next(out.string());
  expect_error<Error>([&] { next.hold(); }, {fmt::format("(process {})", child)});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(lock));
  EXPECT_NO_THROW(next.begin(true));
}

}  // namespace
}  // namespace joist
