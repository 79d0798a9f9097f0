#include <joist/layers/models/alexnet.h>
#include <joist/layers/models/densenet.h>
#include <joist/layers/models/squeezenet.h>
#include <joist/layers/models/vgg.h>
#include <joist/tools/training/zoo.h>

namespace joist {

void add_classic_models(std::vector<ModelEntry>& list) {
  const auto dropout = [](const ModelOptions& o) { return o.random_drops ? 0.5 : 0.0; };
  list.push_back(
      model("alexnet", [=](const ModelOptions& o) { return AlexNet({.classes = o.classes, .dropout = dropout(o)}); }));
  for (const int depth : {11, 13, 16, 19})
    for (const bool batch_norm : {false, true})
      list.push_back(model("vgg" + std::to_string(depth) + (batch_norm ? "_bn" : ""), [=](const ModelOptions& o) {
        return Vgg({.depth = depth, .batch_norm = batch_norm, .classes = o.classes, .dropout = dropout(o)});
      }));
  for (const int version : {10, 11})
    list.push_back(model(version == 10 ? "squeezenet1_0" : "squeezenet1_1", [=](const ModelOptions& o) {
      return SqueezeNet({.version = version, .classes = o.classes, .dropout = dropout(o)});
    }));
  const auto dense = [&](const char* name, const DenseNetOptions& options) {
    list.push_back(model(name, [options](const ModelOptions& o) {
      DenseNetOptions made = options;
      made.classes = o.classes;
      return DenseNet(made);
    }));
  };
  dense("densenet121", {});
  dense("densenet161", {.growth = 48, .repeats = {6, 12, 36, 24}, .stem = 96});
  dense("densenet169", {.repeats = {6, 12, 32, 32}});
  dense("densenet201", {.repeats = {6, 12, 48, 32}});
}

}  // namespace joist
