// What published models and their blocks refuse.
#include <joist/layers/detection/anchor_loss.h>
#include <joist/layers/models/alexnet.h>
#include <joist/layers/models/convnext.h>
#include <joist/layers/models/densenet.h>
#include <joist/layers/models/efficientnet.h>
#include <joist/layers/models/mobilenet_v3.h>
#include <joist/layers/models/mtcnn.h>
#include <joist/layers/models/regnet.h>
#include <joist/layers/models/resnet.h>
#include <joist/layers/models/retinanet.h>
#include <joist/layers/models/shufflenet.h>
#include <joist/layers/models/squeezenet.h>
#include <joist/layers/models/ssdlite.h>
#include <joist/layers/models/swin.h>
#include <joist/layers/models/vgg.h>
#include <joist/layers/models/video_resnet.h>
#include <joist/layers/models/vit.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

using Parts = std::vector<std::string>;

// What every model of pictures refuses, and the option of its own in `rows`.
template <class Model>
void expect_model(const std::string& name, std::vector<Refusal> rows = {}) {
  const Model model{};
  rows.push_back(wrong_shape(name,
                             [&] {
                               return model(zeros({1, 32, 32, 3}));
                             },
                             {name + ":", "[1, 32, 32, 3]", "permute"}));
  rows.push_back(wrong_shape(name,
                             [&] {
                               return model(zeros({3, 32, 32}));
                             },
                             {name + ":", "[3, 32, 32]", "unsqueeze"}));
  rows.push_back(wrong_option(name, [] { return Model{{.classes = 0}}; }, {name + ":", "classes 0", "1 or more"}));
  rows.push_back(wrong_dtype(name,
                             [&] {
                               return model(zeros({1, 3, 64, 64}, Dtype::uint8));
                             },
                             {"uint8", "float32", "to(x, Dtype::float32)"}));
  expect_refusals(rows);
}

TEST(ZooErrors, Models) {
  expect_model<AlexNet>("AlexNet",
                        {wrong_option("AlexNet", [] { return AlexNet{{.dropout = 1}}; }, {"dropout 1", "below 1"})});
  expect_model<Vgg>("Vgg", {wrong_option("Vgg", [] { return Vgg{{.depth = 12}}; }, {"Vgg", "depth 12", "11, 13, 16"})});
  expect_model<SqueezeNet>("SqueezeNet", {wrong_option("SqueezeNet", [] { return SqueezeNet{{.version = 12}}; },
                                                       {"SqueezeNet", "version 12", "10 or 11"})});
  expect_model<DenseNet>("DenseNet", {wrong_option("DenseNet", [] { return DenseNet{{.growth = 0}}; },
                                                   {"DenseNet", "growth 0", "1 or more"})});
  expect_model<ShuffleNetV2>(
      "ShuffleNetV2",
      {wrong_option("ShuffleNetV2", [] { return ShuffleNetV2Options::sized(3); }, {"ShuffleNetV2", "width 3", "1.5"}),
       wrong_option("ShuffleNetV2", [] { return ShuffleNetV2{{.channels = {24}}}; }, {"1 channels", "5 and 3"})});
  expect_model<RegNet>(
      "RegNet",
      {wrong_option("RegNet", [] { return RegNet{{.depth = 0}}; }, {"RegNet", "depth 0", "named"}),
       wrong_option("RegNet", [] { return RegNetOptions::named("y_500mf"); }, {"RegNet", "y_500mf", "y_400mf"})});
  expect_model<ConvNeXt>("ConvNeXt", {wrong_option("ConvNeXt", [] { return ConvNeXtOptions::sized('z'); },
                                                   {"ConvNeXt", "size 'z'", "t, s, b or l"})});
  expect_model<Swin>("Swin",
                     {wrong_option("Swin", [] { return SwinOptions::sized('z'); }, {"Swin", "size 'z'", "t, s or b"})});
  expect_model<VideoResNet>("VideoResNet");
  expect_model<MobileNetV3>("MobileNetV3", {wrong_option("MobileNetV3", [] { return MobileNetV3{{.dropout = 1}}; },
                                                         {"MobileNetV3", "dropout 1", "below 1"})});
  expect_refusals(
      {wrong_option("EfficientNet", [] { return EfficientNetOptions::sized(8); }, {"EfficientNet", "B8", "B0 to B7"}),
       wrong_option("ResNet", [] { return ResNet{{.depth = 18, .groups = 2}}; }, {"ResNet", "2 groups", "depth 50"}),
       wrong_option("VisionTransformer", [] { return VisionTransformerOptions::sized('z'); },
                    {"VisionTransformer", "size 'z'", "t, s, b or l"})});
}

// A block of 8 channels.
template <class Block>
void expect_block(const std::string& name, const Block& block, const Parts& shape, const Shape& wrong = {1, 5, 8, 8}) {
  expect_refusals({wrong_shape(
      name, [&] { return block(zeros(wrong)); }, shape)});
}

TEST(ZooErrors, Blocks) {
  const Parts convolution{"conv2d:", "[1, 5, 8, 8]", "in = 5", "8 channels"};
  const Parts norm{"BatchNorm2d", "[1, 5, 8, 8]", "8 channels"};
  Sequence<Conv2d> sequence;
  sequence.add(Conv2d{{.in = 8, .out = 8}});
  expect_block("Sequence", sequence, convolution);
  expect_block("Fire", Fire(8, 4, 4), convolution);
  expect_block("RegNetBlock", RegNetBlock(8, 8, 1, 4, 0.25), convolution);
  expect_block("ConvNeXtBlock", ConvNeXtBlock(8, 1, 0), convolution);
  expect_block("DenseBlock", DenseBlock(8, 1, {}), norm);
  expect_block("DenseTransition", DenseTransition(8, 4), norm);
  expect_block("ShuffleBlock", ShuffleBlock(8, 8, 2), convolution);
  expect_block("FactoredConvolution", FactoredConvolution(8, 8, 8, 1, Relu{}), {"conv3d", "8 channels"},
               {1, 5, 2, 8, 8});
  expect_block("VideoBlock", VideoBlock(8, 8, 1), {"conv3d", "8 channels"}, {1, 5, 2, 8, 8});
  expect_block("Permute", Permute{}, {"permute", "[2, 3]"}, {2, 3});
  expect_block("LayerNorm2d", LayerNorm2d{{.channels = 8}},
               {"LayerNorm2d", "[1, 5, 8, 8]", "[batch, 8, height, width]"});
  expect_block("PatchMerging", PatchMerging(8), {"PatchMerging", "[1, 5, 8, 5]", "[batch, height, width, 8]"},
               {1, 5, 8, 5});
  expect_block("WindowAttention", WindowAttention{{.width = 8, .heads = 2}},
               {"WindowAttention", "[1, 5, 8, 5]", "[batch, height, width, 8]", "permute"}, {1, 5, 8, 5});
  expect_block("SwinBlock", SwinBlock({.width = 8, .heads = 2}, 0), {"[1, 5, 8, 5]", "[8]"}, {1, 5, 8, 5});
  expect_refusals({
      wrong_option("ShuffleBlock", [] { return ShuffleBlock(8, 4, 1); },
                   {"ShuffleBlock", "8 channels to 4", "stride 2"}),
      wrong_option("LayerNorm2d", [] { return LayerNorm2d{{.channels = 0}}; }, {"LayerNorm2d", "channels 0"}),
      wrong_option("WindowAttention", [] { return WindowAttention{{.width = 8, .heads = 3}}; },
                   {"WindowAttention", "width 8", "heads 3"}),
      wrong_option("WindowAttention", [] { return WindowAttention{{.width = 8, .heads = 2, .shift = 7}}; },
                   {"WindowAttention", "shift 7", "below the window"}),
      wrong_option("ConvNeXtBlock", [] { return ConvNeXtBlock(8, 1, 1); }, {"ConvNeXtBlock", "drop 1", "below 1"}),
      wrong_option("SwinBlock", [] { return SwinBlock({.width = 8, .heads = 2}, 1); }, {"SwinBlock", "drop 1"}),
      wrong_option("VideoBlock", [] { return VideoBlock(0, 8, 1); }, {"VideoBlock", "in 0", "1 or more"}),
      wrong_option("PatchMerging", [] { return PatchMerging(0); }, {"PatchMerging", "channels 0", "1 or more"}),
  });
}

TEST(ZooErrors, Detectors) {
  const FeaturePyramid pyramid{{.in = {8, 16}, .out = 4}};
  const Tensor fine = zeros({1, 8, 4, 4});
  const Detections found{
      .box_logits = zeros({1, 2, 4}),
      .class_logits = zeros({1, 2, 3}),
      .boxes = AnchorBoxes{.corners = Array::from(std::vector<float>{0, 0, 8, 8, 8, 8, 16, 16}, {2, 4})}};
  const auto loss = [&](TrueBox box, DetectionLossOptions options = {}) {
    return [=] { return anchor_loss(found, {{box}}, options); };
  };
  expect_refusals({
      wrong_shape("RetinaNet",
                  [] {
                    return RetinaNet{}(zeros({1, 1, 64, 64}));
                  },
                  {"RetinaNet", "[1, 1, 64, 64]"}),
      wrong_option("RetinaNet", [] { return RetinaNet{{.classes = 0}}; }, {"RetinaNet", "classes 0", "1 or more"}),
      wrong_shape("SsdLite",
                  [] {
                    return SsdLite{}(zeros({3, 64, 64}));
                  },
                  {"SsdLite", "[3, 64, 64]", "unsqueeze"}),
      wrong_option("SsdLite", [] { return SsdLite{{.classes = 0}}; }, {"SsdLite", "classes 0", "1 or more"}),
      wrong_shape("FeaturePyramid", [&] { return pyramid({fine}); },
                  {"FeaturePyramid", "1 feature maps", "2, one for"}),
      wrong_option("FeaturePyramid", [] { return FeaturePyramid{{.in = std::vector<std::int64_t>{}}}; },
                   {"FeaturePyramid", "no level"}),
      wrong_option("FeaturePyramid",
                   [] {
                     return FeaturePyramid{{.in = {8, 0}}};
                   },
                   {"FeaturePyramid", "in 0"}),
      wrong_shape("anchor_loss", [&] { return detection_loss(found, {}); },
                  {"anchor_loss", "truth of 0 pictures", "empty list"}),
      wrong_numbers("anchor_loss", loss({0, 0, 8, 8, 3}), {"anchor_loss", "class 3", "0 to 2"}),
      wrong_numbers("anchor_loss", loss({0, 0, 0, 8, 1}), {"anchor_loss", "width 0", "above 0"}),
      refusal<UnsupportedError>("anchor_loss", "option", loss({0, 0, 8, 8, 1}, {.class_weights = {1, 1, 1}}),
                                {"class weights", "yolo"}),
  });
}

TEST(ZooErrors, MatchedBoxes) {
  const Array corners =
      Array::from(std::vector<float>{0, 0, 10, 10, 0, 0, 10, 20, 20, 20, 30, 30, 0, 0, 10, 22}, {4, 4});
  const std::vector<TrueBox> objects{{0, 0, 10, 10, 0}, {22, 20, 60, 30, 0}};
  // Overlaps with the first object: 1, 0.5, 0, 0.4545…; the second one's best box overlaps by less than 0.4.
  EXPECT_EQ(match_boxes(corners, objects, false), (std::vector<std::int64_t>{0, 0, 1, ignored_object}));
  EXPECT_EQ(match_boxes(corners, objects, true), (std::vector<std::int64_t>{0, 0, 1, no_object}));
  EXPECT_EQ(match_boxes(corners, {}, false), std::vector<std::int64_t>(4, no_object));
}

TEST(ZooErrors, Faces) {
  const PNet pnet;
  const RNet rnet;
  const ONet onet;
  const Mtcnn mtcnn;
  expect_refusals({
      wrong_shape("PNet",
                  [&] {
                    return pnet(zeros({1, 1, 24, 24}));
                  },
                  {"PNet", "[1, 1, 24, 24]", "[batch, 3"}),
      wrong_shape("RNet",
                  [&] {
                    return rnet(zeros({1, 3, 48, 48}));
                  },
                  {"RNet", "[1, 3, 48, 48]", "24 × 24"}),
      wrong_shape("ONet",
                  [&] {
                    return onet(zeros({1, 3, 24, 24}));
                  },
                  {"ONet", "[1, 3, 24, 24]", "48 × 48"}),
      wrong_shape("Mtcnn",
                  [&] {
                    return mtcnn(zeros({3, 48, 48}));
                  },
                  {"Mtcnn", "[3, 48, 48]", "unsqueeze"}),
      wrong_option("Mtcnn", [] { return Mtcnn{{.smallest = 4}}; }, {"Mtcnn", "smallest 4", "from 12 pixels"}),
      wrong_option("Mtcnn", [] { return Mtcnn{{.factor = 1}}; }, {"Mtcnn", "factor 1", "between 0 and 1"}),
  });
}

}  // namespace
}  // namespace joist
