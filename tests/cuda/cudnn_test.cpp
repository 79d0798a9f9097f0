// ctest: TIMEOUT 180
// What joist asks of cuDNN. The real cuDNN, where it is installed, plans it for a GPU that need not be there; the
// recording fake refuses what makes no sense.
#include <joist/core/gradient.h>
#include <joist/core/mode.h>
#include <joist/core/plugin.h>
#include <joist/core/transfer.h>
#include <joist/cuda/attentions.h>
#include <joist/cuda/convolution.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/kernels.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tools/training/model.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>

namespace joist::cuda {
namespace {

using Foresee = bool(const ConvolutionShape&, const std::string& json, ConvolutionWay&);

/// The plugin's cuDNN with the properties of an H200; nullptr and why not.
struct Cudnn {
  Foresee* foresee = nullptr;
  std::string json{}, why{};
  Cudnn() {
    if (!plugin_exists("cuda")) {
      why = "built without CUDA";
      return;
    }
    const Plugin plugin = load_plugin("cuda", {.to_build = "", .to_run = "", .remedy = ""});
    foresee = reinterpret_cast<Foresee*>(plugin.function("joist_cuda_foresee_convolution"));
    if (!foresee) {
      why = plugin.missing;
      return;
    }
    std::ifstream file(JOIST_SOURCE_DIR "/tests/cuda/gpu_properties.json");
    json.assign(std::istreambuf_iterator<char>(file), {});
    try {
      ConvolutionWay way;
      foresee(ConvolutionShape{}, json, way);
    } catch (const EnvironmentError& error) {
      foresee = nullptr;
      why = error.what();
    }
  }
  static const Cudnn& instance() {
    static const Cudnn one;
    return one;
  }
};

/// The convolutions of a model's forward, with batches of 8; each shape once.
class Seen final : public Listener {
 public:
  std::vector<WantedConvolution> all{};
  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override {
    if (operation.op != Op::convolution) return;
    const WantedConvolution wanted{.x = inputs[0].shape().with(0, 8),
                                   .w = inputs[1].shape(),
                                   .y = outputs[0].shape().with(0, 8),
                                   .options = *operation.attributes.as<ConvolutionOptions>(),
                                   .bias = inputs.size() > 2 && inputs[2].defined()};
    if (texts_.insert(text_of(wanted)).second) all.push_back(wanted);
  }
  static std::string text_of(const WantedConvolution& wanted) {
    return wanted.x.text() + " * " + wanted.w.text() + " / " + wanted.options.stride.text() + " + " +
           wanted.options.padding.text() + (wanted.bias ? " + bias" : "");
  }

 private:
  std::set<std::string> texts_{};
};
std::vector<WantedConvolution> convolutions_of(const std::string& name, std::int64_t side) {
  const auto model = ModelRegistry().find(name).make({.classes = 80, .size = side});
  const Tensor pictures = zeros({1, 3, side, side});
  const Inference inference;
  Seen seen;
  const Listening listening(seen);
  if (model->task() == TaskKind::detect)
    model->detect(pictures);
  else
    model->classify(pictures);
  return seen.all;
}

class PlansOf : public testing::TestWithParam<std::pair<const char*, std::int64_t>> {};
INSTANTIATE_TEST_SUITE_P(Model, PlansOf,
                         testing::Values(std::pair{"resnet50", 224}, std::pair{"yolo_n", 640},
                                         std::pair{"efficientnet_b0", 224}),
                         [](const auto& one) { return std::string(one.param.first); });

TEST_P(PlansOf, ExistForEveryConvolution) {
  const Cudnn& cudnn = Cudnn::instance();
  if (!cudnn.foresee) GTEST_SKIP() << cudnn.why;
  const auto [name, side] = GetParam();
  const std::vector<WantedConvolution> convolutions = convolutions_of(name, side);
  struct Kind {
    Dtype dtype;
    bool channels_inside, tf32;
    const char* text;
  };
  for (const Kind& kind :
       {Kind{Dtype::bfloat16, true, false, "bfloat16 nhwc"}, Kind{Dtype::float32, false, false, "float32 nchw"}}) {
    int plans = 0, in_parts = 0;
    std::size_t most = 0;
    for (WantedConvolution wanted : convolutions) {
      wanted.dtype = kind.dtype;
      wanted.channels_inside = kind.channels_inside;
      wanted.tf32 = kind.tf32;
      const bool bias = wanted.bias;
      for (const ConvolutionResult result : {ConvolutionResult::y, ConvolutionResult::dx, ConvolutionResult::dw}) {
        wanted.result = result;
        wanted.bias = bias && result == ConvolutionResult::y;
        wanted.adds = result == ConvolutionResult::dw;  // gradients of parameters are added up
        ConvolutionWay way;
        const bool found = cudnn.foresee(describe(wanted), cudnn.json, way);
        ASSERT_TRUE(found) << kind.text << " " << Seen::text_of(wanted) << ", result " << static_cast<int>(result)
                           << ": " << way.why;
        ++plans;
        in_parts += way.bias != wanted.bias || way.adds != wanted.adds;
        most = std::max(most, way.plan->workspace());
        EXPECT_EQ(way.plan->text().find("any order"), std::string::npos) << Seen::text_of(wanted);
        if (kind.dtype == Dtype::float32) {
          EXPECT_EQ(way.plan->text().find("tensor cores"), std::string::npos) << Seen::text_of(wanted);
        }
      }
    }
    std::printf("%s, %s: %d plans by cuDNN, %d of them with a sum or bias of our own; at most %zu MiB of workspace\n",
                name, kind.text, plans, in_parts, most >> 20);
    EXPECT_GT(plans, 30);
  }
}

// What the test above would say if a description were wrong.
TEST(Plans, AreRefusedForWhatCannotBe) {
  const Cudnn& cudnn = Cudnn::instance();
  if (!cudnn.foresee) GTEST_SKIP() << cudnn.why;
  const WantedConvolution good{.dtype = Dtype::bfloat16,
                               .x = {8, 64, 28, 28},
                               .w = {32, 64, 3, 3},
                               .y = {8, 32, 28, 28},
                               .options = {.padding = {1, 1}},
                               .channels_inside = true};
  ConvolutionWay way;
  EXPECT_TRUE(cudnn.foresee(describe(good), cudnn.json, way)) << way.why;
  const auto refused = [&](const char* what, const auto& change) {
    WantedConvolution wanted = good;
    change(wanted);
    EXPECT_FALSE(cudnn.foresee(describe(wanted), cudnn.json, way)) << what;
    EXPECT_NE(way.why.find("CUDNN_STATUS"), std::string::npos) << way.why;
    std::string why;
    expect_error<InternalError>([&] { return plan_convolution(describe(wanted), why) != nullptr; },
                                {"emulated convolution plan"});
  };
  refused("a result of another length", [](WantedConvolution& c) { c.y[3] = 27; });
  refused("other channels", [](WantedConvolution& c) { c.w[1] = 63; });
  refused("padding that is not there", [](WantedConvolution& c) { c.options.padding = {1, 0}; });
  expect_error<EnvironmentError>([&] { return cudnn.foresee(describe(good), "{}", way); }, {"cuDNN"});
}

// Attention has no engines but those that are compiled at run time, for which cuDNN asks the driver: without one it has
// no plan, but says first whether the graph makes sense.
TEST(Attention, IsAGraphThatCudnnTakes) {
  const Cudnn& cudnn = Cudnn::instance();
  if (!cudnn.foresee) GTEST_SKIP() << cudnn.why;
  const Plugin plugin = load_plugin("cuda", {.to_build = "", .to_run = "", .remedy = ""});
  const auto foresee = reinterpret_cast<bool (*)(const AttentionShape&, const std::string&, std::string&)>(
      plugin.function("joist_cuda_foresee_attention"));
  ASSERT_NE(foresee, nullptr);
  const auto heads = [](std::int64_t count, std::int64_t rows, std::int64_t width) {
    return HeadsLayout{{2, count, rows, width}, {rows * count * width, width, count * width, 1}};
  };
  std::string text;
  for (const bool backward : {false, true})
    for (const bool causal : {false, true})
      for (const std::int64_t key_heads : {4, 2}) {
        AttentionShape shape{.backward = backward,
                             .causal = causal,
                             .scale = 0.125F,
                             .q = heads(4, 70, 64),
                             .k = heads(key_heads, 96, 64),
                             .v = heads(key_heads, 96, 32),
                             .y = heads(4, 70, 32),
                             .dq = heads(4, 70, 64),
                             .dk = heads(key_heads, 96, 64),
                             .dv = heads(key_heads, 96, 32)};
        if (!foresee(shape, cudnn.json, text)) {
          EXPECT_EQ(text.find("BAD_PARAM"), std::string::npos) << text;
        }
        shape.v.lengths[2] = 95;
        EXPECT_FALSE(foresee(shape, cudnn.json, text));
        EXPECT_NE(text.find("CUDNN_STATUS"), std::string::npos) << text;
      }
}

// Autocast's products: both ways add up in float32 what was rounded to 16 bits, and write float32.
TEST(Ways, AgreeOnBfloat16OperandsOfFloat32Results) {
  const Device gpu = emulator::use_emulated_gpu();
  const auto& table = cuda_kernels();
  const auto numbers = [&](const Shape& shape, Dtype dtype, std::uint32_t draw) {
    const Array array = Array::empty(shape, dtype, gpu);
    table.random.uniform({.seed = 3, .stream = Stream::init, .draw = draw}, -1, 1, array);
    return array;
  };
  const ConvolutionOptions options{.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2};
  const Shape of_x{2, 6, 9, 8}, of_w{4, 3, 3, 3}, of_y{2, 4, 5, 8};
  const Array x = numbers(of_x, Dtype::bfloat16, 1), w = numbers(of_w, Dtype::bfloat16, 2),
              dy = numbers(of_y, Dtype::bfloat16, 3), bias = numbers({4}, Dtype::float32, 4);
  std::vector<std::vector<Array>> results;
  for (const bool by_cudnn : {true, false}) {
    cudnn_is_wanted() = by_cudnn;
    const std::uint64_t before = emulator::library_calls()["by cuDNN"];
    std::vector<Array> found{numbers(of_y, Dtype::float32, 5), numbers(of_y, Dtype::float32, 5),
                             numbers(of_x, Dtype::float32, 6), numbers(of_w, Dtype::float32, 7)};
    table.convolution.forward(x, w, bias, options, {found[0]});
    table.convolution.forward(x, w, bias, options, {found[1], true});
    table.convolution.backward_input(dy, w, options, {found[2]});
    table.convolution.backward_weight(x, dy, options, {found[3], true}, {});
    EXPECT_EQ(emulator::library_calls()["by cuDNN"] - before, by_cudnn ? 4U : 0U);
    for (Array& array : found) array = on_host(array);
    results.push_back(found);
  }
  cudnn_is_wanted() = true;
  for (std::size_t i = 0; i < results[0].size(); ++i)
    for (std::int64_t k = 0; k < results[0][i].elements(); ++k)
      ASSERT_NEAR(results[0][i].data<float>()[k], results[1][i].data<float>()[k], 1e-5) << "result " << i;
}

TEST(Fake, RefusesLayoutsThatTheLibraryIsNotAskedFor) {
  const ConvolutionShape good =
      describe({.x = {2, 4, 6, 6}, .w = {8, 2, 3, 3}, .y = {2, 8, 4, 4}, .options = {.groups = 2}});
  std::string why;
  EXPECT_NE(plan_convolution(good, why), nullptr);
  const auto refused = [&](const std::string& part, const auto& change) {
    ConvolutionShape shape = good;
    change(shape);
    expect_error<InternalError>([&] { return plan_convolution(shape, why) != nullptr; }, {part});
  };
  refused("not dense", [](ConvolutionShape& s) { s.x.strides[0] += 1; });
  refused("different orders", [](ConvolutionShape& s) {
    s.w = describe({.x = {2, 4, 6, 6}, .w = {8, 2, 3, 3}, .y = {2, 8, 4, 4}, .channels_inside = true}).w;
  });
  refused("groups", [](ConvolutionShape& s) { s.w.lengths[0] = 6; });
  refused("spatial axis 1", [](ConvolutionShape& s) { s.dilation[1] = 2; });
  refused("element type", [](ConvolutionShape& s) { s.dtype = Dtype::float64; });
  refused("a bias", [](ConvolutionShape& s) { s.bias = s.adds = true; });
}

}  // namespace
}  // namespace joist::cuda
