// Plan, budget, options, recipe: the parts that training is made of.
#include <joist/optim/named_schedule.h>
#include <joist/optim/registry.h>
#include <joist/tests/tools/training/tiny_task.h>
#include <joist/tools/training/budget.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/log.h>
#include <joist/tools/training/options.h>
#include <joist/tools/training/plan.h>
#include <joist/tools/training/rates.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/run_folder.h>
#include <joist/tools/training/trainer.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::TemporaryFolder;

template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Plan, ProgressRisesInStraightLinesToOne) {
  Plan plan({{0, 100}});
  EXPECT_DOUBLE_EQ(plan.progress(0), 0);
  EXPECT_DOUBLE_EQ(plan.progress(50), 0.5);
  EXPECT_DOUBLE_EQ(plan.progress(100), 1);
  EXPECT_DOUBLE_EQ(plan.progress(150), 1);
  plan.replan(50, 150);  // from 0.5 on, half as fast
  EXPECT_DOUBLE_EQ(plan.progress(49), 0.49);
  EXPECT_DOUBLE_EQ(plan.progress(50), 0.5);
  EXPECT_DOUBLE_EQ(plan.progress(100), 0.75);
  EXPECT_DOUBLE_EQ(plan.progress(150), 1);
  EXPECT_EQ(plan.total(49), 100);
  EXPECT_EQ(plan.total(50), 150);
}

TEST(Plan, ProgressStandsStillWhileTheTotalIsNotKnown) {
  Plan plan;
  EXPECT_DOUBLE_EQ(plan.progress(20), 0);
  plan.replan(20, 120);
  EXPECT_DOUBLE_EQ(plan.progress(10), 0);
  EXPECT_DOUBLE_EQ(plan.progress(70), 0.5);
  plan.replan(20, 30);
  EXPECT_EQ(plan.points().size(), 2U);
}

TEST(Plan, RefusesPointsThatMakeNoPlan) {
  EXPECT_THROW(Plan(std::vector<PlanPoint>{}), UsageError);
  EXPECT_THROW(Plan({{1, 10}}), UsageError);
  EXPECT_THROW(Plan({{0, 10}, {5, 4}}), UsageError);
  EXPECT_THROW(Plan({{0, 10}, {0, 20}}), UsageError);
}

TEST(TimeBudget, PlansWhatFits) {
  TimeBudget budget(1000, 0, std::chrono::steady_clock::now());
  EXPECT_FALSE(budget.knows_speed());
  for (int i = 0; i < 3; ++i) budget.note_step(60);  // the first ones do not count
  for (int i = 0; i < 25; ++i) budget.note_step(1);
  budget.note_save(2);
  budget.note_evaluation(10);
  EXPECT_TRUE(budget.knows_speed());
  const std::int64_t total = budget.total_from(28);
  EXPECT_LT(total, 28 + 1000);
  EXPECT_GT(total, 28 + 800);
  EXPECT_TRUE(budget.may_plan());
  EXPECT_FALSE(budget.may_plan());            // not twice within a moment
  EXPECT_FALSE(budget.affords_evaluation());  // no time has gone yet, 10 s went into evaluation
  TimeBudget none(0, 0, std::chrono::steady_clock::now());
  EXPECT_TRUE(none.affords_evaluation());
  TimeBudget over(10, 20, std::chrono::steady_clock::now());
  EXPECT_EQ(over.total_from(5), 5);
}

TEST(Options, TravelThroughAFile) {
  TrainOptions options{.data = "数据/\"train\".json",
                       .epochs = 7,
                       .time = {90},
                       .lr = 0.1 + 0.2,
                       .plan = {{0, 0}, {25, 800}},
                       .evaluated = {1, 4}};
  TrainOptions read;
  read_toml(read, to_toml(options), "config.toml");
  EXPECT_EQ(read.data, options.data);
  EXPECT_EQ(read.epochs, 7);
  EXPECT_EQ(read.time, options.time);
  EXPECT_EQ(read.lr, options.lr);
  EXPECT_EQ(read.plan, options.plan);
  EXPECT_EQ(read.evaluated, options.evaluated);
  EXPECT_TRUE(read.given.contains("data"));
  EXPECT_EQ(to_toml(read), to_toml(options));
}

TEST(Options, NameTheLineOfWhatIsWrongInAFile) {
  TrainOptions options;
  const auto refusal = [&](const std::string& text) {
    return message_of([&] { read_toml(options, text, "run.toml"); });
  };
  const std::string unknown = refusal("batch = 8\nepochz = 3\n");
  EXPECT_TRUE(has(unknown, "run.toml:2") && has(unknown, "\"epochs\"")) << unknown;
  EXPECT_TRUE(has(refusal("\nbatch = \"many\"\n"), "run.toml:2"));
  EXPECT_TRUE(has(refusal("batch = 1.5"), "a whole number"));
  EXPECT_TRUE(has(refusal("time = \"soon\""), "20m"));
  EXPECT_TRUE(has(refusal("plan = [[0, 1], [2]]"), "[step, total]"));
  EXPECT_TRUE(has(refusal("batch = [\n"), "run.toml:1"));
}

TEST(Options, AResumedRunIsTheSameRun) {
  TrainOptions saved{.data = "a", .out = "x", .batch = 8, .epochs = 5, .loader_threads = 1};
  TrainOptions now{.out = "y", .loader_threads = 4, .resume = true, .given = {"out", "loader-threads", "resume"}};
  const TrainOptions merged = resumed_options(saved, now);
  EXPECT_EQ(merged.batch, 8);
  EXPECT_EQ(merged.out, "y");
  EXPECT_EQ(merged.loader_threads, 4);

  now.batch = 16;
  now.lr = 0.1;
  now.given.insert({"batch", "lr"});
  const std::string refused = message_of([&] { resumed_options(saved, now); });
  EXPECT_TRUE(has(refused, "--batch 16 (the run has 8)") && has(refused, "--lr 0.1")) << refused;
  now.batch = 8;
  now.given = {"out", "batch"};
  EXPECT_EQ(resumed_options(saved, now).batch, 8);  // given, but the same
}

TEST(Duration, IsReadInSecondsMinutesAndHours) {
  EXPECT_EQ(Duration::parse("90", "--time").seconds, 90);
  EXPECT_EQ(Duration::parse("90s", "--time").seconds, 90);
  EXPECT_EQ(Duration::parse("1.5m", "--time").seconds, 90);
  EXPECT_EQ(Duration::parse("2h", "--time").text(), "2h");
  for (const char* wrong : {"", "m", "-3m", "3 days", "nan", "inf"})
    EXPECT_THROW(Duration::parse(wrong, "--time"), UsageError) << wrong;
}

TEST(Recipe, RefusesWhatMakesNoSense) {
  EXPECT_THROW(resolve({.epochs = 3, .time = {60}}), UsageError);
  EXPECT_THROW(resolve({.batch = -1}), UsageError);
  EXPECT_THROW(resolve({.optimizer = "adm"}), UsageError);
  EXPECT_THROW(resolve({.device = "cuda"}), EnvironmentError);
  EXPECT_THROW(resolve({.deterministic = "world"}), UsageError);
  TrainOptions options = resolve({.size = 100});
  EXPECT_EQ(options.optimizer, "adamw");
  const ModelRegistry registry;
  EXPECT_THROW(resolve_model(options, registry, TaskKind::detect, 3, 0, 3), UsageError);  // not a multiple of 32
  options.size = 0;
  EXPECT_EQ(resolve_model(options, registry, TaskKind::detect, 3, 0, 3).name, "yolo_n");
  EXPECT_EQ(options.size, 320);
  EXPECT_THROW(resolve_model(options, registry, TaskKind::classify, 3, 0, 3), UsageError);  // a detector for classes
  for (const char* sequence : {"gpt", "gpt2", "lstm"})
    for (const TaskKind pictures : {TaskKind::detect, TaskKind::classify}) {
      options.model = sequence;
      EXPECT_THROW(resolve_model(options, registry, pictures, 3, 0, 3), UsageError) << sequence;
    }
}

TEST(Recipe, TakesEveryOptimizerThatStepsByOneGradient) {
  const ModelRegistry registry;
  std::vector<std::string> names = optimizer_names();
  names.insert(names.end(), {"lookahead:adamw", "cautious:lion", "centralized:sgd", "sam:sgd"});
  for (const std::string& name : names) {
    if (optimizer_needs_closure(name)) {
      EXPECT_THROW(resolve({.optimizer = name}), UsageError) << name;
      continue;
    }
    testing::TinyTask task;
    TrainOptions options = resolve({.epochs = 1, .optimizer = name, .warmup = 0});
    resolve_model(options, registry, TaskKind::classify, 3, 0, 3);
    Learner learner(task.model().fields(), options);
    EXPECT_EQ(learner.optimizer().kind(), name);
    EXPECT_TRUE(learner.step(0, Plan({{0, 10}}))) << name;
    EXPECT_GT(learner.optimizer().groups()[0].lr, 0) << name;
  }
  EXPECT_THROW(resolve({.optimizer = "adagrad", .momentum = 0.5}), UsageError);
  EXPECT_THROW(resolve({.optimizer = "rprop", .weight_decay = 0.1}), UsageError);
}

TEST(Recipe, GivesTheOptimizerItsOtherOptions) {
  const auto options_of = [](const char* optimizer, const char* further) {
    testing::TinyTask task;
    TrainOptions options{.epochs = 1, .optimizer = optimizer, .optimizer_options = further, .weight_decay = 0};
    const Learner learner(task.model().fields(), resolve(options));
    std::map<std::string, std::string> result;
    for (const OptimizerOption& one : learner.optimizer().options()) result[one.name] = one.value;
    return result;
  };
  EXPECT_EQ(options_of("muon", "ns_steps=3, other_lr=0.25").at("ns_steps"), "3");
  EXPECT_EQ(options_of("muon", "ns_steps=3, other_lr=0.25").at("other_lr"), "0.25");
  EXPECT_EQ(options_of("sgd", "").at("nesterov"), "true");
  EXPECT_EQ(options_of("sgd", "nesterov=false").at("nesterov"), "false");
  for (const char* wrong :
       {"ns_steps", "ns_step=3", "ns_steps=0", "ns_steps=", "lr=0.1", "momentum=0.9", "weight_decay=0"})
    EXPECT_THROW(resolve({.optimizer = "muon", .optimizer_options = wrong}), UsageError) << wrong;
}

TEST(Recipe, TheRateRisesAndFalls) {
  testing::TinyTask task;
  TrainOptions options = resolve({.epochs = 1, .lr = 1, .weight_decay = 0, .warmup = 10});
  const Learner learner(task.model().fields(), options);
  Plan plan({{0, 100}});
  EXPECT_NEAR(learner.rate_factor(0, plan), 0.1, 1e-3);
  EXPECT_NEAR(learner.rate_factor(9, plan), 1 - 0.09 * 0.99, 1e-9);
  EXPECT_NEAR(learner.rate_factor(100, plan), 0.01, 1e-9);
  EXPECT_NEAR(learner.rate_factor(0, Plan({{0, 12}})), 0.25, 1e-9);  // at most a third of the run
  EXPECT_NEAR(learner.rate_factor(4, Plan()), 0.5, 1e-9);            // total not known
}

TEST(Recipe, SchedulesHaveNames) {
  testing::TinyTask task;
  for (const schedule::ShapeInfo& one : schedule::shapes()) {
    const TrainOptions options =
        resolve({.epochs = 1, .lr = 1, .schedule = one.name, .final_lr = 0.1, .weight_decay = 0});
    const Learner learner(task.model().fields(), options);
    const Plan plan({{0, 1000}});
    EXPECT_NEAR(learner.rate_factor(700, plan), schedule::shape(one.name, 0.7, 0.1), 1e-12) << one.name;
    EXPECT_EQ(options.warmup, one.name == "one_cycle" || one.name == "cyclic" ? 0 : 100) << one.name;
  }
  EXPECT_EQ(resolve({.schedule = "one-cycle", .warmup = 5}).warmup, 5);
  EXPECT_THROW(resolve({.schedule = "cosin"}), UsageError);
}

TEST(Recipe, LabelsAreSmoothedForClassifiersOnly) {
  testing::TinyTask task;
  const Inference inference;
  const Array pictures = Array::from(std::vector<float>(2 * 36, 0.5F), {2, 1, 6, 6});
  const Array labels = Array::from(std::vector<std::int64_t>{2, 0}, {2});
  const std::vector<float> logits = task.model().classify(Tensor(pictures)).value().to_vector<float>();
  double plain = 0, spread = 0;  // cross entropy with the label, and with all classes alike
  for (const std::size_t row : {0, 1}) {
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) sum += std::exp(static_cast<double>(logits[3 * row + k]));
    for (std::size_t k = 0; k < 3; ++k) {
      const double loss = std::log(sum) - static_cast<double>(logits[3 * row + k]);
      plain += k == (row == 0 ? 2U : 0U) ? loss / 2 : 0;
      spread += loss / 6;
    }
  }
  const double expected = 0.7 * plain + 0.3 * spread;
  EXPECT_GT(std::abs(expected - plain), 1e-3);
  EXPECT_NEAR(classification_batch_loss(task.model(), pictures, labels).parts[0], plain, 1e-5);
  EXPECT_NEAR(classification_batch_loss(task.model(), pictures, labels, 1, 0.3).parts[0], expected, 1e-5);
  EXPECT_NEAR(classification_part_loss(task.model(), pictures, labels, 1, 0.3).parts[0], 2 * expected, 1e-5);

  const ModelRegistry registry;
  TrainOptions options = resolve({.label_smoothing = 0.1});
  EXPECT_NO_THROW(resolve_model(options, registry, TaskKind::classify, 3, 0, 3));
  options.model = "auto";
  EXPECT_TRUE(
      has(message_of([&] { resolve_model(options, registry, TaskKind::detect, 3, 0, 3); }), "--label-smoothing"));
  EXPECT_TRUE(has(message_of([&] { require_meaning({.label_smoothing = 0.1}, true); }), "--label-smoothing"));
  EXPECT_THROW(resolve({.label_smoothing = 1.1}), UsageError);
}

TEST(Recipe, APlateauFollowsTheLog) {
  TrainingLog log({"epoch", "AP"});
  const TrainOptions options{.schedule = "plateau", .final_lr = 0.002};
  std::vector<double> factors;
  double epoch = 0;
  for (const double result : {0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.2, 0.3, 0.1, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.1}) {
    log.add({++epoch, result});
    factors.push_back(plateau_factor(options, log, "AP"));
  }
  // Three results without a better one are borne, the fourth lets the rate fall; nothing found yet is no plateau.
  EXPECT_EQ(factors, (std::vector<double>{1, 1, 1, 1, 1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01}));
  for (int i = 0; i < 8; ++i) log.add({++epoch, 0.2});
  EXPECT_EQ(plateau_factor(options, log, "AP"), 0.002);
  EXPECT_EQ(plateau_factor({}, log, "AP"), 1);
  const TemporaryFolder folder;
  testing::TinyTask task(3, false);
  Console console;
  RunWriter writer(RunFolder((folder / "run").string()), console, SaveEvery{});
  EXPECT_THROW(
      Trainer(resolve({.epochs = 1, .lr = 1, .schedule = "plateau", .weight_decay = 0}), task, writer, console, {}),
      UsageError);
}

TEST(ModelRegistry, KnowsTheBuiltInModelsAndNamesTheNearest) {
  const ModelRegistry registry({joist::model<testing::TinyNetwork>("mine", 1, 6)});
  EXPECT_EQ(registry.find("mine").task, TaskKind::classify);
  EXPECT_EQ(registry.find("yolo_n").task, TaskKind::detect);
  EXPECT_EQ(registry.find("mnist_cnn").channels, 1);
  EXPECT_TRUE(has(message_of([&] { registry.find("yolo-n"); }), "--model yolo_n"));
}

}  // namespace
}  // namespace joist
