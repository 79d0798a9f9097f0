// The built-in models.
#include <joist/layers/models/efficientnet.h>
#include <joist/layers/models/gpt.h>
#include <joist/layers/models/lstm_text.h>
#include <joist/layers/models/mnist_cnn.h>
#include <joist/layers/models/mobilenet.h>
#include <joist/layers/models/resnet.h>
#include <joist/layers/models/vit.h>
#include <joist/layers/models/yolo.h>
#include <joist/tools/training/model.h>

namespace joist {

const std::vector<ModelEntry>& built_in_models() {
  static const std::vector<ModelEntry> entries = [] {
    std::vector<ModelEntry> list;
    for (const char size : {'n', 's', 'm', 'l', 'x'})
      list.push_back(model(std::string("yolo_") + size,
                           [size](const ModelOptions& o) { return Yolo(YoloOptions::sized(size, o.classes)); }));
    for (const int depth : {18, 34, 50})
      list.push_back(model("resnet" + std::to_string(depth),
                           [depth](const ModelOptions& o) { return ResNet({.depth = depth, .classes = o.classes}); }));
    list.push_back(model("mobilenet_v2", [](const ModelOptions& o) {
      return MobileNetV2({.classes = o.classes, .dropout = o.random_drops ? MobileNetV2Options().dropout : 0});
    }));
    list.push_back(model("efficientnet_b0", [](const ModelOptions& o) {
      return o.random_drops ? EfficientNet({.classes = o.classes})
                            : EfficientNet({.classes = o.classes, .dropout = 0, .stochastic_depth = 0});
    }));
    list.push_back(model("vit_tiny", [](const ModelOptions& o) {
      return o.size > 0 ? VisionTransformer({.size = o.size, .classes = o.classes})
                        : VisionTransformer({.classes = o.classes});
    }));
    list.push_back(model(
        "mnist_cnn", [](const ModelOptions& o) { return MnistCnn({.classes = o.classes}); }, 1, 28));
    list.push_back(sequence_model(
        "lstm", [](const ModelOptions& o) { return LstmText({.vocabulary = o.classes}); }, 128));
    list.push_back(sequence_model(
        "gpt",
        [](const ModelOptions& o) {
          return Gpt({.vocabulary = o.classes, .context = o.size > 0 ? o.size : GptOptions().context});
        },
        256));
    return list;
  }();
  return entries;
}

}  // namespace joist
