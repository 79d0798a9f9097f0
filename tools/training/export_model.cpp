#include <joist/core/kernels.h>
#include <joist/layers/detection/suppress.h>
#include <joist/tools/training/export.h>
#include <joist/tools/training/export_model.h>
#include <joist/tools/training/export_nodes.h>

#include <set>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::ordered_json;

void describe_detector(OnnxGraph& graph, const ModelDescription& description, const ExportOptions& options) {
  const SuppressOptions& thresholds = options.thresholds;
  if (description.tile > 0)
    graph.metadata["tiles"] = Json{{"size", description.tile}, {"overlap", description.tile_overlap}}.dump();
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
  if (options.suppress)
    graph.metadata["detections"] =
        "chosen by the graph itself: [found, 7]: number of the picture, x1, y1, x2, y2 in input pixels, score, class";
}

Tensor normalized(const Tensor& pictures, const ModelDescription& description) {
  if (description.mean.empty()) return pictures;
  const auto channels = static_cast<std::int64_t>(description.mean.size());
  return (pictures - Tensor::from(description.mean, {1, channels, 1, 1})) /
         Tensor::from(description.deviation, {1, channels, 1, 1});
}

OnnxGraph traced(const Model& model, const std::vector<Field>& fields, const ModelDescription& description,
                 std::int64_t batch) {
  const Shape shape{batch, description.channels, description.size, description.size};
  Array blank = Array::empty(shape, Dtype::float32, cpu, Order::channels_last);
  kernels(cpu).elementwise.fill(0, blank);
  const bool detector = description.task == TaskKind::detect;
  return trace_onnx({"images", Tensor(blank)}, fields, [&](const Tensor& pictures) -> std::vector<NamedTensor> {
    if (detector) return {{"boxes", decode(model.detect(pictures))}};
    return {{"logits", model.classify(normalized(pictures, description))}};
  });
}

[[noreturn]] void refuse_free_batch(const std::string& what) {
  throw UnsupportedError(
      {.where = "--batch 0", .what = "a free number of pictures: " + what, .remedy = "--batch N, which fixes it"});
}

/// Of the same graph for 2 and for 3 pictures: what differs is the batch, and is left to the runtime.
OnnxGraph with_free_batch(OnnxGraph two, const OnnxGraph& three) {
  if (two.initializers.size() != three.initializers.size() || two.nodes.size() != three.nodes.size())
    refuse_free_batch("the graph depends on it");
  std::set<std::string> reshapes;
  for (const OnnxNode& node : two.nodes)
    if (node.op == "Reshape") reshapes.insert(node.inputs[1]);
  for (std::size_t i = 0; i < two.initializers.size(); ++i) {
    NamedArray& one = two.initializers[i];
    const NamedArray& other = three.initializers[i];
    if (one.array.shape() != other.array.shape())
      refuse_free_batch("the constant " + one.name + " has as many rows as there are pictures");
    if (one.array.dtype() != Dtype::int64) continue;
    std::vector<std::int64_t> lengths = one.array.to_vector<std::int64_t>();
    const std::vector<std::int64_t> others = other.array.to_vector<std::int64_t>();
    if (lengths == others) continue;
    int found = 0;
    for (std::size_t axis = 0; axis < lengths.size(); ++axis)
      if (lengths[axis] != others[axis]) lengths[axis] = -1, ++found;
    if (found != 1 || !reshapes.contains(one.name)) refuse_free_batch("the constant " + one.name + " fixes it");
    one.array = Array::from(lengths, {std::ssize(lengths)});
  }
  for (auto* values : {&two.inputs, &two.outputs})
    for (OnnxValue& value : *values) {
      value.free.assign(static_cast<std::size_t>(value.shape.rank()), "");
      value.free[0] = "batch";
    }
  return two;
}

/// Non-maximum suppression behind "boxes" [batch, 4 + classes, anchor]. As suppress() does it, an anchor counts for its
/// best class only.
void add_suppression(OnnxGraph& graph, const SuppressOptions& thresholds, std::int64_t classes) {
  OnnxBuilder b{.graph = std::move(graph)};
  const auto number = [&](float value) { return b.constant(Array::from(std::vector{value}, {1})); };
  const auto whole = [&](std::int64_t value) { return b.constant(std::vector<std::int64_t>{value}); };
  const auto columns = [&](const std::string& from, std::int64_t axis, std::int64_t start, std::int64_t stop) {
    return b.then("Slice", {from, whole(start), whole(stop), whole(axis)});
  };
  b.names = 1'000'000;  // beyond those of the trace
  const std::string boxes = b.then("Transpose", {columns("boxes", 1, 0, 4)},
                                   {{"perm", std::vector<std::int64_t>{0, 2, 1}}});  // [batch, anchor, 4]
  const std::string scores = columns("boxes", 1, 4, 4 + classes);
  const std::string best = b.then("ReduceMax", {scores}, {{"axes", std::vector<std::int64_t>{1}}});
  const std::string counted = b.then("Where", {b.then("Equal", {scores, best}), scores, number(0)});
  const std::string chosen = b.then(
      "NonMaxSuppression", {boxes, counted, whole(thresholds.most), number(static_cast<float>(thresholds.overlap)),
                            number(static_cast<float>(thresholds.confidence))});
  const std::string picture = columns(chosen, 1, 0, 1), category = columns(chosen, 1, 1, 2);
  const std::string place = b.then("Concat", {picture, columns(chosen, 1, 2, 3)}, {{"axis", std::int64_t{1}}});
  const std::string corners = b.then("GatherND", {boxes, place});
  const std::string score = b.then("Unsqueeze", {b.then("GatherND", {counted, chosen}), whole(1)});
  const auto real = [&](const std::string& from) { return b.then("Cast", {from}, {{"to", std::int64_t{1}}}); };
  b.add("Concat", {real(picture), corners, score, real(category)}, {"detections"}, {{"axis", std::int64_t{1}}});
  b.graph.outputs.insert(b.graph.outputs.begin(), {"detections", Dtype::float32, Shape{0, 7}, {"found", ""}});
  graph = std::move(b.graph);
}

}  // namespace

OnnxGraph export_model(const Model& model, const std::vector<Field>& fields, const ModelDescription& description,
                       const ExportOptions& options) {
  const bool detector = description.task == TaskKind::detect;
  if (options.suppress && !detector)
    throw UsageError({.where = "--nms", .what = "for a classifier", .expected = "a detector"});
  OnnxGraph graph = options.batch > 0
                        ? traced(model, fields, description, options.batch)
                        : with_free_batch(traced(model, fields, description, 2), traced(model, fields, description, 3));
  graph.name = description.model;
  graph.description = description.model + ", trained with joist";
  graph.metadata["task"] = name_of(description.task);
  graph.metadata["names"] = Json(description.classes).dump();
  graph.metadata["class_ids"] = Json(description.class_ids).dump();
  graph.metadata["model"] = description.model;
  graph.metadata["size"] = std::to_string(description.size);
  graph.metadata["channels"] = std::to_string(description.channels);
  if (detector) {
    describe_detector(graph, description, options);
    if (options.suppress)
      add_suppression(graph, options.thresholds, static_cast<std::int64_t>(description.classes.size()));
  }
  return graph;
}

}  // namespace joist
