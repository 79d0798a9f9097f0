// ctest: TIMEOUT 300
// Parts of a model that learn otherwise than the rest: --freeze, --rates, --no-decay, --unfreeze, --l2-sp.
#include <joist/core/formats/store.h>
#include <joist/tests/tools/training/tiny_task.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/trainer.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <signal.h>

namespace joist {
namespace {

using testing::TemporaryFolder;
using testing::TinyTask;

using Values = std::map<std::string, std::vector<float>>;

Values values_of(std::span<const Field> fields) {
  Values values;
  for (const Field& field : fields) values[field.name] = field.tensor.value().to_vector<float>();
  return values;
}

TrainOptions options_for(const std::string& optimizer) {
  return {.batch = TinyTask::batch,
          .epochs = 2,
          .device = "cpu",
          .optimizer = optimizer,
          .lr = 0.01,
          .momentum = optimizer == "sgd" ? 0.0 : 0.9,
          .weight_decay = 0,
          .warmup = 0,
          .average_decay = 0};
}

int train_in(const std::filesystem::path& folder, const TrainOptions& options, TinyTask& task,
             const std::vector<std::string>& anew = {}) {
  const Interruptible interruptible;
  Console console(true);
  std::optional<Checkpoint> before;
  if (std::filesystem::exists(folder / "last.h5")) before = read_checkpoint(folder / "last.h5");
  RunWriter writer(RunFolder(folder.string()), console, SaveEvery{});
  Trainer trainer(options, task, writer, console, Trainer::Clock::now(), nullptr, anew);
  if (before) trainer.resume(*before);
  return trainer.run();
}

const Plan plan({{0, 10}});

// Plain SGD: each step is -lr · factor · gradient, of frozen parts nothing.
TEST(FineTuning, FrozenPartsBesideRates) {
  TinyTask task;
  TrainOptions options = options_for("sgd");
  options.freeze = "conv";
  options.rates = "bn=0.5,fc.bias=0,**=2";  // the first that fits
  options.schedule = "constant";
  options.clip = 0;
  Learner learner(task.model().fields(), options);
  learner.keep_buffers();
  const Values before = values_of(learner.fields());
  task.next().loss.backward();
  Values gradients;
  for (const FlatParameters::Slice& slice : learner.parameters().slices())
    gradients[slice.name] = slice.tensor.gradient().to_vector<float>();
  EXPECT_EQ(gradients.size(), 4U);  // without conv
  ASSERT_TRUE(learner.step(0, plan));
  for (const auto& [name, now] : values_of(learner.fields())) {
    const double factor = name == "fc.weight" ? 2 : name == "fc.bias" ? 0 : 0.5;
    for (std::size_t i = 0; i < now.size() && name.find("running") == name.npos; ++i) {
      const double g = gradients.contains(name) ? gradients[name][i] : 0;
      ASSERT_NEAR(now[i], before.at(name)[i] - 0.01 * factor * g, 1e-7) << name;
    }
    if (name.starts_with("conv")) {
      EXPECT_EQ(now, before.at(name));
    }
  }
}

TEST(FineTuning, DecayLeavesOutWhatPatternsName) {
  for (const bool excluded : {false, true}) {
    TinyTask task;
    TrainOptions options = options_for("adamw");
    options.weight_decay = 0.5;
    options.schedule = "constant";
    options.no_decay = excluded ? "fc" : "";
    options.rates = "fc=0.5";
    Learner learner(task.model().fields(), options);
    const Values before = values_of(learner.fields());
    learner.parameters().complete_gradients();
    ASSERT_TRUE(learner.step(0, plan));  // gradients are zero: decay alone moves
    for (const auto& [name, now] : values_of(learner.fields())) {
      const double shrink = name == "conv.weight"              ? 1 - 0.01 * 0.5
                            : name == "fc.weight" && !excluded ? 1 - 0.005 * 0.5
                                                               : 1;
      for (std::size_t i = 0; i < now.size(); ++i) ASSERT_NEAR(now[i], shrink * before.at(name)[i], 1e-7) << name;
    }
  }
}

TEST(FineTuning, PatternsThatFitNothingAreRefusedWithTheNearestName) {
  TinyTask task;
  const auto message = [&](std::string TrainOptions::*option, const std::string& text) {
    TrainOptions options = options_for("adamw");
    options.*option = text;
    try {
      const Learner learner(task.model().fields(), options);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  for (const auto& [option, name, text] :
       {std::tuple{&TrainOptions::freeze, "--freeze", "fcc"}, std::tuple{&TrainOptions::no_decay, "--no-decay", "fcc"},
        std::tuple{&TrainOptions::rates, "--rates", "fcc=0.1"},
        std::tuple{&TrainOptions::unfreeze, "--unfreeze", "fcc=0.1"}}) {
    const std::string said = message(option, text);
    EXPECT_NE(said.find(name), said.npos) << said;
    EXPECT_NE(said.find("did you mean \"fc\"?"), said.npos) << said;
    EXPECT_NE(said.find("conv.weight"), said.npos) << said;
  }
  for (const char* wrong : {"fc", "fc=", "=0.1", "fc=2", "fc=-1", "fc=nan", "fc=0.1x"})
    EXPECT_NE(message(&TrainOptions::unfreeze, wrong).find("PATTERN=SHARE"), std::string::npos) << wrong;
  EXPECT_NE(message(&TrainOptions::unfreeze, "**=0.5").find("nothing learns at the beginning"), std::string::npos);
  TrainOptions options = options_for("muon");
  options.unfreeze = "conv=0.5";
  EXPECT_THROW(Learner(task.model().fields(), options), UsageError);
  EXPECT_THROW(resolve({.l2_sp = 0.1}), UsageError);  // without --from
  EXPECT_THROW(resolve({.from = "x.pt", .l2_sp = 0.1, .optimizer = "lookahead:prodigy"}), UsageError);
  EXPECT_THROW(resolve({.from = "x.pt", .l2_sp = -1}), UsageError);
}

// Of 12 steps the normalization learns from step 6 on and the convolution from step 9 on.
TEST(Unfreezing, PartsKeepEveryBitUntilTheirTime) {
  const TemporaryFolder folder;
  TinyTask task(6);
  TrainOptions options = options_for("adamw");
  options.freeze = "conv";  // until --unfreeze says otherwise
  options.unfreeze = "bn=0.5,conv=0.75";
  options.weight_decay = 0.1;
  options.average_decay = 0.9;
  const Values start = values_of(task.model().fields());
  std::map<std::string, std::int64_t> changed;  // before which batch it was first seen to be another
  task.before_batch = [&](std::int64_t batch) {
    for (const auto& [name, values] : values_of(task.model().fields()))
      if (values != start.at(name) && !changed.contains(name)) changed[name] = batch;
  };
  ASSERT_EQ(train_in(folder / "run", options, task), 0);
  const std::map<std::string, std::int64_t> expected{{"bn.bias", 7},         {"bn.weight", 7},      {"conv.weight", 10},
                                                     {"bn.running_mean", 7}, {"bn.running_var", 7}, {"fc.bias", 1},
                                                     {"fc.weight", 1}};
  EXPECT_EQ(changed, expected);
  const Checkpoint last = read_checkpoint(folder / "run/last.h5");
  EXPECT_EQ(last.training->late_parts, (std::vector<std::int64_t>{6, 9}));
  EXPECT_EQ(last.average.size(), start.size());
}

// Clipping sees the parts that learn, and no others.
TEST(Unfreezing, WaitingPartsHaveNoGradient) {
  TrainOptions options = options_for("sgd");
  options.unfreeze = "conv=0.5,bn=0.5";
  options.clip = 1e-3;
  options.schedule = "constant";
  TinyTask task;
  Learner learner(task.model().fields(), options);
  EXPECT_TRUE(learner.begin_step(4, plan).empty());
  const Values before = values_of(learner.fields());
  task.next().loss.backward();
  double squares = 0;
  for (const FlatParameters::Slice& slice : learner.parameters().slices())
    EXPECT_EQ(slice.tensor.gradient().defined(), slice.name.starts_with("fc")) << slice.name;
  ASSERT_TRUE(learner.step(4, plan));
  for (const auto& [name, now] : values_of(learner.fields()))
    for (std::size_t i = 0; i < now.size() && name.starts_with("fc"); ++i)
      squares += std::pow(static_cast<double>(now[i]) - static_cast<double>(before.at(name)[i]), 2);
  EXPECT_NEAR(std::sqrt(squares), 0.01 * 1e-3, 1e-7);  // the whole of the clipped norm
  EXPECT_EQ(learner.begin_step(5, plan).size(), 2U);
  task.next().loss.backward();
  for (const FlatParameters::Slice& slice : learner.parameters().slices())
    EXPECT_TRUE(slice.tensor.gradient().defined()) << slice.name;
}

TEST(Unfreezing, ResumedAtEveryStepIsTheSameRun) {
  const auto result = [](const std::filesystem::path& folder) {
    const Checkpoint checkpoint = read_checkpoint(folder / "last.h5");
    std::map<std::string, std::vector<double>> arrays;
    for (const auto* list : {&checkpoint.model, &checkpoint.average, &checkpoint.training->optimizer.arrays})
      for (const NamedState& state : *list)
        arrays[std::to_string(arrays.size()) + state.name] =
            to(Tensor(state.array), Dtype::float64).value().to_vector<double>();
    return arrays;
  };
  for (const char* optimizer : {"adamw", "lookahead:nadam"}) {
    TrainOptions options = options_for(optimizer);
    options.freeze = "conv";
    options.unfreeze = "conv=0.3,bn=0.6";
    options.rates = "bn=0.5";
    options.l2_sp = 0.5;
    options.average_decay = 0.9;
    const std::vector<std::string> anew{"fc.weight", "fc.bias"};
    const TemporaryFolder folder;
    TinyTask whole(5);
    ASSERT_EQ(train_in(folder / "whole", options, whole, anew), 0);
    const auto expected = result(folder / "whole");
    for (std::int64_t stop = 0; stop < 10; ++stop) {
      const std::filesystem::path run = folder / std::to_string(stop);
      TinyTask task(5), again(5);
      task.before_batch = [stop](std::int64_t batch) {
        if (batch == stop) ::raise(SIGTERM);
      };
      ASSERT_EQ(train_in(run, options, task, anew), SIGTERM);
      ASSERT_EQ(train_in(run, options, again, anew), 0);
      EXPECT_EQ(result(run), expected) << optimizer << " stopped in batch " << stop;
    }
  }
}

// Without gradients a step only pulls; what began anew decays as ever.
TEST(Pull, GoesToTheStartOfWhatWasPretrained) {
  TinyTask task;
  TrainOptions options = options_for("adamw");
  options.l2_sp = 10;
  options.weight_decay = 0.5;
  options.rates = "bn=0.5";
  options.schedule = "constant";
  options.clip = 0;
  Learner learner(task.model().fields(), options, nullptr, {"fc.weight", "fc.bias"});
  EXPECT_EQ(learner.keep_start().size(), 64U);
  const Values start = values_of(learner.fields());
  for (const Field& field : learner.fields())
    if (field.trainable)
      kernels(cpu).elementwise.unary(Affine{.shift = 1}, field.tensor.value(), {field.tensor.value(), false});
  learner.parameters().complete_gradients();
  ASSERT_TRUE(learner.step(0, plan));
  for (const auto& [name, now] : values_of(learner.fields()))
    for (std::size_t i = 0; i < now.size() && name.find("running") == name.npos; ++i) {
      const double moved = start.at(name)[i] + 1;
      const double wanted = name == "fc.weight" ? moved * (1 - 0.01 * 0.5)
                            : name == "fc.bias" ? moved
                                                : moved - 0.01 * (name.starts_with("bn") ? 0.5 : 1) * 10;
      ASSERT_NEAR(now[i], wanted, 2e-6) << name;
    }
}

TEST(Pull, AResumedRunNeedsTheSameStart) {
  const TemporaryFolder folder;
  TrainOptions options = options_for("adamw");
  options.l2_sp = 0.1;
  options.from = "weights.pt";
  TinyTask task;
  task.before_batch = [](std::int64_t batch) {
    if (batch == 3) ::raise(SIGTERM);
  };
  ASSERT_EQ(train_in(folder / "run", options, task, {"fc.weight"}), SIGTERM);
  TinyTask other, same;
  const Field weight = other.model().fields()[0];
  kernels(cpu).elementwise.fill(0.25, weight.tensor.value());
  EXPECT_THROW(train_in(folder / "run", options, other, {"fc.weight"}), DataError);
  EXPECT_THROW(train_in(folder / "run", options, same, {"fc.weight", "fc.bias"}), DataError);
  TinyTask right;
  EXPECT_EQ(train_in(folder / "run", options, right, {"fc.weight"}), 0);
  TinyTask nothing;
  std::vector<std::string> all;
  for (const Field& field : nothing.model().fields()) all.push_back(field.name);
  EXPECT_THROW(train_in(folder / "other", options, nothing, all), UsageError);
}

}  // namespace
}  // namespace joist
