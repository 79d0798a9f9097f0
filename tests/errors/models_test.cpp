// What models, their blocks and the functions around the detector refuse.
#include <joist/layers/detection/loss.h>
#include <joist/layers/detection/padded_loss.h>
#include <joist/layers/detection/suppress.h>
#include <joist/layers/models/efficientnet.h>
#include <joist/layers/models/gpt.h>
#include <joist/layers/models/lstm_text.h>
#include <joist/layers/models/mnist_cnn.h>
#include <joist/layers/models/mobilenet.h>
#include <joist/layers/models/resnet.h>
#include <joist/layers/models/vit.h>
#include <joist/layers/models/yolo.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

// What every model of pictures refuses.
template <class Model>
void expect_model(const std::string& name, std::int64_t channels) {
  const Model model{};
  const std::string wanted = "[batch, " + std::to_string(channels) + ", ";
  const Tensor pictures = zeros({1, channels, 32, 32}, Dtype::uint8);
  expect_refusals({
      wrong_shape(name,
                  [&] {
                    return model(zeros({channels, 32, 32}));
                  },
                  {name + ":", "32, 32]", wanted, "unsqueeze"}),
      wrong_shape(name,
                  [&] {
                    return model(zeros({1, 32, 32, channels}));
                  },
                  {name + ":", "[1, 32, 32, ", wanted, "permute"}),
      wrong_shape(name,
                  [&] {
                    return model(zeros({1, 5, 32, 32}));
                  },
                  {name + ":", "[1, 5, 32, 32]", wanted}),
      wrong_option(name, [] { return Model{{.classes = 0}}; }, {name + ":", "classes 0", "1 or more"}),
  });
}

std::vector<std::string> bytes() { return {"conv2d", "input of uint8", "float32, float64", "to(x, Dtype::float32)"}; }

TEST(ModelErrors, Classifiers) {
  expect_model<MnistCnn>("MnistCnn", 1);
  expect_model<ResNet>("ResNet", 3);
  expect_model<MobileNetV2>("MobileNetV2", 3);
  expect_model<EfficientNet>("EfficientNet", 3);
  expect_model<VisionTransformer>("VisionTransformer", 3);
  expect_refusals({
      wrong_shape("MnistCnn",
                  [] {
                    return MnistCnn{}(zeros({1, 1, 32, 32}));
                  },
                  {"MnistCnn", "[1, 1, 32, 32]", "[batch, 1, 28, 28]", "interpolate"}),
      wrong_dtype(
          "MnistCnn",
          [] {
            return MnistCnn{}(zeros({1, 1, 28, 28}, Dtype::uint8));
          },
          bytes()),
      wrong_dtype(
          "ResNet",
          [] {
            return ResNet{}(zeros({1, 3, 32, 32}, Dtype::uint8));
          },
          bytes()),
      wrong_option("ResNet", [] { return ResNet{{.depth = 20}}; }, {"ResNet", "depth 20", "18, 34, 50", "18"}),
      wrong_dtype(
          "MobileNetV2",
          [] {
            return MobileNetV2{}(zeros({1, 3, 32, 32}, Dtype::uint8));
          },
          bytes()),
      wrong_option("MobileNetV2", [] { return MobileNetV2{{.dropout = 1}}; }, {"MobileNetV2", "dropout 1", "below 1"}),
  });
}

TEST(ModelErrors, VisionTransformer) {
  const VisionTransformerOptions small{.size = 32, .patch = 8, .layers = 1, .heads = 1, .width = 8, .mlp = 8};
  VisionTransformerOptions uneven = small;
  uneven.patch = 5;
  expect_refusals({
      wrong_shape("VisionTransformer",
                  [&] {
                    return VisionTransformer{small}(zeros({1, 3, 40, 32}));
                  },
                  {"VisionTransformer", "[1, 3, 40, 32]", "20 patches", "16 patches", "size"}),
      wrong_dtype(
          "VisionTransformer",
          [&] {
            return VisionTransformer{small}(zeros({1, 3, 32, 32}, Dtype::uint8));
          },
          bytes()),
      wrong_option("VisionTransformer", [&] { return VisionTransformer{uneven}; },
                   {"VisionTransformer", "side 32", "multiple", "5"}),
      wrong_dtype(
          "EfficientNet",
          [] {
            return EfficientNet{}(zeros({1, 3, 32, 32}, Dtype::uint8));
          },
          bytes()),
      wrong_option("EfficientNet", [] { return EfficientNet{{.dropout = 1}}; },
                   {"EfficientNet", "dropout 1", "below 1"}),
  });
}

TEST(ModelErrors, Sequences) {
  const Gpt gpt{{.vocabulary = 5, .context = 4, .layers = 1, .heads = 1, .width = 8}};
  const LstmText lstm{{.vocabulary = 5, .embedding = 4, .hidden = 4, .layers = 1}};
  const std::vector<std::string> floats{"embedding", "float32", "int64"};
  expect_refusals({
      wrong_shape("Gpt",
                  [&] {
                    return gpt(zeros({2, 5}, Dtype::int64));
                  },
                  {"Gpt", "[2, 5]", "at most 4", "cut"}),
      wrong_dtype(
          "Gpt",
          [&] {
            return gpt(zeros({2, 3}));
          },
          floats),
      wrong_option("Gpt", [] { return Gpt{{.vocabulary = 0}}; }, {"Gpt", "vocabulary 0", "1 or more"}),
      wrong_shape("LstmText", [&] { return lstm(zeros({5}, Dtype::int64)); },
                  {"LstmText", "[5]", "[batch, length]", "unsqueeze"}),
      wrong_dtype(
          "LstmText",
          [&] {
            return lstm(zeros({2, 3}));
          },
          floats),
      wrong_option("LstmText", [] { return LstmText{{.vocabulary = 0}}; }, {"LstmText", "vocabulary 0", "1 or more"}),
  });
}

TEST(ModelErrors, Detector) {
  const Yolo yolo{{.classes = 2}};
  const DetectionHead head{{.in = {8, 16}, .classes = 2, .strides = {8, 16}}};
  const Tensor fine = zeros({1, 8, 4, 4}), coarse = zeros({1, 16, 2, 2});
  const auto made = [](DetectionHeadOptions options) { return [=] { return DetectionHead(options); }; };
  expect_refusals({
      wrong_shape("Yolo",
                  [&] {
                    return yolo(zeros({1, 3, 40, 32}));
                  },
                  {"yolo", "[1, 3, 40, 32]", "multiples of 32", "resize or pad"}),
      wrong_shape("Yolo",
                  [&] {
                    return yolo(zeros({3, 32, 32}));
                  },
                  {"yolo", "[3, 32, 32]", "[batch, 3, height, width]"}),
      wrong_dtype(
          "Yolo",
          [&] {
            return yolo(zeros({1, 3, 32, 32}, Dtype::uint8));
          },
          bytes()),
      wrong_option("Yolo", [] { return Yolo{{.classes = 0}}; }, {"Yolo", "classes 0", "1 or more"}),
      wrong_option("Yolo", [] { return Yolo{{.width = 0}}; }, {"Yolo", "width 0", "factors above 0", "sized"}),
      wrong_option("Yolo", [] { return YoloOptions::sized('q', 2); }, {"yolo", "size 'q'", "n, s, m, l or x"}),
      wrong_shape("DetectionHead", [&] { return head({fine}); },
                  {"DetectionHead", "1 feature maps", "2, one for each"}),
      wrong_shape("DetectionHead",
                  [&] {
                    return head({fine, fine});
                  },
                  {"DetectionHead", "[1, 8, 4, 4]", "[batch, 16, height, width]"}),
      wrong_dtype(
          "DetectionHead",
          [&] {
            return head({to(fine, Dtype::uint8), coarse});
          },
          bytes()),
      wrong_option("DetectionHead", made({.in = {8}, .classes = 2}),
                   {"DetectionHead", "1 levels and 3 strides", "one"}),
      wrong_option("DetectionHead", made({.in = {8}, .classes = 0, .strides = {8}}), {"DetectionHead", "classes 0"}),
      wrong_option("DetectionHead", made({.in = {0}, .classes = 2, .strides = {8}}), {"DetectionHead", "in 0"}),
      wrong_option("DetectionHead", made({.in = {8}, .classes = 2, .bins = 0, .strides = {8}}),
                   {"DetectionHead", "bins 0"}),
      wrong_option("DetectionHead", made({.in = {8}, .classes = 2, .strides = {0}}), {"DetectionHead", "stride 0"}),
  });
}

TEST(ModelErrors, AroundTheDetector) {
  const DetectionHead head{{.in = {8}, .classes = 2, .strides = {8}}};
  const Detections found = head({zeros({1, 8, 4, 4})});
  Detections wide = found;
  wide.class_logits = to(found.class_logits, Dtype::float64);
  const TrueBox box{0, 0, 8, 8, 2};
  const Tensor decoded = decode(found);
  expect_refusals({
      wrong_shape(
          "detection_loss", [&] { return detection_loss(found, {}); },
          {"detection_loss", "classes [1, 16, 2]", "truth of 0 pictures", "one list per picture", "empty list"}),
      wrong_shape("detection_loss",
                  [&] { return detection_loss({.box_logits = decoded, .class_logits = zeros({2})}, {{}}); },
                  {"detection_loss", "classes [2]", "[batch, anchor, class]"}),
      wrong_dtype("detection_loss", [&] { return detection_loss(wide, {{}}); },
                  {"predictions of float64", "float32", "to("}),
      wrong_numbers("detection_loss", [&] { return detection_loss(found, {{box}}); },
                    {"detection_loss", "class 2", "0 to 1", "check the labels"}),
      wrong_option("padded",
                   [&] {
                     return padded(std::vector<std::vector<TrueBox>>{{box, box}}, 1);
                   },
                   {"padded", "2 objects in a picture", "at most 1"}),
      wrong_shape("suppress",
                  [] {
                    return suppress(zeros({2, 4, 5}).value());
                  },
                  {"suppress", "[2, 4, 5]", "[batch, 4 + classes, anchor]", "decode()"}),
      wrong_dtype("suppress", [&] { return suppress(to(decoded, Dtype::float64).value()); },
                  {"suppress", "float64", "float32", "to(x"}),
      wrong_option("suppress", [&] { return suppress(decoded.value(), {.most = 0}); },
                   {"suppress", "most 0", "1 or more"}),
  });
}

// Blocks of the models, for models of one's own.
template <class Block>
std::vector<Refusal> block_rows(const std::string& name, const Block& block) {
  return {
      wrong_shape(name,
                  [block] {
                    return block(zeros({1, 5, 8, 8}));
                  },
                  {"conv2d:", "[1, 5, 8, 8]", "in = 5", "8 channels"}),
      wrong_shape(name,
                  [block] {
                    return block(zeros({8, 8, 8}));
                  },
                  {"conv2d:", "[8, 8, 8]", "[batch, channel, height"}),
      wrong_dtype(
          name,
          [block] {
            return block(zeros({1, 8, 8, 8}, Dtype::uint8));
          },
          bytes()),
  };
}

TEST(ModelErrors, Blocks) {
  const VisionTransformerOptions tokens{.heads = 1, .width = 8, .mlp = 8};
  expect_refusals(block_rows("ConvNormUnit", ConvNormUnit{{.in = 8, .out = 8}}));
  expect_refusals(block_rows("InvertedResidual", InvertedResidual(8, 8, 1, 2)));
  expect_refusals(block_rows("BasicBlock", BasicBlock(8, 16, 2)));
  expect_refusals(block_rows("Downsample", Downsample(8, 16, 2)));
  expect_refusals(block_rows("BottleneckBlock", BottleneckBlock(8, 4, 1)));
  expect_refusals(block_rows("MobileBlock", MobileBlock{{.in = 8, .out = 8}}));
  expect_refusals(block_rows("Bottleneck", Bottleneck(8, true)));
  expect_refusals(block_rows("CrossStage", CrossStage{{.in = 8, .out = 16}}));
  expect_refusals(block_rows("PyramidPool", PyramidPool(8, 16)));
  expect_refusals(block_rows("Branch", DetectionHead::Branch(8, 8, 4)));
  expect_refusals({
      wrong_option("ConvNormUnit", [] { return ConvNormUnit{{.in = 8, .out = 8, .groups = 3}}; },
                   {"8 channels to 8 in 3"}),
      wrong_option("InvertedResidual", [] { return InvertedResidual(8, 8, 0, 2); },
                   {"Conv2d:", "stride [0]", "from 1"}),
      wrong_option("BasicBlock", [] { return BasicBlock(0, 8, 1); }, {"Conv2d:", "in 0", "1 or more"}),
      wrong_option("Downsample", [] { return Downsample(8, 0, 1); }, {"Conv2d:", "out 0"}),
      wrong_option("BottleneckBlock", [] { return BottleneckBlock(8, 0, 1); }, {"Conv2d:", "out 0", "1 or more"}),
      wrong_option("MobileBlock", [] { return MobileBlock{{.in = 8, .out = 8, .drop = 2}}; },
                   {"MobileBlock", "drop 2", "below 1"}),
      wrong_shape("SqueezeExcitation",
                  [] {
                    return SqueezeExcitation(8, 2)(zeros({1, 5, 8, 8}));
                  },
                  {"conv2d:", "in = 5", "8 channels"}),
      wrong_dtype("SqueezeExcitation",
                  [] {
                    return SqueezeExcitation(8, 2)(zeros({1, 8, 8, 8}, Dtype::uint8));
                  },
                  {"uint8", "to(x, Dtype::float32)"}),
      wrong_option("SqueezeExcitation", [] { return SqueezeExcitation(8, 0); }, {"Conv2d:", "out 0", "1 or more"}),
      wrong_shape("VisionBlock",
                  [&] {
                    return VisionBlock{tokens}(zeros({1, 4, 7}));
                  },
                  {"[1, 4, 7]", "[8]"}),
      wrong_dtype("VisionBlock",
                  [&] {
                    return VisionBlock{tokens}(zeros({1, 4, 8}, Dtype::int64));
                  },
                  {"int64", "float32"}),
      wrong_option("VisionBlock", [] { return VisionBlock{{.heads = 5, .width = 8}}; }, {"8", "5"}),
      wrong_option("Bottleneck", [] { return Bottleneck(0, true); }, {"ConvNorm:", "in 0", "1 or more"}),
      wrong_option("CrossStage", [] { return CrossStage{{.in = 8, .out = 5}}; }, {"CrossStage:", "out 5", "even"}),
      wrong_option("CrossStage", [] { return CrossStage{{.in = 8, .out = 8, .repeats = -1}}; },
                   {"repeats -1", "from 0"}),
      wrong_option("PyramidPool", [] { return PyramidPool(1, 8); }, {"ConvNorm:", "out 0", "1 or more"}),
      wrong_option("Branch", [] { return DetectionHead::Branch(8, 0, 4); }, {"ConvNorm:", "out 0"}),
  });
}

}  // namespace
}  // namespace joist
