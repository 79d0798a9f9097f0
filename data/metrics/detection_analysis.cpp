#include <joist/data/metrics/detection_analysis.h>
#include <joist/data/split.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::ordered_json;

std::vector<DetectionAnalysis::Group> groups_of(const Dataset& dataset, const DetectionAnalysis& all) {
  const std::vector<std::string> names = group_names(dataset, all.options.group);
  std::unordered_map<std::int64_t, std::string> group_of;
  std::map<std::string, CocoTruth> truths;
  std::map<std::string, std::vector<Detection>> found;
  for (std::size_t i = 0; i < names.size(); ++i) {
    group_of[dataset.samples[i].id] = names[i];
    truths[names[i]].image_ids.push_back(dataset.samples[i].id);
  }
  constexpr std::size_t many = 200;  // then they are no cameras
  if (truths.size() < 2 || truths.size() > many) return {};
  for (const CocoObject& object : all.truth.objects) truths[group_of[object.image_id]].objects.push_back(object);
  for (const Detection& one : all.detections) found[group_of[one.image_id]].push_back(one);
  std::vector<DetectionAnalysis::Group> groups;
  for (auto& [name, truth] : truths) {
    truth.categories = all.truth.categories;
    const CocoResult result = evaluate(truth, found[name]);
    groups.push_back({.name = name,
                      .pictures = std::ssize(truth.image_ids),
                      .objects = std::ssize(truth.objects),
                      .AP = result.AP,
                      .AP50 = result.AP50});
  }
  return groups;
}

std::vector<DetectionAnalysis::PictureErrors> worst_of(const Dataset& dataset, const DetectionAnalysis& all) {
  std::unordered_map<std::int64_t, DetectionAnalysis::PictureErrors> by_id;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) by_id[dataset.samples[i].id].sample = i;
  for (std::size_t i = 0; i < all.detections.size(); ++i) {
    if (!all.is_shown(i) || all.errors.detections[i].kind == ErrorKind::none) continue;
    auto& picture = by_id[all.detections[i].image_id];
    ++picture.wrong;
    picture.loss += all.detections[i].score;
  }
  for (std::size_t g = 0; g < all.truth.objects.size(); ++g) {
    const ObjectVerdict& object = all.errors.objects[g];
    if (!object.counts || (object.detection != nothing && all.is_shown(object.detection))) continue;
    auto& picture = by_id[all.truth.objects[g].image_id];
    ++picture.missed;
    picture.loss += 1;
  }
  std::vector<DetectionAnalysis::PictureErrors> worst;
  for (const auto& [id, picture] : by_id)
    if (picture.loss > 0) worst.push_back(picture);
  std::sort(worst.begin(), worst.end(),
            [](const auto& a, const auto& b) { return a.loss != b.loss ? a.loss > b.loss : a.sample < b.sample; });
  return worst;
}

Json json_of(const Interval& interval) {
  return interval.low < 0 ? Json(nullptr) : Json::array({interval.low, interval.high});
}

Json json_of(const OperatingPoint& point) {
  Json json{{"threshold", point.threshold},
            {"precision", point.precision},
            {"recall", point.recall},
            {"F1", point.f1},
            {"false_alarms_per_picture", point.false_alarms_per_picture}};
  if (point.budget >= 0) json["budget"] = point.budget;
  return json;
}

Json json_of(const Box& box) { return Json::array({box.x, box.y, box.width, box.height}); }

Json classes_of(const DetectionAnalysis& analysis) {
  Json classes = Json::array();
  for (std::size_t c = 0; c < analysis.result.per_class.size(); ++c) {
    const CocoResult::Category& one = analysis.result.per_class[c];
    classes.push_back({{"name", one.name},
                       {"AP", one.AP},
                       {"AP50", one.AP50},
                       {"AP75", one.AP75},
                       {"APsmall", one.APsmall},
                       {"APmedium", one.APmedium},
                       {"APlarge", one.APlarge},
                       {"AR100", one.AR100},
                       {"truths", one.truths},
                       {"AP_interval", json_of(analysis.intervals.per_class[c].AP)},
                       {"AP50_interval", json_of(analysis.intervals.per_class[c].AP50)}});
  }
  return classes;
}

Json doubts_of(const DetectionAnalysis& analysis, const std::unordered_map<std::int64_t, const Sample*>& samples) {
  Json doubts = Json::array();
  for (const DoubtfulLabel& doubt : analysis.doubts) {
    const Sample& sample = *samples.at(doubt.image_id);
    Json json{{"kind", name_of(doubt.kind)}, {"doubt", doubt.doubt}, {"file_name", sample.path}};
    if (doubt.object != nothing) {
      const CocoObject& object = analysis.truth.objects[doubt.object];
      json["label"] = {{"id", object.id},
                       {"class", analysis.result.per_class[analysis.class_index(object.category_id)].name},
                       {"bbox", json_of(object.box)}};
      for (const Annotation& annotation : sample.annotations)
        if (annotation.id == object.id) json["label"]["where"] = annotation.where;
    }
    if (doubt.detection != nothing) {
      const Detection& one = analysis.detections[doubt.detection];
      json["model"] = {{"class", analysis.result.per_class[analysis.class_index(one.category_id)].name},
                       {"score", one.score},
                       {"bbox", json_of(one.box)}};
    }
    doubts.push_back(std::move(json));
  }
  return doubts;
}

}  // namespace

std::size_t DetectionAnalysis::class_index(std::int64_t category_id) const {
  const auto found = std::lower_bound(result.per_class.begin(), result.per_class.end(), category_id,
                                      [](const CocoResult::Category& one, std::int64_t id) { return one.id < id; });
  return static_cast<std::size_t>(found - result.per_class.begin());
}

bool DetectionAnalysis::is_shown(std::size_t detection) const {
  const Detection& one = detections[detection];
  return errors.detections[detection].counts && one.score >= shown_from(class_index(one.category_id));
}

double DetectionAnalysis::shown_from(std::size_t class_index) const {
  constexpr double useful = 0.1, usual = 0.25;
  const OperatingPoint& best = operation[class_index].best;
  return best.f1 >= useful ? best.threshold : usual;
}

DetectionAnalysis analyse(const Dataset& dataset, std::vector<Detection> detections, const AnalysisOptions& options) {
  DetectionAnalysis all{.truth = coco_truth(dataset), .detections = std::move(detections), .options = options};
  all.result = evaluate(all.truth, all.detections);
  all.errors = analyse_errors(all.truth, all.detections);
  all.operation = operating_points(all.truth, all.detections, all.errors, options.budgets);
  std::vector<double> thresholds;
  for (std::size_t c = 0; c < all.operation.size(); ++c) thresholds.push_back(all.shown_from(c));
  all.errors = analyse_errors(all.truth, all.detections, thresholds);
  all.confusion = confusion_matrix(all.truth, all.detections, options.confidence);
  all.intervals = bootstrap(all.truth, all.detections, options.draws, options.seed);
  all.doubts = doubtful_labels(all.truth, all.detections, all.errors);
  all.groups = groups_of(dataset, all);
  all.worst = worst_of(dataset, all);
  return all;
}

std::string to_json(const DetectionAnalysis& analysis, const Dataset& dataset) {
  std::unordered_map<std::int64_t, const Sample*> samples;
  for (const Sample& sample : dataset.samples) samples[sample.id] = &sample;
  Json json;
  for (const auto& [name, value] : twelve(analysis.result)) json[name] = value;
  json["per_class"] = classes_of(analysis);
  json["intervals"] = {{"of", "95 of 100 draws of the pictures with replacement"},
                       {"draws", analysis.intervals.draws},
                       {"seed", analysis.options.seed},
                       {"AP", json_of(analysis.intervals.AP)},
                       {"AP50", json_of(analysis.intervals.AP50)}};
  json["errors"] = Json::array();
  for (const ErrorAnalysis::Share& share : analysis.errors.shares)
    json["errors"].push_back({{"kind", name_of(share.kind)}, {"count", share.count}, {"AP50_gain", share.gain}});
  json["confusion"] = {{"confidence", analysis.options.confidence},
                       {"overlap", 0.45},
                       {"rows", "predicted"},
                       {"columns", "true"},
                       {"classes", analysis.confusion.classes}};
  json["confusion"]["classes"].push_back("background");
  const std::size_t side = analysis.confusion.classes.size() + 1;
  for (std::size_t row = 0; row < side; ++row) {
    Json line = Json::array();
    for (std::size_t column = 0; column < side; ++column) line.push_back(analysis.confusion.at(row, column));
    json["confusion"]["counts"].push_back(std::move(line));
  }
  json["thresholds"] = Json::array();
  json["curves"] = Json::array();
  for (std::size_t c = 0; c < analysis.operation.size(); ++c) {
    const ClassOperation& one = analysis.operation[c];
    Json budgets = Json::array();
    for (const OperatingPoint& point : one.budgets) budgets.push_back(json_of(point));
    const std::string& name = analysis.result.per_class[c].name;
    json["thresholds"].push_back({{"name", name}, {"best_F1", json_of(one.best)}, {"budgets", std::move(budgets)}});
    json["curves"].push_back({{"name", name},
                              {"precision_over_recall", analysis.result.per_class[c].precision50},
                              {"precision", one.precision},
                              {"recall", one.recall},
                              {"F1", one.f1}});
  }
  json["groups"] = Json::array();
  for (const DetectionAnalysis::Group& group : analysis.groups)
    json["groups"].push_back({{"name", group.name},
                              {"pictures", group.pictures},
                              {"objects", group.objects},
                              {"AP", group.AP},
                              {"AP50", group.AP50}});
  json["worst_pictures"] = Json::array();
  for (const DetectionAnalysis::PictureErrors& one : analysis.worst)
    json["worst_pictures"].push_back({{"file_name", dataset.samples[one.sample].path},
                                      {"missed", one.missed},
                                      {"wrong", one.wrong},
                                      {"loss", one.loss}});
  json["doubtful_labels"] = doubts_of(analysis, samples);
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace joist
