// The built-in models.
#include <joist/layers/models/mnist_cnn.h>
#include <joist/layers/models/mobilenet.h>
#include <joist/layers/models/resnet.h>
#include <joist/layers/models/yolo.h>
#include <joist/tools/training/model.h>

namespace joist {

const std::vector<ModelEntry>& built_in_models() {
  static const std::vector<ModelEntry> entries = [] {
    std::vector<ModelEntry> list;
    for (const char size : {'n', 's', 'm', 'l', 'x'})
      list.push_back(model(std::string("yolo_") + size,
                           [size](const ModelOptions& o) { return Yolo(YoloOptions::sized(size, o.classes)); }));
    list.push_back(
        model("resnet18", [](const ModelOptions& o) { return ResNet({.depth = 18, .classes = o.classes}); }));
    list.push_back(
        model("resnet34", [](const ModelOptions& o) { return ResNet({.depth = 34, .classes = o.classes}); }));
    list.push_back(model("mobilenet_v2", [](const ModelOptions& o) { return MobileNetV2({.classes = o.classes}); }));
    list.push_back(model(
        "mnist_cnn", [](const ModelOptions& o) { return MnistCnn({.classes = o.classes}); }, 1, 28));
    return list;
  }();
  return entries;
}

}  // namespace joist
