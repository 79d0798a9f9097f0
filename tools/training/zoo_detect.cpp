#include <joist/layers/models/retinanet.h>
#include <joist/layers/models/ssdlite.h>
#include <joist/tools/training/zoo.h>

namespace joist {

void add_anchor_detectors(std::vector<ModelEntry>& list) {
  list.push_back(
      model("retinanet_resnet50_fpn", [](const ModelOptions& o) { return RetinaNet({.classes = o.classes}); }));
  list.push_back(
      model("ssdlite320_mobilenet_v3_large", [](const ModelOptions& o) { return SsdLite({.classes = o.classes}); }));
}

}  // namespace joist
