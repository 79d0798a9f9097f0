#include <joist/layers/models/regnet.h>
#include <joist/layers/models/resnet.h>
#include <joist/layers/models/video_resnet.h>
#include <joist/tools/training/zoo.h>

namespace joist {

void add_residual_models(std::vector<ModelEntry>& list) {
  const auto add = [&](const std::string& name, ResNetOptions options) {
    list.push_back(model(name, [options](const ModelOptions& o) {
      ResNetOptions made = options;
      made.classes = o.classes;
      return ResNet(made);
    }));
  };
  for (const int depth : {18, 34, 50, 101, 152}) add("resnet" + std::to_string(depth), {.depth = depth});
  add("resnext50_32x4d", {.depth = 50, .groups = 32, .per_group = 4});
  add("resnext101_32x8d", {.depth = 101, .groups = 32, .per_group = 8});
  add("wide_resnet50_2", {.depth = 50, .per_group = 128});
  for (const char* size : {"x_400mf", "x_800mf", "y_400mf", "y_800mf", "y_1_6gf", "y_3_2gf"})
    list.push_back(model(std::string("regnet_") + size,
                         [size](const ModelOptions& o) { return RegNet(RegNetOptions::named(size, o.classes)); }));
  list.push_back(model("r2plus1d_18", [](const ModelOptions& o) { return VideoResNet({.classes = o.classes}); }));
}

}  // namespace joist
