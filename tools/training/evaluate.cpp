#include <joist/core/mode.h>
#include <joist/core/threads.h>
#include <joist/tools/report/detection_report.h>
#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_evaluation.h>
#include <joist/tools/training/evaluate.h>
#include <joist/tools/training/exported_model.h>
#include <joist/tools/training/interrupt.h>

#include <algorithm>

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

std::string range_text(const Interval& interval) {
  return interval.low < 0 ? "" : fmt::format("  ({:.3f} to {:.3f})", interval.low, interval.high);
}

std::string table(const DetectionAnalysis& analysis) {
  std::string text;
  for (const auto& [name, value] : twelve(analysis.result)) {
    const bool first = name == "AP", second = name == "AP50";
    text += fmt::format("{:<9} {:.4f}{}\n", name, value,
                        first    ? range_text(analysis.intervals.AP)
                        : second ? range_text(analysis.intervals.AP50)
                                 : "");
  }
  for (std::size_t c = 0; c < analysis.result.per_class.size(); ++c) {
    const CocoResult::Category& one = analysis.result.per_class[c];
    text += fmt::format("  {:<20} AP {:.4f} AP50 {:.4f} AR100 {:.4f} ({} in the truth); best F1 {:.3f} at {:.2f}\n",
                        one.name, one.AP, one.AP50, one.AR100, one.truths, analysis.operation[c].best.f1,
                        analysis.operation[c].best.threshold);
  }
  text += "AP50 without its mistakes:";
  for (const ErrorAnalysis::Share& share : analysis.errors.shares)
    text += fmt::format(" {} {:+.3f}", name_of(share.kind), share.gain);
  text += "\n";
  if (!analysis.groups.empty()) {
    const auto weakest = std::min_element(analysis.groups.begin(), analysis.groups.end(),
                                          [](const auto& a, const auto& b) { return a.AP50 < b.AP50; });
    text += fmt::format("{} groups of pictures; the weakest is {} with AP50 {:.3f}\n", analysis.groups.size(),
                        weakest->name, weakest->AP50);
  }
  return text;
}

std::optional<EvaluateResult> evaluate_detector(const ModelDescription& description, DetectForward forward,
                                                const EvaluateOptions& options) {
  const Dataset data = read_checked_detection(options.data, {.labels = options.labels, .classes = description.classes});
  if (options.mirror) forward = with_mirror_image(std::move(forward));
  auto found = detect_all(data, forward, description.size, options.batch, threads(), evaluation_thresholds(),
                          tiles_of(description));
  if (!found) return std::nullopt;
  const DetectionAnalysis analysis = analyse(data, std::move(*found), options.analysis);
  EvaluateResult result{.text = table(analysis), .json = to_json(analysis, data)};
  if (options.with_report) {
    Page page(fmt::format("{} on {}", description.model, options.data));
    page.paragraph(fmt::format("Model {}; {}.", options.model, summary(data)));
    add_detection_report(page, analysis, data);
    result.html = page.html();
  }
  return result;
}

std::optional<EvaluateResult> evaluate_classification(const ModelDescription& description,
                                                      const ClassifyForward& forward, const EvaluateOptions& options) {
  const ClassifiedPictures pictures = read_classified_pictures(options.data, false, description.classes);
  const auto found = classify_all(pictures, description, forward, options.batch, threads());
  if (!found) return std::nullopt;
  EvaluateResult result{.text = table(evaluation_of(*found).json), .json = to_json(*found)};
  if (options.with_report) {
    Page page(fmt::format("{} on {}", description.model, options.data));
    page.paragraph(fmt::format("Model {}; {} pictures, {} classes.", options.model, found->pictures.size(),
                               found->classes.size()));
    add_classification_report(page, *found);
    result.html = page.html();
  }
  return result;
}

}  // namespace

EvaluateResult evaluate_model(const EvaluateOptions& options, const ModelRegistry& registry) {
  const Interruptible interruptible;
  if (options.threads > 0) set_threads(static_cast<int>(options.threads));
  if (options.batch < 1)
    throw UsageError({.where = "--batch", .what = std::to_string(options.batch), .expected = "at least 1"});
  std::optional<EvaluateResult> result;
  if (options.model.ends_with(".onnx")) {
    if (!options.device.on_host())
      throw UnsupportedError({.where = "--device " + options.device.text(),
                              .what = "unsupported: an exported file is computed on the CPU only",
                              .remedy = "--device cpu, or the checkpoint that it was made from"});
    const ExportedModel exported = ExportedModel::file(options.model);
    const auto forward = [&exported](const Array& pictures) { return exported.run(pictures); };
    result = exported.description().task == TaskKind::detect
                 ? evaluate_detector(exported.description(), forward, options)
                 : evaluate_classification(exported.description(), forward, options);
  } else {
    const Checkpoint checkpoint = read_checkpoint(options.model);
    const std::unique_ptr<Model> model = load_model(checkpoint, registry, options.model);
    model->move_to(options.device);
    const bool detector = checkpoint.description.task == TaskKind::detect;
    const auto forward = [&](const Array& pictures) {
      const Inference inference;
      return detector ? decode(model->detect(Tensor(pictures))).value() : model->classify(Tensor(pictures)).value();
    };
    result = detector ? evaluate_detector(checkpoint.description, forward, options)
                      : evaluate_classification(checkpoint.description, forward, options);
  }
  return result ? *std::move(result) : EvaluateResult{.signal = interrupted()};
}

}  // namespace joist
