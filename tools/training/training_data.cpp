#include <joist/core/error.h>
#include <joist/core/formats/sha256.h>
#include <joist/data/check.h>
#include <joist/tools/training/training_data.h>

#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

namespace joist {
namespace {

// What was found is worth a line, but a standard output that cannot be written is no reason to stop.
void say(const std::string& text) { std::fputs(text.c_str(), stdout); }

Policy policy_named(const std::string& name) {
  if (name == "fail") return Policy::fail;
  if (name == "repair") return Policy::repair;
  if (name == "drop") return Policy::drop;
  throw UsageError({.where = "--labels", .what = "\"" + name + "\"", .expected = "fail, repair or drop"});
}

DetectionData read_detection(const TrainOptions& options) {
  DetectionData data{.train = read_checked_detection(options.data, options.labels, {}, true)};
  if (!options.val.empty())
    data.val = read_checked_detection(options.val, options.labels, data.train.categories, false);
  return data;
}

ClassifiedPictures announced(ClassifiedPictures pictures, const char* which) {
  say(fmt::format("{}: {}: {} pictures, {} classes\n", which, pictures.source, pictures.set.labels.size(),
                  pictures.classes.size()));
  return pictures;
}

ClassificationData read_classification(const TrainOptions& options) {
  ClassificationData data{.train = announced(read_classified_pictures(options.data, true), "train")};
  const std::string val = !options.val.empty() ? options.val : has_own_validation(options.data) ? options.data : "";
  if (!val.empty()) data.val = announced(read_classified_pictures(val, false, data.train.classes), "val  ");
  return data;
}

std::string base_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

std::string text_of(const Dataset& dataset) {
  std::string text = fmt::format("{}\n", fmt::join(dataset.categories, "\n"));
  for (const Sample& sample : dataset.samples) {
    std::error_code none;
    text += fmt::format("{} {} {} {} {}\n", base_name(sample.path), sample.id, sample.width, sample.height,
                        std::filesystem::file_size(sample.path, none));
    for (const Annotation& a : sample.annotations)
      text += fmt::format("{} {} {} {} {} {}\n", a.category, a.box.x, a.box.y, a.box.width, a.box.height, a.crowd);
  }
  return text;
}

std::string text_of(const ClassifiedPictures& pictures) {
  const PictureSet& set = pictures.set;
  std::string text =
      fmt::format("{}\n{} {} {}\n", fmt::join(pictures.classes, "\n"), set.width, set.height, set.channels);
  for (std::size_t i = 0; i < set.labels.size(); ++i)
    text += fmt::format("{} {}\n", set.labels[i], set.paths.empty() ? "" : base_name(set.paths[i]));
  return text + hexadecimal(sha256(std::as_bytes(std::span(set.pixels))));
}

}  // namespace

Dataset read_checked_detection(const std::string& path, const std::string& labels,
                               const std::vector<std::string>& classes, bool training) {
  Dataset dataset = read_dataset(path, {.categories = classes});
  const CheckReport report =
      check(dataset, {.policy = policy_named(labels), .categories = classes, .for_training = training});
  say(fmt::format("{}: {}\n", training ? "train" : "val  ", summary(dataset)));
  if (!report.findings.empty()) say(to_text(report));
  return dataset;
}

TaskKind task_of(const TrainOptions& options) {
  if (options.task == "detect") return TaskKind::detect;
  if (options.task == "classify") return TaskKind::classify;
  if (options.task != "auto")
    throw UsageError({.where = "--task", .what = "\"" + options.task + "\"", .expected = "auto, detect or classify"});
  if (options.data.empty())
    throw UsageError({.where = "--data", .what = "no training data", .expected = "--data PATH"});
  return is_classification_data(options.data) ? TaskKind::classify : TaskKind::detect;
}

TrainingData read_training_data(const TrainOptions& options, TaskKind task) {
  if (options.data.empty())
    throw UsageError({.where = "--data", .what = "no training data", .expected = "--data PATH"});
  if (task == TaskKind::detect) return read_detection(options);
  return read_classification(options);
}

std::string digest_of(const TrainingData& data) {
  const std::string text = std::visit(
      [](const auto& part) { return text_of(part.train) + "\n--\n" + (part.val ? text_of(*part.val) : ""); }, data);
  return hexadecimal(sha256(std::as_bytes(std::span(text))));
}

}  // namespace joist
