// ctest: TIMEOUT 300
// The training loop on several ranks (threads here): the same losses as one process, the same bits with
// --deterministic=world-size, saved by any number of ranks and gone on with by any other. A small detector with batch
// norm and a small transformer with dropout.
#include <joist/core/mode.h>
#include <joist/core/random.h>
#include <joist/data/encode.h>
#include <joist/layers/models/vit.h>
#include <joist/layers/models/yolo.h>
#include <joist/tests/support/ranks.h>
#include <joist/tests/tools/training/forwarding_task.h>
#include <joist/tests/tools/training/tiny_task.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_task.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/trainer.h>

#include <cmath>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <signal.h>

namespace joist {
namespace {

using testing::TemporaryFolder;

constexpr int side = 64;

// Pictures with a coloured box each, once per test program.
const DetectionData& boxes() {
  static const TemporaryFolder folder;
  static const DetectionData data = [] {
    DetectionData made;
    made.train.categories = {"red", "green"};
    made.train.category_ids = {1, 2};
    for (int number = 0; number < 14; ++number) {
      Random random({.seed = 8, .stream = Stream::test, .step = static_cast<std::uint32_t>(number)});
      Picture picture(side, side);
      for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(60 + random.below(30));
      const int category = number % 2, size = 14 + static_cast<int>(random.below(20)), x = number * 3;
      for (int row = 8; row < 8 + size; ++row)
        for (int column = x; column < std::min(x + size, side); ++column)
          picture.pixels[static_cast<std::size_t>((row * side + column) * 3 + category)] = 220;
      Sample sample{.path = folder / ("picture" + std::to_string(number) + ".png"),
                    .id = number + 1,
                    .width = side,
                    .height = side};
      write_png(sample.path, picture, 1);
      // Every third picture has no object: a rank or micro-shard may see none at all.
      if (number % 3 != 2)
        sample.annotations.push_back(
            {.box = {static_cast<double>(x), 8, static_cast<double>(std::min(x + size, side)), 8.0 + size},
             .category = category});
      made.train.samples.push_back(sample);
    }
    return made;
  }();
  return data;
}

const ClassificationData& classes() {
  static const ClassificationData data = [] {
    ClassifiedPictures made{.classes = {"a", "b", "c"}, .source = "made up"};
    made.set.width = made.set.height = 16;
    made.set.channels = 3;
    Random random({.seed = 9, .stream = Stream::test});
    for (int i = 0; i < 23; ++i) {
      made.set.labels.push_back(i % 3);
      for (int value = 0; value < 16 * 16 * 3; ++value)
        made.set.pixels.push_back(static_cast<std::uint8_t>(random.below(128) + static_cast<std::size_t>(i % 3) * 40));
    }
    return ClassificationData{.train = made};
  }();
  return data;
}

// A detector as small as yolo_n's parts allow, and a transformer.
ModelEntry small_detector() {
  return model("small_yolo", [](const ModelOptions& o) {
    return Yolo({.classes = o.classes, .width = 0.0625, .depth = 0.33, .max_channels = 256});
  });
}
ModelEntry small_transformer(double dropout) {
  return model("small_vit", [dropout](const ModelOptions& o) {
    return VisionTransformer({.size = 16,
                              .patch = 8,
                              .layers = 2,
                              .heads = 2,
                              .width = 24,
                              .mlp = 48,
                              .dropout = dropout,
                              .classes = o.classes});
  });
}

struct Setting {
  std::string kind = "detector";
  TrainOptions options{};
  double dropout = 0.1;
  std::int64_t stop_at = -1;  // the step before which rank 1 (or the only one) gets SIGTERM
};

TrainOptions options_for(const std::string& kind, bool deterministic) {
  TrainOptions options{.size = kind == "detector" ? side : 16,
                       .batch = kind == "detector" ? 7 : 9,
                       .epochs = 2,
                       .seed = 3,
                       .device = "cpu",
                       .threads = 1,
                       .loader_threads = 1,
                       .deterministic = deterministic ? "world-size" : "",
                       .optimizer = "adamw",
                       .lr = 0.002,
                       .momentum = 0.9,
                       .weight_decay = 0.01,
                       .warmup = 2,
                       .average_decay = 0.9,
                       .average_tau = 5,
                       .mosaic = kind == "detector" ? 0.5 : 0,
                       .close_mosaic = 0.25,
                       .flip = 0.5,
                       .label_smoothing = kind == "detector" ? 0 : 0.1};
  return options;
}

// Stops like SIGTERM on one rank does.
class Stopping final : public testing::ForwardingTask {
 public:
  Stopping(std::unique_ptr<TrainingTask> task, std::int64_t at) : ForwardingTask(std::move(task)), at_(at) {}
  bool can_evaluate() const override { return false; }

 private:
  void before_batch(std::int64_t batch) override {
    if (batch == at_) ::raise(SIGTERM);
  }
  std::int64_t at_;
};

// Trains in the folder, going on with what is there. Returns the signal that stopped it.
int train(const std::filesystem::path& folder, int ranks, const Setting& setting) {
  const Interruptible interruptible;
  int stopped = 0;
  testing::on_ranks(ranks, [&](parallel::Communicator& world) {
    const Team team(world);
    Console console(true);
    const bool leads = team.leads();
    std::optional<Checkpoint> before;
    if (leads && std::filesystem::exists(folder / "last.h5")) before = read_checkpoint(folder / "last.h5");
    before = team.shared(std::move(before));
    manual_seed(3);
    std::unique_ptr<TrainingTask> inner =
        setting.kind == "detector"
            ? detection_task(boxes(), setting.options, small_detector(), team.part(setting.options))
            : classification_task(classes(), setting.options, small_transformer(setting.dropout),
                                  team.part(setting.options));
    Stopping task(std::move(inner), world.rank() == std::min(1, world.size() - 1) ? setting.stop_at : -1);
    RunWriter writer(RunFolder(folder.string()), console, SaveEvery{}, leads);
    Trainer trainer(setting.options, task, writer, console, Trainer::Clock::now(), const_cast<Team*>(&team));
    if (before) trainer.resume(*before);
    const int signal = trainer.run();
    if (leads) stopped = signal;
  });
  return stopped;
}

// Everything that a run leaves, as numbers; the log without its times.
struct Result {
  std::map<std::string, std::vector<double>> arrays{};
  std::vector<std::string> log{};
};

Result result_of(const std::filesystem::path& folder) {
  const Checkpoint checkpoint = read_checkpoint(folder / "last.h5");
  Result result;
  const auto add = [&result](const std::string& kind, const std::vector<NamedState>& arrays) {
    for (const NamedState& state : arrays)
      result.arrays[kind + state.name] = to(Tensor(state.array), Dtype::float64).value().to_vector<double>();
  };
  add("model ", checkpoint.model);
  add("average ", checkpoint.average);
  add("optimizer ", checkpoint.training->optimizer.arrays);
  std::istringstream log(checkpoint.training->log.csv());
  for (std::string line; std::getline(log, line);) {
    for (int cells = 0; cells < 2; ++cells) line.resize(line.rfind(','));  // seconds, samples_per_second
    result.log.push_back(line);
  }
  return result;
}

Result run(int ranks, const Setting& setting) {
  const TemporaryFolder folder;
  EXPECT_EQ(train(folder / "run", ranks, setting), 0);
  return result_of(folder / "run");
}

void expect_same_bits(const Result& found, const Result& expected, const std::string& what) {
  EXPECT_EQ(found.log, expected.log) << what;
  ASSERT_EQ(found.arrays.size(), expected.arrays.size()) << what;
  for (const auto& [name, numbers] : expected.arrays) ASSERT_EQ(found.arrays.at(name), numbers) << what << ": " << name;
}

void expect_near(const Result& found, const Result& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.log.size(), expected.log.size()) << what;
  for (std::size_t line = 1; line < expected.log.size(); ++line) {
    std::istringstream a(found.log[line]), b(expected.log[line]);
    for (std::string left, right; std::getline(a, left, ',') && std::getline(b, right, ',');) {
      if (left.empty() && right.empty()) continue;
      EXPECT_NEAR(std::stod(left), std::stod(right), tolerance * (1 + std::abs(std::stod(right)))) << what << ": log";
    }
  }
  for (const auto& [name, numbers] : expected.arrays) {
    if (!name.starts_with("model ")) continue;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      ASSERT_NEAR(found.arrays.at(name)[i], numbers[i], tolerance * (1 + std::abs(numbers[i]))) << what << ": " << name;
  }
}

class Kind : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Parallel, Kind, ::testing::Values("detector", "transformer"));

// Seven or nine pictures on two and four ranks: shares differ in size. Batch norm sees all of them.
TEST_P(Kind, SeveralRanksHaveTheLossesOfOneProcess) {
  Setting setting{.kind = GetParam(), .options = options_for(GetParam(), false), .dropout = 0};
  setting.options.optimizer = "sgd";  // Adam turns the sign of a gradient that is zero but for rounding into a step
  setting.options.lr = 0.01;
  const Result expected = run(1, setting);
  for (const int ranks : {2, 4}) {
    setting.options.optimizer_state = ranks == 4 ? "sharded" : "whole";
    expect_near(run(ranks, setting), expected, 2e-3, std::to_string(ranks) + " ranks");
  }
  // With accumulation.
  setting.options.nominal_batch = 2 * setting.options.batch;
  setting.options.optimizer_state = "whole";
  expect_near(run(2, setting), run(1, setting), 2e-3, "two batches per step");
}

TEST_P(Kind, WorldSizeModeGivesTheSameBitsOnAnyNumberOfRanks) {
  Setting setting{.kind = GetParam(), .options = options_for(GetParam(), true)};
  const Result expected = run(1, setting);
  for (const int ranks : {2, 3, 4, 8}) {
    setting.options.optimizer_state = ranks == 3 ? "sharded" : "whole";
    expect_same_bits(run(ranks, setting), expected, std::to_string(ranks) + " ranks");
  }
  setting.options.nominal_batch = 2 * setting.options.batch;
  expect_same_bits(run(3, setting), run(1, setting), "two batches per step");
}

TEST_P(Kind, SavedOnAnyNumberOfRanksItGoesOnOnAnyNumber) {
  Setting setting{.kind = GetParam(), .options = options_for(GetParam(), true)};
  const Result expected = run(1, setting);
  Setting stopped = setting;
  stopped.stop_at = 2;
  for (const int ranks : {1, 2, 4}) {
    const TemporaryFolder folder;
    stopped.options.optimizer_state = ranks == 2 ? "sharded" : "whole";
    ASSERT_EQ(train(folder / "run", ranks, stopped), SIGTERM);
    const std::int64_t step = read_checkpoint(folder / "run/last.h5").training->step;
    EXPECT_GE(step, 2);
    EXPECT_LT(step, 4);
    for (const int others : {1, 2, 3, 4}) {
      const std::filesystem::path again = folder / std::to_string(others);
      std::filesystem::copy(folder / "run", again);
      setting.options.optimizer_state = others == 3 ? "sharded" : "whole";
      ASSERT_EQ(train(again, others, setting), 0);
      expect_same_bits(result_of(again), expected, std::to_string(ranks) + " ranks, then " + std::to_string(others));
    }
  }
}

// Parts that begin late and the pull towards the start are the same on any number of ranks, also from a save on.
TEST(Parallel, PartsThatBeginLateAndThePullTowardsTheStart) {
  Setting setting{.kind = "transformer", .options = options_for("transformer", true)};
  setting.options.freeze = "conv_proj";
  setting.options.unfreeze = "encoder.layers=0.5,conv_proj=0.7";
  setting.options.l2_sp = 0.5;
  setting.options.rates = "encoder=0.5";
  const Result expected = run(1, setting);
  Setting stopped = setting;
  stopped.stop_at = 2;
  for (const int ranks : {2, 3}) {
    setting.options.optimizer_state = ranks == 3 ? "sharded" : "whole";
    expect_same_bits(run(ranks, setting), expected, std::to_string(ranks) + " ranks");
    const TemporaryFolder folder;
    ASSERT_EQ(train(folder / "run", 5 - ranks, stopped), SIGTERM);
    ASSERT_EQ(train(folder / "run", ranks, setting), 0);
    expect_same_bits(result_of(folder / "run"), expected, "gone on with by " + std::to_string(ranks) + " ranks");
  }
}

// Local batch norm: running statistics become one at every step.
TEST(Parallel, LocalBatchNormKeepsOneSetOfRunningStatistics) {
  Setting setting{.options = options_for("detector", false)};
  setting.options.batch_norm = "local";
  const Result two = run(2, setting), one = run(1, setting);
  double largest = 0;
  for (const auto& [name, numbers] : two.arrays)
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_TRUE(std::isfinite(numbers[i])) << name;
      largest = std::max(largest, std::abs(numbers[i] - one.arrays.at(name)[i]));
    }
  EXPECT_GT(largest, 0) << "shares have other statistics than the whole batch";
}

// A rank whose data cannot be read ends all of them, with its message.
TEST(Parallel, OneRanksErrorEndsAll) {
  const TemporaryFolder folder;
  DetectionData broken = boxes();
  for (Sample& sample : broken.train.samples) sample.path = folder / "missing.png";
  EXPECT_THROW(testing::on_ranks(2,
                                 [&](parallel::Communicator& world) {
                                   Team team(world);
                                   Console console(true);
                                   const TrainOptions options = options_for("detector", false);
                                   const auto task = detection_task(world.rank() == 1 ? broken : boxes(), options,
                                                                    small_detector(), team.part(options));
                                   RunWriter writer(RunFolder((folder / "run").string()), console, SaveEvery{},
                                                    team.leads());
                                   Trainer(options, *task, writer, console, Trainer::Clock::now(), &team).run();
                                 }),
               DataError);
}

}  // namespace
}  // namespace joist
