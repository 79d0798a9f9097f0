#include <joist/core/kernels.h>
#include <joist/layers/detection/suppress.h>
#include <joist/tools/training/export.h>
#include <joist/tools/training/export_model.h>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::ordered_json;

void describe_detector(OnnxGraph& graph, const ModelDescription& description) {
  const SuppressOptions thresholds;
  graph.metadata["preprocessing"] = Json{
      {"order", "upright by EXIF, letterbox, scale"},
      {"letterbox",
       {{"size", description.size},
        {"keep_ratio", true},
        {"pad_value", 114},
        {"position", "centre"},
        {"interpolation", "bilinear, antialiased when shrinking"}}},
      {"channels", "RGB"},
      {"layout", "NCHW"},
      {"scale", 1.0 / 255}}.dump();
  graph.metadata["postprocessing"] =
      Json{{"output", "boxes [batch, 4 + classes, anchor]: x1, y1, x2, y2 in input pixels, then class probabilities"},
           {"confidence", thresholds.confidence},
           {"suppression", "per class, best first"},
           {"overlap", thresholds.overlap},
           {"most", thresholds.most},
           {"then", "subtract the padding, divide by the letterbox scale, clip to the picture"}}
          .dump();
}

Tensor normalized(const Tensor& pictures, const ModelDescription& description) {
  if (description.mean.empty()) return pictures;
  const auto channels = static_cast<std::int64_t>(description.mean.size());
  return (pictures - Tensor::from(description.mean, {1, channels, 1, 1})) /
         Tensor::from(description.deviation, {1, channels, 1, 1});
}

}  // namespace

OnnxGraph export_model(const Model& model, const std::vector<Field>& fields, const ModelDescription& description,
                       std::int64_t batch) {
  const Shape shape{batch, description.channels, description.size, description.size};
  Array blank = Array::empty(shape, Dtype::float32, cpu, Order::channels_last);
  kernels(cpu).elementwise.fill(0, blank);
  const bool detector = description.task == TaskKind::detect;
  OnnxGraph graph =
      trace_onnx({"images", Tensor(blank)}, fields, [&](const Tensor& pictures) -> std::vector<NamedTensor> {
        if (detector) return {{"boxes", decode(model.detect(pictures))}};
        return {{"logits", model.classify(normalized(pictures, description))}};
      });
  graph.name = description.model;
  graph.description = description.model + ", trained with joist";
  graph.metadata["task"] = name_of(description.task);
  graph.metadata["names"] = Json(description.classes).dump();
  graph.metadata["class_ids"] = Json(description.class_ids).dump();
  if (detector) describe_detector(graph, description);
  return graph;
}

}  // namespace joist
