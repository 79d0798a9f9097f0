#include <joist/core/mode.h>
#include <joist/core/threads.h>
#include <joist/layers/detection/head.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_evaluation.h>
#include <joist/tools/training/parity.h>
#include <joist/tools/training/prediction.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

/// `most` samples, spread.
template <class T>
std::vector<T> spread(const std::vector<T>& all, std::int64_t most) {
  const std::size_t count = std::min(all.size(), static_cast<std::size_t>(most));
  std::vector<T> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(all[i * all.size() / count]);
  return some;
}

void take(double& largest, double difference) {
  largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
}

/// Compares decoded boxes [batch, 4 + classes, anchor].
void compare(const Array& source, const Array& exported, Parity& parity) {
  if (source.shape() != exported.shape())
    throw DataError(
        {.where = "the exported graph", .what = "gives " + exported.shape().text(), .expected = source.shape().text()});
  const std::vector<float> a = source.to_vector<float>(), b = exported.to_vector<float>();
  const auto rows = static_cast<std::size_t>(source.shape(1)), anchors = static_cast<std::size_t>(source.shape(2));
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool is_box = i / anchors % rows < 4;
    take(is_box ? parity.box_difference : parity.score_difference,
         std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
}

// Where the graph chooses boxes itself: as many as the source's, and the same.
void compare_choice(const ExportedModel& exported, const Array& pictures, const Array& decoded, Parity& parity) {
  if (exported.batch() != 0 && exported.batch() != pictures.shape(0)) return;
  const Array found = exported.detections(pictures);
  const std::vector<float> rows = found.to_vector<float>();
  constexpr std::size_t width = 7;
  const auto expected = suppress(decoded);
  std::size_t all = 0;
  for (const auto& boxes : expected) all += boxes.size();
  if (rows.size() != all * width) return take(parity.score_difference, 1);
  for (std::size_t picture = 0; picture < expected.size(); ++picture)
    for (const DetectedBox& box : expected[picture]) {
      double nearest = 1e9;
      for (std::size_t at = 0; at + width <= rows.size(); at += width) {
        if (rows[at] != static_cast<float>(picture) || rows[at + 6] != static_cast<float>(box.category)) continue;
        const std::array<float, 4> corners{box.x1, box.y1, box.x2, box.y2};
        double worst = 0;
        for (std::size_t i = 0; i < 4; ++i)
          worst = std::max(worst, std::fabs(static_cast<double>(rows[at + 1 + i]) - static_cast<double>(corners[i])));
        nearest = std::min(nearest, worst);
      }
      take(parity.box_difference, nearest);
    }
}

std::int64_t batch_of(const ExportedModel& exported) { return exported.batch() == 0 ? 8 : exported.batch(); }

std::optional<Parity> compare_detectors(const Model& model, const ModelDescription& description,
                                        const ExportedModel& exported, const ParityOptions& options) {
  const bool has_truth = !holds_only_pictures(options.data);  // else there is no AP
  Dataset data = has_truth ? read_checked_detection(options.data, {.labels = "repair", .classes = description.classes})
                           : pictures_at(options.data, description);
  data.samples = spread(data.samples, options.pictures);
  Parity parity{.pictures = std::ssize(data.samples)};
  std::vector<Array> kept;
  const auto source = [&](const Array& pictures) {
    const Inference inference;
    kept.push_back(decode(model.detect(Tensor(pictures))).value());
    return kept.back();
  };
  std::size_t next = 0;
  const auto other = [&](const Array& pictures) {
    Array result = exported.run(pictures);
    compare(kept[next], result, parity);
    if (exported.has_detections()) compare_choice(exported, pictures, kept[next], parity);
    kept[next++] = Array();
    return result;
  };
  const auto find = [&](const DetectForward& forward) {
    return detect_all(data, forward, description.size, batch_of(exported), threads(), evaluation_thresholds(),
                      tiles_of(description));
  };
  const auto a = find(source);
  if (!a) return std::nullopt;
  const auto b = find(other);
  if (!b) return std::nullopt;
  if (has_truth) {
    const CocoTruth truth = coco_truth(data);
    const CocoResult before = evaluate(truth, *a), after = evaluate(truth, *b);
    parity.metric_source = before.AP;
    parity.metric_export = after.AP;
    take(parity.metric_change, std::fabs(before.AP - after.AP));
    take(parity.metric_change, std::fabs(before.AP50 - after.AP50));
    for (std::size_t c = 0; c < before.per_class.size(); ++c)
      take(parity.metric_change, std::fabs(before.per_class[c].AP - after.per_class[c].AP));
  }
  return parity;
}

std::optional<Parity> compare_classifiers(const Model& model, const ModelDescription& description,
                                          const ExportedModel& exported, const ParityOptions& options) {
  ClassifiedPictures data = read_classified_pictures(options.data, false, description.classes);
  if (!data.set.paths.empty()) {
    data.set.paths = spread(data.set.paths, options.pictures);
    data.set.labels = spread(data.set.labels, options.pictures);
  }
  Parity parity{.pictures = std::ssize(data.set.labels)};
  double largest = 0, difference = 0;
  // The graph normalizes pictures itself: it takes them as [0, 1].
  const std::vector<float> mean = description.mean, deviation = description.deviation;
  const auto undone = [&](const Array& pictures) {
    if (mean.empty()) return pictures;
    const Inference inference;
    const auto channels = std::ssize(mean);
    return (Tensor(pictures) * Tensor::from(deviation, {1, channels, 1, 1}) + Tensor::from(mean, {1, channels, 1, 1}))
        .value();
  };
  const auto source = [&](const Array& pictures) {
    const Inference inference;
    return model.classify(Tensor(pictures)).value();
  };
  const auto other = [&](const Array& pictures) {
    const Array result = exported.run(undone(pictures)), expected = source(pictures);
    const std::vector<float> a = expected.to_vector<float>(), b = result.to_vector<float>();
    if (a.size() != b.size())
      throw DataError({.where = "the exported graph",
                       .what = "gives " + result.shape().text(),
                       .expected = expected.shape().text()});
    for (std::size_t i = 0; i < a.size(); ++i) {
      take(largest, std::fabs(static_cast<double>(a[i])));
      take(difference, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    }
    return result;
  };
  const auto before = evaluate_classifier(data, description, source, batch_of(exported), threads());
  if (!before) return std::nullopt;
  const auto after = evaluate_classifier(data, description, other, batch_of(exported), threads());
  if (!after) return std::nullopt;
  parity.score_difference = difference / std::max(largest, 1.0);
  parity.metric_source = before->values[0];
  parity.metric_export = after->values[0];
  take(parity.metric_change, std::fabs(before->values[0] - after->values[0]));
  return parity;
}

}  // namespace

std::optional<Parity> compare_with_source(const Model& model, const ModelDescription& description,
                                          const ExportedModel& exported, const ParityOptions& options) {
  std::optional<Parity> parity = description.task == TaskKind::detect
                                     ? compare_detectors(model, description, exported, options)
                                     : compare_classifiers(model, description, exported, options);
  if (parity)
    parity->passed = parity->pictures > 0 && parity->score_difference <= options.tolerance &&
                     parity->box_difference <= options.box_tolerance && parity->metric_change <= options.tolerance;
  return parity;
}

std::string to_json(const Parity& parity) {
  nlohmann::ordered_json json{{"passed", parity.passed},
                              {"pictures", parity.pictures},
                              {"score_difference", parity.score_difference},
                              {"box_difference_pixels", parity.box_difference}};
  if (parity.metric_source) {
    json["metric_source"] = *parity.metric_source;
    json["metric_export"] = *parity.metric_export;
    json["metric_change"] = parity.metric_change;
  }
  return json.dump(1);
}

}  // namespace joist
