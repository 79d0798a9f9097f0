#include <joist/core/ops.h>
#include <joist/core/text.h>
#include <joist/core/transfer.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/onnx/classifier.h>
#include <joist/tools/training/options.h>

namespace joist {

namespace {

[[noreturn]] void refuse(const Model& model, TaskKind asked) {
  throw UsageError({.where = "model",
                    .what = std::string("a model made to ") + verb_of(model.task()) + " was asked to " + verb_of(asked),
                    .expected = std::string("a model made to ") + verb_of(asked)});
}

}  // namespace

const char* name_of(TaskKind task) noexcept {
  switch (task) {
    case TaskKind::detect: return "detect";
    case TaskKind::sequence: return "sequence";
    default: return "classify";
  }
}

const char* verb_of(TaskKind task) noexcept {
  return task == TaskKind::sequence ? "continue sequences" : name_of(task);
}

void Model::move_to(Device device) {
  if (device != device_)
    throw UnsupportedError(
        {.where = "--device " + device.text(),
         .what = std::string("unsupported: this model that learns to ") + verb_of(task()) + " computes on the CPU only",
         .remedy = "--device cpu"});
}

// Counters stay where the host counts.
void Model::move_fields(Device device) {
  for (const Field& field : fields())
    if (is_floating(field.tensor.dtype())) field.tensor.place_value(on_device(field.tensor.value(), device));
  device_ = device;
}

Tensor Model::here(const Tensor& input) const { return to(input, device_); }

Tensor Model::classify(const Tensor&) const { refuse(*this, TaskKind::classify); }
Detections Model::detect(const Tensor&) const { refuse(*this, TaskKind::detect); }
Tensor Model::continue_sequence(const Tensor&) const { refuse(*this, TaskKind::sequence); }

ModelRegistry::ModelRegistry(std::vector<ModelEntry> own) : entries_(std::move(own)) {
  entries_.insert(entries_.end(), built_in_models().begin(), built_in_models().end());
}

const ModelEntry& ModelRegistry::find(const std::string& name) const {
  std::vector<std::string> known;
  for (const ModelEntry& entry : entries_) {
    if (entry.name == name) return entry;
    known.push_back(entry.name);
  }
  if (name.ends_with(".onnx")) return onnx_classifier(name);
  const std::string near = nearest_name(name, known);
  throw UsageError({.where = "--model",
                    .what = "no model is named \"" + name + "\"",
                    .expected = names(TaskKind::detect) + " (detect); " + names(TaskKind::classify) + " (classify); " +
                                names(TaskKind::sequence) + " (sequence)",
                    .remedy = near.empty() ? "" : "--model " + near});
}

std::string ModelRegistry::names(TaskKind task) const {
  std::string text;
  for (const ModelEntry& entry : entries_)
    if (entry.task == task) text += (text.empty() ? "" : ", ") + entry.name;
  return text;
}

}  // namespace joist
