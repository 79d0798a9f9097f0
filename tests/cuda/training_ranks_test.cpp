// ctest: TIMEOUT 240 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Ranks that each train on a GPU (threads that share the emulated one, and a recording fake of NCCL): the weights of
// the CPU's ranks, the same bits for any number of them with --deterministic=world-size, and a rank that is gone or
// late ends the others with its name.
#include <joist/cuda/communicator.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/device.h>
#include <joist/tests/cuda/small_runs.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tests/tools/training/forwarding_task.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/fitting_batch.h>
#include <joist/tools/training/team.h>
#include <joist/tools/training/trainer.h>

#include <thread>

#include <gtest/gtest.h>

namespace joist {
namespace {

using namespace testing;  // small_runs.h

const Device gpu = cuda::emulator::use_emulated_gpu();

/// What a rank does before each of its batches.
using BeforeBatch = std::function<void(parallel::Communicator& world, std::int64_t batch)>;

class Troubled final : public ForwardingTask {
 public:
  Troubled(std::unique_ptr<TrainingTask> task, parallel::Communicator& world, const BeforeBatch& trouble)
      : ForwardingTask(std::move(task)), world_(world), trouble_(trouble) {}

 private:
  void before_batch(std::int64_t batch) override {
    if (trouble_) trouble_(world_, batch);
  }
  parallel::Communicator& world_;
  BeforeBatch trouble_;
};

// Trains as train() does, on threads; what each rank threw.
std::vector<std::string> train_on(int ranks, TrainOptions options, const BeforeBatch& trouble = {}) {
  options = resolve(options);
  TrainingData data = read_training_data(options, task_of(options));
  const auto* const boxes = std::get_if<DetectionData>(&data);
  const auto* const classes = std::get_if<ClassificationData>(&data);
  const ModelEntry& entry = boxes ? resolve_model(options, registry(), TaskKind::detect, 2, 0, 3)
                                  : resolve_model(options, registry(), TaskKind::classify, 3, 8, 1);
  std::vector<std::unique_ptr<parallel::Communicator>> world = parallel::thread_communicators(ranks);
  std::vector<std::string> errors(world.size());
  std::vector<std::thread> threads;
  const auto run = [&](std::unique_ptr<parallel::Communicator> own) {
    Team team(std::move(own));
    try {
      if (trouble) team.world().set_timeout(std::chrono::seconds(2));
      if (options.device == "cuda") team.use_gpus();
      Console console(true);
      manual_seed(static_cast<std::uint64_t>(options.seed));
      Troubled task(boxes ? detection_task(*boxes, options, entry, team.part(options))
                          : classification_task(*classes, options, entry, team.part(options)),
                    team.world(), trouble);
      if (options.device == "cuda") task.model().move_to(gpu);
      RunWriter writer(RunFolder(options.out), console, SaveEvery{}, team.leads());
      Trainer(options, task, writer, console, Trainer::Clock::now(), &team).run();
    } catch (const std::exception& error) {
      errors[static_cast<std::size_t>(team.rank())] = error.what();
      team.world().abort(error.what());
    }
  };
  for (auto& own : world) threads.emplace_back(run, std::move(own));
  for (std::thread& thread : threads) thread.join();
  return errors;
}

class Ranks : public ::testing::TestWithParam<std::string> {
 protected:
  TrainOptions options(const std::string& run, const std::string& device) {
    const std::string& name = GetParam();
    TrainOptions made = options_for(name, data_, folder_ / run, device);
    made.val.clear();
    made.optimizer = "sgd";  // Adam turns the sign of a gradient that is zero but for rounding into a step
    return made;
  }
  fs::path run(const std::string& name) const { return folder_ / name; }

  const TemporaryFolder folder_{};
  const fs::path data_ = GetParam() == "tiny_detector" ? boxes_in(folder_) : classes_in(folder_);
};
INSTANTIATE_TEST_SUITE_P(Models, Ranks, ::testing::Values("tiny_classifier", "tiny_detector"),
                         [](const auto& one) { return one.param; });

TEST_P(Ranks, GiveTheWeightsOfTheCpusRanks) {
  struct Case {
    int ranks;
    std::int64_t batch;  // of three pictures one of four ranks has none
    const char *state, *norm;
  };
  for (const Case& one : {Case{2, 4, "whole", "sync"}, {4, 3, "sharded", "sync"}, {2, 3, "whole", "local"}}) {
    SCOPED_TRACE(std::to_string(one.ranks) + " ranks, " + one.state + ", " + one.norm);
    const std::string name = std::to_string(one.ranks) + one.norm;
    for (const std::string device : {"cpu", "cuda"}) {
      TrainOptions made = options(device + name, device);
      made.batch = one.batch;
      made.optimizer_state = one.state;
      made.batch_norm = one.norm;
      const std::uint64_t before = cuda::emulator::library_calls()["all_reduce"];
      ASSERT_EQ(train_on(one.ranks, made), std::vector<std::string>(static_cast<std::size_t>(one.ranks)));
      EXPECT_EQ(cuda::emulator::library_calls()["all_reduce"] > before, device == "cuda");
    }
    expect_same_run(run("cuda" + name), run("cpu" + name), 2e-4);
  }
}

TEST_P(Ranks, GiveTheSameBitsInWorldSizeMode) {
  std::vector<Checkpoint> results;
  for (const int ranks : {1, 2, 4}) {
    TrainOptions made = options(std::to_string(ranks), "cuda");
    made.deterministic = "world-size";
    made.micro_shards = 4;
    ASSERT_EQ(train_on(ranks, made), std::vector<std::string>(static_cast<std::size_t>(ranks)));
    results.push_back(read_checkpoint(run(std::to_string(ranks)) / "last.h5"));
  }
  for (std::size_t other : {1, 2}) {
    expect_near(results[other].model, results[0].model, 0);
    expect_near(results[other].average, results[0].average, 0);
    expect_near(results[other].training->optimizer.arrays, results[0].training->optimizer.arrays, 0);
  }
}

// The error of one rank is what all end with; a rank that does not come is named, with what it does.
TEST_P(Ranks, EndTogether) {
  const std::vector<std::string> gone = train_on(3, options("gone", "cuda"), [](auto& world, std::int64_t batch) {
    if (world.rank() == 1 && batch == 1) throw DataError({.where = "picture 7", .what = "cannot be read"});
  });
  for (const std::string& error : gone) EXPECT_NE(error.find("picture 7"), std::string::npos) << error;
  const std::vector<std::string> late = train_on(2, options("late", "cuda"), [](auto& world, std::int64_t batch) {
    if (world.rank() != 1 || batch != 1) return;
    while (!world.aborted()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    world.poll();
  });
  for (const std::string& error : late) {
    EXPECT_NE(error.find("rank 1"), std::string::npos) << error;
    EXPECT_NE(error.find("loading pictures"), std::string::npos) << error;
  }
}

TEST(Gpus, AreTakenOnce) {
  EXPECT_EQ(cuda::gpu_of_two({"GPU 1 of a", "GPU 2 of a", "GPU 1 of b", "", ""}), "");
  EXPECT_EQ(cuda::gpu_of_two({"GPU 1 of a", "GPU 2 of a", "GPU 1 of a"}), "ranks 0 and 2 both have GPU 1 of a");
}

TEST(Gpus, ShareTheBatch) {
  const ModelEntry& entry = registry().find("wide");
  const std::int64_t alone = fitting_batch(entry, 2, 8, 1'000'000, gpu),
                     four = fitting_batch(entry, 2, 8, 1'000'000, gpu, 4);
  EXPECT_GE(four, alone);
  EXPECT_LE(four, 4 * alone);
}

}  // namespace
}  // namespace joist
