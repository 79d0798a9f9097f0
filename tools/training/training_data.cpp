#include <joist/core/error.h>
#include <joist/core/formats/sha256.h>
#include <joist/data/check.h>
#include <joist/data/classified.h>
#include <joist/data/split.h>
#include <joist/tools/training/training_data.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

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

/// Of a set that has such a part, that part; else the whole set.
void keep_part(Dataset& dataset, const std::string& split) {
  const auto is_it = [&](const Sample& sample) { return sample.split == split; };
  if (std::none_of(dataset.samples.begin(), dataset.samples.end(), is_it)) return;
  std::erase_if(dataset.samples, [&](const Sample& sample) { return !is_it(sample); });
}

/// Whether a set says itself which of its pictures are for validation.
bool has_own_part(const Dataset& train, const std::string& path) {
  if (train.samples.front().split != "train") return false;
  const Dataset all = read_dataset(path, {.lenient = true});
  return std::any_of(all.samples.begin(), all.samples.end(), [](const Sample& s) { return s.split == "val"; });
}

/// Takes the groups that --leave-out names out of the training pictures.
Dataset left_out(Dataset& train, const TrainOptions& options) {
  const std::vector<std::string> names = group_names(train, options.group);
  const std::set<std::string> known(names.begin(), names.end());
  std::vector<std::string> some(known.begin(), known.end());
  constexpr std::size_t few = 20;
  if (some.size() > few) some.resize(few), some.emplace_back("…");
  const std::vector<std::string> wanted = split_list(options.leave_out);
  for (const std::string& name : wanted)
    if (!known.contains(name))
      throw UsageError(
          {.where = "--leave-out",
           .what = known.empty() ? "no groups of pictures are seen in their names" : "no group \"" + name + "\"",
           .expected = known.empty() ? "names such as gate_0001.jpg, gate_0002.jpg, yard_0001.jpg, …"
                                     : fmt::format("{}", fmt::join(some, ", ")),
           .remedy = "--group folder, or --group REGEX whose first group names the camera"});
  Dataset val = train;
  std::size_t i = 0, j = 0;
  const auto is_left_out = [&](std::size_t at) {
    return std::find(wanted.begin(), wanted.end(), names[at]) != wanted.end();
  };
  std::erase_if(val.samples, [&](const Sample&) { return !is_left_out(i++); });
  std::erase_if(train.samples, [&](const Sample&) { return is_left_out(j++); });
  if (train.samples.empty())
    throw UsageError({.where = "--leave-out", .what = "nothing is left to learn from", .expected = "some groups only"});
  say(fmt::format("left out of training: {}: {} pictures; evaluated on them\n", options.leave_out, val.samples.size()));
  return val;
}

void warn_of_leaks(const DetectionData& data, CheckReport& report) {
  constexpr std::size_t few = 20'000;  // pictures that are compared before each run; `joist data check` compares all
  if (data.train.samples.size() + data.val->samples.size() > few) return;
  const std::vector<Finding> found = leaks(data.train, *data.val);
  if (!found.empty())
    say(
        fmt::format("warning: {} of {} validation pictures are in the training data too, or look as if; what is "
                    "measured on them is too good (first: {})\n",
                    found.size(), data.val->samples.size(), found.front().what));
  add(report, found);
}

DetectionData read_detection(const TrainOptions& options) {
  const int size = options.size > 0 ? static_cast<int>(options.size) : 320;
  CheckReport report;
  DetectionData data{.train = read_checked_detection(
                         options.data,
                         {.labels = options.labels, .training = true, .max_loss = options.max_loss, .size = size},
                         &report)};
  data.check_json = "{\"train\": " + to_json(report);
  CheckReport val_report;
  if (!options.leave_out.empty()) {
    if (!options.val.empty())
      throw UsageError({.where = "--leave-out", .what = "together with --val", .expected = "one of them"});
    data.val = left_out(data.train, options);
  }
  const bool has_own_val = options.leave_out.empty() && options.val.empty() && has_own_part(data.train, options.data);
  if (!options.val.empty() || has_own_val) {
    data.val = read_checked_detection(has_own_val ? options.data : options.val,
                                      {.labels = options.labels, .classes = data.train.categories}, &val_report);
  }
  if (data.val) {
    warn_of_leaks(data, val_report);
    data.check_json += ",\n\"val\": " + to_json(val_report);
  }
  data.check_json += "}\n";
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

Dataset read_checked_detection(const std::string& path, const LabelCheck& how, CheckReport* report) {
  const Policy policy = policy_named(how.labels);
  Dataset dataset = read_dataset(path, {.lenient = true});
  keep_part(dataset, how.training ? "train" : "val");
  const CheckReport found = check(dataset, {.policy = policy,
                                            .categories = how.classes,
                                            .for_training = how.training,
                                            .size = how.size,
                                            .max_loss = how.max_loss});
  say(fmt::format("{}: {}\n", how.training ? "train" : "val  ", summary(dataset)));
  if (!found.findings.empty()) say(to_text(found));
  if (report != nullptr) *report = found;
  return dataset;
}

TaskKind task_of(const TrainOptions& options) {
  if (options.task == "detect") return TaskKind::detect;
  if (options.task == "classify") return TaskKind::classify;
  if (options.task != "auto")
    throw UsageError({.where = "--task", .what = "\"" + options.task + "\"", .expected = "auto, detect or classify"});
  if (options.data.empty())
    throw UsageError({.where = "--data", .what = "no training data", .expected = "--data PATH"});
  if (is_clip_data(options.data)) {
    const ClipList clips = read_clips(options.data);
    throw UnsupportedError({.where = options.data,
                            .what = fmt::format("learning from clips: {} of {} classes were found", clips.clips.size(),
                                                clips.classes.size()),
                            .remedy = "pictures of the clips, in one folder per class"});
  }
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
