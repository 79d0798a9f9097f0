// ctest: TIMEOUT 300 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Whole steps that are recorded once and replayed, clipping, optimizer and average included: the bits of steps that are
// not, whatever changes from step to step, and the same ways out when numbers stop being finite.
#include <joist/core/mode.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/emulator/device.h>
#include <joist/optim/average.h>
#include <joist/optim/clip.h>
#include <joist/optim/registry.h>
#include <joist/tests/cuda/small_runs.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tools/training/trainer.h>

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

namespace joist {
namespace {

using namespace testing;  // small_runs.h

constexpr float infinity = std::numeric_limits<float>::infinity();
const Device gpu = cuda::emulator::use_emulated_gpu();
const auto& table = kernels(gpu).elementwise;

Array on_gpu(const std::vector<float>& values, const Shape& shape) { return Array::from(values, shape, gpu); }

// Parameters whose gradients are multiples of their values, done kernel by kernel or recorded.
class Learning {
 public:
  explicit Learning(const std::string& optimizer) : optimizer_(make_optimizer(optimizer, flat_)) {
    optimizer_->train();
    std::vector<float> slopes;
    for (std::int64_t i = 0; i < flat_.values().elements(); ++i)
      slopes.push_back(static_cast<float>(i % 5) * 0.3F - 0.4F);
    slopes_ = on_gpu(slopes, {flat_.values().elements()});
  }

  /// `factor` of the gradients.
  void step(int number, float loss, float factor) {
    begin(loss, factor);
    differentiate();
    const double norm = clip_gradient_norm(flat_, limit);
    if (std::isfinite(norm) && std::isfinite(loss)) update(number);
    flat_.clear_gradients();
  }
  void recorded_step(int number, float loss, float factor) {
    begin(loss, factor);
    const RandomKey key = run_context().random;
    const Optimizer::HostState before = optimizer_->host_state();
    const std::int64_t updates = average_.updates();
    if (!capture_) {
      capture_ = make_step_capture(gpu);
      capture_->rehearse([&] { differentiate_and_clip(std::numeric_limits<double>::infinity()); });
      capture_->record([&] { differentiate_and_clip(limit), update(number); }, key);
      capture_->replay(key);
    } else {
      flat_.gradients_written();
      capture_->replay(key, [&] { update(number); });
    }
    const StepVerdict verdict = capture_->verdict();
    EXPECT_EQ(verdict.taken, std::isfinite(loss) && std::isfinite(verdict.norm));
    EXPECT_TRUE(verdict.loss == static_cast<double>(loss) || std::isnan(loss));
    scaled_ += verdict.taken && verdict.norm > limit;
    if (!verdict.taken) {
      optimizer_->restore(before);
      average_.take_back(updates);
    }
    flat_.clear_gradients();
  }
  void update(int number) {
    for (GroupSettings& group : optimizer_->groups()) group.lr *= number % 2 == 0 ? 0.7 : 1.2;
    optimizer_->step();
    average_.update();
  }

  std::vector<NamedState> state() const {
    std::vector<NamedState> all = optimizer_->state().arrays;
    for (NamedState& one : average_.state()) all.push_back(std::move(one));
    all.push_back({"values", flat_.values()});
    return all;
  }
  Optimizer& optimizer() { return *optimizer_; }
  const MovingAverage& average() const { return average_; }
  FlatParameters& flat() { return flat_; }
  StepCapture& capture() { return *capture_; }
  int scaled() const { return scaled_; }

 private:
  static constexpr double limit = 0.5;
  void begin(float loss, float factor) {
    table.fill(static_cast<double>(loss), loss_);
    table.fill(static_cast<double>(factor), factor_);
  }
  void differentiate() {
    const Array& gradients = flat_.gradients();
    table.binary(Multiply{}, flat_.values(), slopes_, {gradients, false});
    table.binary(Multiply{}, gradients, factor_.expanded(gradients.shape()), {gradients, false});
    flat_.gradients_written();
  }
  void differentiate_and_clip(double norm) {
    differentiate();
    capture_->clip(flat_.gradients(), norm, loss_);
  }

  std::vector<Field> fields_{{"a.weight", Parameter(on_gpu({1, -2, 3, 0.5, -0.25, 2}, {3, 2})), true},
                             {"a.bias", Parameter(on_gpu({0.5, -1, 2}, {3})), true},
                             {"a.running_mean", Buffer(on_gpu({1, 2, 4}, {3})), false}};
  FlatParameters flat_{fields_};
  std::unique_ptr<Optimizer> optimizer_;
  MovingAverage average_{flat_, fields_, {.decay = 0.9, .tau = 5}};
  Array slopes_{}, loss_ = on_gpu({1}, {1}), factor_ = on_gpu({1}, {1});
  std::unique_ptr<StepCapture> capture_{};
  int scaled_ = 0;
};

class Recordable : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Optimizers, Recordable,
                         ::testing::Values("adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "lion", "nadam",
                                           "radam", "rmsprop", "rprop", "schedule_free_adamw", "sgd"),
                         [](const auto& one) { return one.param; });

TEST_P(Recordable, StepsHaveTheBitsOfOthers) {
  Learning eager(GetParam()), recorded(GetParam());
  ASSERT_TRUE(recorded.optimizer().is_recordable());
  for (int number = 1; number <= 10; ++number) {
    const float loss = number == 5 ? std::nanf("") : number == 7 ? -infinity : 1;
    const float factor = number == 6 ? infinity : number % 3 == 0 ? 0.01F : 1;
    eager.step(number, loss, factor);
    if (number <= 2)
      recorded.step(number, loss, factor);
    else
      recorded.recorded_step(number, loss, factor);
    ASSERT_EQ(recorded.optimizer().steps(), eager.optimizer().steps()) << number;
    ASSERT_EQ(recorded.average().updates(), eager.average().updates()) << number;
    ASSERT_EQ(recorded.optimizer().groups(), eager.optimizer().groups()) << number;
    expect_near(recorded.state(), eager.state(), 0);
    const Optimizer::HostState a = recorded.optimizer().host_state(), b = eager.optimizer().host_state();
    ASSERT_EQ(a.numbers, b.numbers) << number;
  }
  EXPECT_EQ(eager.optimizer().steps(), 7);
  EXPECT_GT(recorded.scaled(), 0);
  EXPECT_LT(recorded.scaled(), 5);
}

TEST(Renewal, OfAnythingElseIsRefused) {
  Learning learning("adamw");
  for (int number = 1; number <= 3; ++number) learning.recorded_step(number, 1, 1);
  const std::vector<float> values = learning.flat().values().to_vector<float>();
  const Array other = on_gpu({1}, {1}), longer = on_gpu({1, 2}, {2});
  const auto& interpolate = kernels(gpu).optimizer.interpolate;
  const std::pair<StepCapture::Work, const char*> refused[] = {
      {[] {}, "fewer updates"},
      {[&] { learning.update(4), interpolate(other, 1, other); }, "more updates"},
      {[&] { interpolate(other, 1, other); }, "other updates"},
      {[&] { learning.update(4), table.fill(2, longer); }, "other work for the GPU"},
      {[&] { static_cast<void>(longer.to_vector<float>()); }, "other work for the GPU"}};
  for (const auto& [work, what] : refused) {
    const Optimizer::HostState before = learning.optimizer().host_state();
    learning.flat().gradients_written();
    expect_error<CaptureError>([&] { return learning.capture().replay(run_context().random, work), 0; }, {what});
    learning.optimizer().restore(before);
    EXPECT_EQ(learning.flat().values().to_vector<float>(), values) << what;
    EXPECT_EQ(longer.to_vector<float>(), (std::vector<float>{1, 2}));
  }
  learning.recorded_step(4, 1, 1);
  EXPECT_NE(learning.flat().values().to_vector<float>(), values);
}

// What the gradient is multiplied by in a way that leaves the loss as it is: large numbers break the gradient, infinity
// the loss.
const Array& strength() {
  static const Array& one = *new Array(on_gpu({1}, {1}));
  return one;
}
struct Breakable {
  Conv2d conv{{.in = 1, .out = 4, .bias = false}};
  BatchNorm2d bn{{.channels = 4, .activation = Relu{}}};
  Linear fc{{.in = 4 * 6 * 6, .out = 3}};
  Tensor operator()(const Tensor& x) const {
    Tensor y = flatten(bn(conv(x)));
    if (training()) y = dropout(y, 0.2, next_random_key(Stream::dropout));
    y = fc(y);
    return y + y * 0.0 * Tensor(strength()) * Tensor(strength());
  }
};

// Made-up pictures, which steps can be recorded of.
class MadeUpTask final : public TrainingTask {
 public:
  static constexpr std::int64_t batch = 4;

  MadeUpTask() {
    manual_seed(7);
    model_ = joist::model<Breakable>("breakable", 1, 6).make({.classes = 3});
    model_->move_to(gpu);
  }
  /// By the batches that came so far, of which a run that goes back has more than steps.
  std::function<float(int)> strength_of = [](int) { return 1.0F; };

  const ModelDescription& description() const override { return description_; }
  Model& model() override { return *model_; }
  std::vector<std::string> loss_names() const override { return {"loss"}; }
  std::vector<std::string> metric_names() const override { return {"score"}; }
  std::int64_t batches_per_epoch() const override { return 3; }
  void seek(std::int64_t number, bool) override { next_ = number; }
  std::int64_t load() override {
    const RandomKey key{.seed = 3, .stream = Stream::test, .draw = static_cast<std::uint32_t>(next_++)};
    const Array pictures = Array::empty({batch, 1, 6, 6});
    kernels(cpu).random.normal(key, 0, 1, pictures);
    Random random({.seed = 4, .stream = Stream::test, .draw = key.draw});
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < batch; ++i) labels.push_back(static_cast<std::int64_t>(random.below(3)));
    pictures_ = on_device(pictures, gpu);
    labels_ = Array::from(labels, {batch}, gpu);
    table.fill(static_cast<double>(strength_of(++loaded_)), strength());
    return batch;
  }
  BatchLoss next() override {
    load();
    return repeat();
  }
  BatchLoss repeat() override {
    const Tensor loss = loss_of(pictures_, labels_);
    return {.loss = loss, .parts = {loss.item()}};
  }
  bool place() override {
    table.copy(pictures_, {placed_pictures_, false});
    table.copy(labels_, {placed_labels_, false});
    return true;
  }
  std::vector<Array> placed() const override { return {placed_pictures_, placed_labels_}; }
  Tensor placed_loss() override { return loss_of(placed_pictures_, placed_labels_); }
  std::string last_pictures() const override { return "batch " + std::to_string(next_ - 1); }
  bool can_evaluate() const override { return true; }
  std::optional<Evaluation> evaluate() override {
    const Inference inference;
    const double score = sum(model_->classify(Tensor(pictures_))).item();
    return Evaluation{.values = {score}, .json = "{}"};
  }
  std::string data_digest() const override { return "made up"; }

 private:
  Tensor loss_of(const Array& pictures, const Array& labels) {
    return mean(cross_entropy(model_->classify(Tensor(pictures)), labels));
  }
  std::unique_ptr<Model> model_;
  ModelDescription description_{
      .model = "breakable", .classes = {"a", "b", "c"}, .class_ids = {0, 1, 2}, .size = 6, .channels = 1};
  Array pictures_{}, labels_{}, placed_pictures_ = Array::from(std::vector<float>(batch * 36), {batch, 1, 6, 6}, gpu),
                                placed_labels_ = Array::from(std::vector<std::int64_t>(batch), {batch}, gpu);
  std::int64_t next_ = 0;
  int loaded_ = 0;
};

struct Case {
  const char* name;
  std::function<void(TrainOptions&)> with = [](TrainOptions&) {};
  std::function<float(int)> strength = [](int) { return 1.0F; };
  std::int64_t skipped = 0, steps = 12;
  bool whole = true;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

struct Done {
  Checkpoint last;
  std::int64_t replayed;
  std::uint64_t judged;
};
Done run_in(const fs::path& folder, const Case& one, bool captured) {
  ::setenv("JOIST_CAPTURE", captured ? "1" : "0", 1);
  const auto judged = [] {
    const auto found = cuda::emulator::seen().find("judge");
    return found == cuda::emulator::seen().end() ? 0 : found->second.launches;
  };
  const std::uint64_t before = judged();
  TrainOptions options{.batch = MadeUpTask::batch,
                       .epochs = 4,
                       .device = "cuda",
                       .optimizer = "adamw",
                       .lr = 0.01,
                       .momentum = 0.9,
                       .weight_decay = 0.01,
                       .warmup = 5,
                       .average_decay = 0.9,
                       .average_tau = 5};
  one.with(options);
  MadeUpTask task;
  task.strength_of = one.strength;
  Console console(true);
  RunWriter writer(RunFolder(folder.string()), console, SaveEvery{}, true);
  Trainer trainer(options, task, writer, console, Trainer::Clock::now());
  EXPECT_EQ(trainer.run(), 0);
  ::unsetenv("JOIST_CAPTURE");
  return {read_checkpoint(folder / "last.h5"), trainer.replayed_steps(), judged() - before};
}

class Whole : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(
    Steps, Whole,
    ::testing::Values(Case{.name = "with_an_average"},  //
                      Case{.name = "clipped", .with = [](TrainOptions& o) { o.clip = 0.05; }},
                      Case{.name = "with_a_rising_momentum",
                           .with =
                               [](TrainOptions& o) {
                                 o.optimizer = "sgd";
                                 o.average_decay = 0;
                               }},
                      Case{.name = "left_out",
                           .strength = [](int batch) { return batch == 5   ? infinity
                                                              : batch == 8 ? 3e38F
                                                                           : 1; },
                           .skipped = 2},
                      Case{.name = "left_out_before_and_while_it_is_recorded",
                           .strength = [](int batch) { return batch <= 2   ? infinity
                                                              : batch == 3 ? 3e38F
                                                                           : 1; },
                           .skipped = 3},
                      Case{.name = "rolled_back",
                           .with = [](TrainOptions& o) { o.epochs = 8; },
                           .strength = [](int batch) { return batch > 6 && batch <= 16 ? infinity : 1; },
                           .steps = 24},
                      Case{.name = "frozen",
                           .with = [](TrainOptions& o) { o.freeze = "bn, conv"; },
                           .strength = [](int batch) { return batch == 6 || batch == 12 ? infinity : 1; },
                           .skipped = 2},
                      Case{.name = "with_an_optimizer_that_is_not_recorded",
                           .with = [](TrainOptions& o) { o.optimizer = "lookahead:adamw"; },
                           .strength = [](int batch) { return batch == 5   ? infinity
                                                              : batch == 8 ? 3e38F
                                                                           : 1; },
                           .skipped = 2,
                           .whole = false}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_P(Whole, HaveTheBitsOfOthers) {
  const TemporaryFolder folder;
  const Case& one = GetParam();
  const Done eager = run_in(folder / "eager", one, false), captured = run_in(folder / "captured", one, true);
  EXPECT_EQ(eager.replayed, 0);
  EXPECT_EQ(eager.judged, 0U);
  EXPECT_GE(captured.replayed, 10) << "but for one to make what is kept, and the rehearsal";
  EXPECT_EQ(captured.judged, one.whole ? static_cast<std::uint64_t>(captured.replayed) + 1 : 0U);
  const TrainingState &a = *captured.last.training, &b = *eager.last.training;
  EXPECT_EQ(b.step, one.steps);
  EXPECT_EQ(b.skipped, one.skipped);
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.skipped, b.skipped);
  EXPECT_EQ(a.average_updates, b.average_updates);
  EXPECT_EQ(a.optimizer.steps, b.optimizer.steps);
  EXPECT_EQ(a.optimizer.groups, b.optimizer.groups);
  EXPECT_EQ(a.options.lr, b.options.lr);
  expect_near(captured.last.model, eager.last.model, 0);
  expect_near(captured.last.average, eager.last.average, 0);
  expect_near(a.optimizer.arrays, b.optimizer.arrays, 0);
  ASSERT_EQ(a.log.rows(), b.log.rows());
  for (std::size_t row = 0; row < b.log.rows(); ++row)
    for (const char* column : {"step", "loss", "score", "lr", "skipped"}) {
      const auto x = a.log.at(row, column), y = b.log.at(row, column);
      ASSERT_EQ(x.has_value(), y.has_value());
      if (x) {
        EXPECT_TRUE(*x == *y || (std::isnan(*x) && std::isnan(*y))) << column << " of row " << row;
      }
    }
}

}  // namespace
}  // namespace joist
