#include <joist/core/mode.h>
#include <joist/core/threads.h>
#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_evaluation.h>
#include <joist/tools/training/evaluate.h>
#include <joist/tools/training/interrupt.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

std::string table(const std::string& json_text) {
  const auto json = nlohmann::ordered_json::parse(json_text);
  std::string text;
  for (const auto& [name, value] : json.items())
    if (value.is_number()) text += fmt::format("{:<9} {:.4f}\n", name, value.get<double>());
  for (const auto& one : json.at("per_class")) {
    text += fmt::format("  {:<20}", one.at("name").get<std::string>());
    for (const auto& [name, value] : one.items())
      if (value.is_number_float()) text += fmt::format(" {} {:.4f}", name, value.get<double>());
    text += fmt::format(" ({} in the truth)\n", one.at("truths").get<std::int64_t>());
  }
  return text;
}

std::optional<std::string> detection_json(const Checkpoint& checkpoint, const Model& model,
                                          const EvaluateOptions& options) {
  const Dataset data =
      read_checked_detection(options.data, {.labels = options.labels, .classes = checkpoint.description.classes});
  DetectForward forward = [&model](const Array& pictures) {
    const Inference inference;
    return decode(model.detect(Tensor(pictures))).value();
  };
  if (options.mirror) forward = with_mirror_image(std::move(forward));
  const auto found = detect_all(data, forward, checkpoint.description.size, options.batch, threads(),
                                evaluation_thresholds(), tiles_of(checkpoint.description));
  if (!found) return std::nullopt;
  return coco_json(evaluate(coco_truth(data), *found));
}

std::optional<std::string> classification_json(const Checkpoint& checkpoint, const Model& model,
                                               const EvaluateOptions& options) {
  const ClassifiedPictures pictures = read_classified_pictures(options.data, false, checkpoint.description.classes);
  const auto forward = [&model](const Array& batch) {
    const Inference inference;
    return model.classify(Tensor(batch)).value();
  };
  const auto result = evaluate_classifier(pictures, checkpoint.description, forward, options.batch, threads());
  if (!result) return std::nullopt;
  return result->json;
}

}  // namespace

EvaluateResult evaluate_model(const EvaluateOptions& options, const ModelRegistry& registry) {
  const Interruptible interruptible;
  if (options.threads > 0) set_threads(static_cast<int>(options.threads));
  if (options.batch < 1)
    throw UsageError({.where = "--batch", .what = std::to_string(options.batch), .expected = "at least 1"});
  if (options.model.ends_with(".onnx"))
    throw UnsupportedError({.where = options.model,
                            .what = "unsupported: evaluating ONNX files",
                            .remedy = "the checkpoint that it was exported from"});
  const Checkpoint checkpoint = read_checkpoint(options.model);
  const std::unique_ptr<Model> model = load_model(checkpoint, registry, options.model);
  const auto json = checkpoint.description.task == TaskKind::detect ? detection_json(checkpoint, *model, options)
                                                                    : classification_json(checkpoint, *model, options);
  if (!json) return {.signal = interrupted()};
  return {.text = table(*json), .json = *json};
}

}  // namespace joist
