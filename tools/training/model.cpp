#include <joist/core/text.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/options.h>

namespace joist {

const char* name_of(TaskKind task) noexcept { return task == TaskKind::detect ? "detect" : "classify"; }

Tensor Model::classify(const Tensor&) const {
  throw UsageError({.where = "model", .what = "a detector was asked for classes", .expected = "a classifier"});
}

Detections Model::detect(const Tensor&) const {
  throw UsageError({.where = "model", .what = "a classifier was asked for boxes", .expected = "a detector"});
}

ModelRegistry::ModelRegistry(std::vector<ModelEntry> own) : entries_(std::move(own)) {
  entries_.insert(entries_.end(), built_in_models().begin(), built_in_models().end());
}

const ModelEntry& ModelRegistry::find(const std::string& name) const {
  std::vector<std::string> known;
  for (const ModelEntry& entry : entries_) {
    if (entry.name == name) return entry;
    known.push_back(entry.name);
  }
  const std::string near = nearest_name(name, known);
  throw UsageError({.where = "--model",
                    .what = "no model is named \"" + name + "\"",
                    .expected = names(TaskKind::detect) + " (detect); " + names(TaskKind::classify) + " (classify)",
                    .remedy = near.empty() ? "" : "--model " + near});
}

std::string ModelRegistry::names(TaskKind task) const {
  std::string text;
  for (const ModelEntry& entry : entries_)
    if (entry.task == task) text += (text.empty() ? "" : ", ") + entry.name;
  return text;
}

}  // namespace joist
