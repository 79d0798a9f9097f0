#include <joist/layers/models/efficientnet.h>
#include <joist/layers/models/mobilenet.h>
#include <joist/layers/models/mobilenet_v3.h>
#include <joist/layers/models/shufflenet.h>
#include <joist/tools/training/zoo.h>

namespace joist {

void add_mobile_models(std::vector<ModelEntry>& list) {
  list.push_back(model("mobilenet_v2", [](const ModelOptions& o) {
    return MobileNetV2({.classes = o.classes, .dropout = o.random_drops ? MobileNetV2Options().dropout : 0});
  }));
  for (const bool large : {false, true})
    list.push_back(model(large ? "mobilenet_v3_large" : "mobilenet_v3_small", [large](const ModelOptions& o) {
      return MobileNetV3(
          {.large = large, .classes = o.classes, .dropout = o.random_drops ? MobileNetV3Options().dropout : 0});
    }));
  for (int number = 0; number <= 7; ++number)
    list.push_back(model("efficientnet_b" + std::to_string(number), [number](const ModelOptions& o) {
      EfficientNetOptions options = EfficientNetOptions::sized(number, o.classes);
      if (!o.random_drops) options.dropout = options.stochastic_depth = 0;
      return EfficientNet(options);
    }));
  list.push_back(model("efficientnet_lite0", [](const ModelOptions& o) {
    const double drops = o.random_drops ? 0.2 : 0;
    return EfficientNet(
        {.classes = o.classes, .dropout = drops, .stochastic_depth = drops, .epsilon = 1e-3, .lite = true});
  }));
  for (const auto& [name, width] :
       {std::pair("x0_5", 0.5), std::pair("x1_0", 1.0), std::pair("x1_5", 1.5), std::pair("x2_0", 2.0)})
    list.push_back(model(std::string("shufflenet_v2_") + name, [width = width](const ModelOptions& o) {
      return ShuffleNetV2(ShuffleNetV2Options::sized(width, o.classes));
    }));
}

}  // namespace joist
