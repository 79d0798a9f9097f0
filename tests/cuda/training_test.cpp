// ctest: TIMEOUT 180 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// `--device cuda` from options to files, on the emulated GPU: the numbers of the CPU's runs, and checkpoints that
// either side goes on with.
#include <joist/core/mode.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/runtime.h>
#include <joist/layers/linear.h>
#include <joist/layers/models/gpt.h>
#include <joist/layers/models/lstm_text.h>
#include <joist/layers/window_attention.h>
#include <joist/tests/cuda/small_runs.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tools/training/benchmark.h>
#include <joist/tools/training/device.h>
#include <joist/tools/training/evaluate.h>
#include <joist/tools/training/fitting_batch.h>
#include <joist/tools/training/train.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

using namespace testing;  // small_runs.h

const Device gpu = cuda::emulator::use_emulated_gpu();

class Training : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Models, Training, ::testing::Values("tiny_classifier", "tiny_detector"),
                         [](const auto& one) { return one.param; });

TEST_P(Training, GivesTheNumbersOfTheCpu) {
  const TemporaryFolder folder;
  const std::string& name = GetParam();
  const fs::path data = name == "tiny_detector" ? boxes_in(folder) : classes_in(folder);
  const auto launches = [] {
    std::uint64_t all = 0;
    for (const auto& [kernel, seen] : cuda::emulator::seen()) all += seen.launches;
    return all;
  };
  const std::uint64_t before = launches();
  ASSERT_EQ(train(options_for(name, data, folder / "cpu", "cpu"), registry()), 0);
  EXPECT_EQ(launches(), before);
  ::testing::internal::CaptureStderr();
  const int code = train(options_for(name, data, folder / "gpu", "cuda"), registry());
  const std::string said = ::testing::internal::GetCapturedStderr();
  ASSERT_EQ(code, 0) << said;
  EXPECT_EQ(said.find("runs on the CPU"), std::string::npos) << said;  // each kernel says so once in a process
  EXPECT_GT(launches(), before + 60);
  EXPECT_TRUE(name != "tiny_detector" || cuda::emulator::seen().contains("change_pictures"));
  expect_same_run(folder / "gpu", folder / "cpu", name == "tiny_detector" ? 2e-5 : 2e-4);
  EXPECT_EQ(read_checkpoint(folder / "gpu" / "last.h5").training->options.device, "cuda");

  // Each evaluates the other's weights.
  const auto evaluated = [&](const char* run, Device device) {
    return evaluate_model({.model = (folder / run / "best.h5").string(), .data = data.string(), .device = device},
                          registry())
        .text;
  };
  EXPECT_EQ(evaluated("cpu", gpu), evaluated("gpu", cpu));

  // And each goes on with the other's run.
  fs::copy(folder / "cpu", folder / "cpu_then_gpu", fs::copy_options::recursive);
  fs::copy(folder / "gpu", folder / "gpu_then_cpu", fs::copy_options::recursive);
  for (const auto& [run, device] :
       {std::pair<std::string, std::string>{"cpu_then_gpu", "cuda"}, {"gpu_then_cpu", "cpu"}}) {
    Checkpoint cut = read_checkpoint(folder / run / "last.h5");
    cut.training->options.plan = {{0, 2 * cut.training->step}};  // a longer run, of which half is done
    cut.training->options.epochs = 0;
    cut.training->options.evaluated = {1, 2, 3, 4};
    store_checkpoint(folder / run / "last.h5", cut);
    fs::remove(folder / run / "report.html");
    TrainOptions again{.out = (folder / run).string(), .device = device, .resume = true, .given = {"device", "out"}};
    ASSERT_EQ(train(again, registry()), 0);
  }
  expect_same_run(folder / "cpu_then_gpu", folder / "gpu_then_cpu", name == "tiny_detector" ? 1e-4 : 1e-3);
}

// The CPU computes as a GPU does under Autocast: results in bfloat16 too.
class AsOnGpu {
  Autocast autocast_{false, Autocast::as_on(gpu)};
};

// --bf16: weights and the optimizer's memory stay float32. The numbers of the CPU up to bfloat16's rounding.
TEST_P(Training, InBfloat16GivesTheNumbersOfTheCpu) {
  const TemporaryFolder folder;
  const std::string& name = GetParam();
  const fs::path data = name == "tiny_detector" ? boxes_in(folder) : classes_in(folder);
  for (const std::string device : {"cpu", "cuda"}) {
    TrainOptions options = options_for(name, data, folder / device, device);
    options.bf16 = true;
    const AsOnGpu results;
    ASSERT_EQ(train(options, registry()), 0);
  }
  // Sums in another order round to other neighbours, which the next layers take on.
  expect_same_run(folder / "cuda", folder / "cpu", 0x1p-6, 0x1p-7);
  const Checkpoint kept = read_checkpoint(folder / "cuda" / "last.h5");
  for (const auto* arrays : {&kept.model, &kept.average, &kept.training->optimizer.arrays})
    for (const NamedState& state : *arrays) EXPECT_FALSE(is_half(state.array.dtype())) << state.name;
}

TEST(Bfloat16, StepsGiveTheLossesOfTheCpu) {
  for (const std::string name : {"tiny_classifier", "tiny_detector", "tiny_lstm"}) {
    SCOPED_TRACE(name);
    const auto losses = [&](Device device, bool bfloat16) {
      const AsOnGpu results;
      return benchmark_training({.model = name,
                                 .batch = 2,
                                 .size = name == "tiny_detector" ? 32
                                         : name == "tiny_lstm"   ? 4
                                                                 : 8,
                                 .steps = 2,
                                 .classes = 5,
                                 .random_drops = false,
                                 .device = device,
                                 .bfloat16 = bfloat16},
                                registry())
          .losses;
    };
    const std::vector<double> got = losses(gpu, true), wanted = losses(cpu, true), exact = losses(gpu, false);
    ASSERT_EQ(got.size(), 5U);
    double apart = 0, from_exact = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      apart = std::max(apart, std::abs(got[i] - wanted[i]) / wanted[i]);
      from_exact = std::max(from_exact, std::abs(got[i] - exact[i]) / exact[i]);
    }
    EXPECT_LT(apart, 0x1p-7);
    EXPECT_GT(from_exact, apart);
    std::printf("%s: %.2g from the CPU's, %.2g from float32's\n", name.c_str(), apart, from_exact);
  }
}

// What PyTorch's autocast gives: products and what follows from them in bfloat16, sums with a float32 tensor and losses
// in float32.
TEST(Bfloat16, ResultsOfProductsTakeHalfTheMemory) {
  const Autocast autocast;
  const auto on_gpu = [](const Shape& shape) {
    return to(Tensor::from(std::vector<float>(static_cast<std::size_t>(shape.elements()), 0.5F), shape, true), gpu);
  };
  const Tensor x = on_gpu({2, 3, 6, 6}), w = on_gpu({4, 3, 3, 3}), bias = on_gpu({4}), scale = on_gpu({4});
  const Tensor y = conv2d(x, w, bias, {}), z = relu(batch_norm(y, scale, bias, {}, {}, {}, true));
  EXPECT_EQ(y.dtype(), Dtype::bfloat16);
  EXPECT_EQ(z.dtype(), Dtype::bfloat16);
  const Tensor rows = mean(z, {2, 3}), head = on_gpu({5, 4});
  const Tensor logits = linear(rows, head, Tensor());
  EXPECT_EQ(logits.dtype(), Dtype::bfloat16);
  EXPECT_EQ((logits + on_gpu({2, 5})).dtype(), Dtype::float32);
  EXPECT_EQ(layer_norm(on_gpu({2, 4}), {4}, scale, bias).dtype(), Dtype::bfloat16);
  const Tensor loss = cross_entropy(logits, Tensor(on_device(Array::from(std::vector<std::int64_t>{1, 2}, {2}), gpu)));
  EXPECT_EQ(loss.dtype(), Dtype::float32);
  loss.backward();
}

// What a model's layers make of constants of their own: anchors, masks, positions, windows.
void expect_alike(const ModelEntry& entry, const ModelOptions& options, const Array& input, const Array& targets) {
  SCOPED_TRACE(entry.name);
  std::vector<std::vector<NamedState>> gradients;
  std::vector<double> losses;
  for (const Device device : {cpu, gpu}) {
    manual_seed(3);
    const std::unique_ptr<Model> one = entry.make(options);
    one->move_to(device);
    const Tensor logits =
        entry.task == TaskKind::sequence ? one->continue_sequence(Tensor(input)) : one->classify(Tensor(input));
    const Tensor loss =
        mean(cross_entropy(reshape(logits, {-1, logits.shape(-1)}), on_device(targets, logits.device())));
    loss.backward();
    losses.push_back(loss.item());
    auto& all = gradients.emplace_back();
    for (const Field& field : one->fields())
      if (field.trainable) all.push_back({field.name, field.tensor.gradient()});
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-5);
  expect_near(gradients[1], gradients[0], 1e-5);
}

TEST(Models, SequencesAndWindows) {
  const Array tokens = Array::from(std::vector<std::int64_t>{1, 4, 2, 0, 3, 3, 1, 2}, {2, 4}),
              next = Array::from(std::vector<std::int64_t>{4, 2, 0, 1, 3, 1, 2, 0}, {8});
  const auto gpt = sequence_model(
      "gpt",
      [](const ModelOptions&) { return Gpt({.vocabulary = 5, .context = 4, .layers = 1, .heads = 2, .width = 8}); }, 4);
  expect_alike(gpt, {}, tokens, next);
  const auto lstm = sequence_model(
      "lstm", [](const ModelOptions&) { return LstmText({.vocabulary = 5, .embedding = 4, .hidden = 6, .layers = 2}); },
      4);
  expect_alike(lstm, {}, tokens, next);

  struct Windows {
    WindowAttention shifted{{.width = 8, .heads = 2, .window = 2, .shift = 1}};
    Linear head{{.in = 8, .out = 3}};
    Tensor operator()(const Tensor& x) const { return head(mean(shifted(permute(x, {0, 2, 3, 1})), {1, 2})); }
  };
  std::vector<float> values(2 * 8 * 3 * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  expect_alike(model<Windows>("windows", 8), {}, Array::from(values, {2, 8, 3, 3}),
               Array::from(std::vector<std::int64_t>{0, 2}, {2}));
}

TEST(Models, AnchorBoxes) {
  const std::vector<std::vector<TrueBox>> truth{{{2, 2, 13, 12, 0}, {14, 15, 30, 31, 1}}, {}, {{6, 4, 20, 21, 1}}};
  const std::vector<AnchorLevel> levels{{.sides = {{8, 8}, {12, 16}}, .rows = 4, .columns = 4}};
  for (const bool background : {false, true}) {
    const std::int64_t classes = background ? 3 : 2;
    std::vector<float> boxes(3 * 32 * 4), scores(static_cast<std::size_t>(3 * 32 * classes));
    for (std::size_t i = 0; i < boxes.size(); ++i) boxes[i] = 0.3F * std::sin(static_cast<float>(3 * i));
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = std::sin(static_cast<float>(5 * i));
    std::vector<std::vector<float>> results;
    for (const Device device : {cpu, gpu}) {
      const Detections found{
          .box_logits = Tensor(Array::from(boxes, {3, 32, 4}, device), true),
          .class_logits = Tensor(Array::from(scores, {3, 32, classes}, device), true),
          .boxes = AnchorBoxes{.corners = anchors_at_corners(levels, 32, 32), .background = background}};
      const DetectionLoss loss = detection_loss(found, truth);
      loss.sum.backward();
      EXPECT_GT(loss.positives, 0);
      std::vector<float> all = decode(found).value().to_vector<float>();
      for (const Array& part : {found.box_logits.gradient(), found.class_logits.gradient(), loss.sum.value()})
        for (const float value : part.to_vector<float>()) all.push_back(value);
      all.push_back(static_cast<float>(loss.mean_overlap));
      results.push_back(all);
    }
    ASSERT_EQ(results[0].size(), results[1].size());
    for (std::size_t i = 0; i < results[0].size(); ++i) ASSERT_NEAR(results[0][i], results[1][i], 1e-4) << i;
  }
}

// A GPU with little memory, kept in segments as a real one's is.
class SmallGpu : public ::testing::Test {
 protected:
  SmallGpu() {
    register_allocator(Device::Kind::cuda, cuda::memory());
    cuda::emulator::DeviceMemory::instance().set_capacity(std::size_t{8} << 20);
  }
  ~SmallGpu() override {
    cuda::memory().trim();
    cuda::emulator::DeviceMemory::instance().set_capacity(std::size_t{1} << 30);
    static_cast<void>(cuda::emulator::use_emulated_gpu());
  }
  static TrainBenchmark steps_of(std::int64_t batch) {
    return benchmark_training({.model = "wide", .batch = batch, .size = 8, .steps = 1, .classes = 2, .device = gpu},
                              registry());
  }
};

TEST_F(SmallGpu, OutOfMemoryNamesTensorsAndABatchThatFits) {
  std::vector<std::int64_t> tried;
  TrainBenchmark done;
  std::string said;
  for (std::int64_t batch = 300; done.peak_bytes == 0;) {
    tried.push_back(batch);
    ASSERT_LE(tried.size(), 3U) << said;  // blocks of a MiB leave large holes in a memory of 8
    try {
      done = steps_of(batch);
    } catch (const EnvironmentError& error) {
      said = error.what();
      batch = std::stoll(said.substr(said.rfind("--batch ") + 8));
      ASSERT_LT(batch, tried.back()) << said;
      ASSERT_GE(batch, 50) << said;
      if (tried.size() > 1) continue;
      for (const char* part : {"no room for", "MiB are in use, the largest parts: ", "first: ", " [300, 2048] float32",
                               "for a step with --batch 300"})
        EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
    }
  }
  EXPECT_GT(tried.size(), 1U);
  EXPECT_GT(done.peak_bytes, std::int64_t{4} << 20);
}

TEST_F(SmallGpu, BatchByItself) {
  const ModelEntry& entry = registry().find("tiny_detector");
  const std::int64_t chosen = fitting_batch(entry, 2, 32, 1'000'000, gpu);
  const TrainingMemory step = step_memory(entry, {.classes = 2, .size = 32}, 3, gpu);
  EXPECT_LE(step.of(chosen), std::int64_t{8} << 20);
  EXPECT_GT(step.of(2 * chosen), std::int64_t{6} << 20);
  EXPECT_EQ(fitting_batch(entry, 2, 32, 40, gpu), 4);  // ten steps in an epoch
  cuda::emulator::DeviceMemory::instance().set_capacity(std::size_t{1} << 30);
  EXPECT_EQ(fitting_batch(entry, 2, 32, 1'000'000, gpu), 1024);
}

TEST_F(SmallGpu, RunsSayBeforehandWhatWillNotFit) {
  const TemporaryFolder folder;
  cuda::emulator::DeviceMemory::instance().set_capacity(std::size_t{2} << 20);
  TrainOptions options = options_for("tiny_detector", boxes_in(folder), folder / "run", "cuda");
  options.batch = 200;
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  try {
    train(options, registry());
  } catch (const EnvironmentError&) {
  }
  const std::string said = ::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("a step with --batch 200 needs about "), std::string::npos) << said;
  EXPECT_NE(said.find("would fit"), std::string::npos);
}

TEST(Device, Names) {
  EXPECT_EQ(choose_device("cpu").device, cpu);
  EXPECT_EQ(choose_device("cuda").device, gpu);
  EXPECT_TRUE(choose_device("auto").device.on_host()) << "the emulator is no GPU to choose by itself";
  expect_error<UsageError>([] { return choose_device("tpu"); }, {"--device", "tpu", "auto, cpu, cuda"});
}

}  // namespace
}  // namespace joist
