#include <joist/core/memory.h>
#include <joist/core/ops.h>
#include <joist/core/transfer.h>
#include <joist/data/loader/cache.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_task.h>
#include <joist/tools/training/fitting_batch.h>
#include <joist/tools/training/padded_detection.h>

#include <algorithm>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr std::int64_t most_batch = 64, most_batch_of_gpu = 1024, least_steps = 10;
constexpr std::int64_t usual_kept = 3;  // AdamW's two numbers per weight, and the average
constexpr double share_of_gpu = 0.9;    // the rest is for workspaces, and for what does not fit into segments

// What a GPU's step computes, on the CPU.
Tensor loss_of_gpu(const Model& model, const BenchmarkBatch& batch) {
  if (model.task() != TaskKind::detect) return loss_of(model, batch);
  PaddedDetection padded(model, {});
  padded.place(batch.truth);
  return padded.loss(batch.inputs, static_cast<double>(batch.batch()));
}

std::int64_t step_bytes(const Model& model, const ModelEntry& entry, const ModelOptions& options, std::int64_t batch,
                        Device device) {
  allocator(cpu).reset_peak();
  const BenchmarkBatch made = BenchmarkBatch::made_up(entry.task, batch, entry.channels, options.size, options.classes);
  (device.on_host() ? loss_of(model, made) : loss_of_gpu(model, made)).backward();
  return static_cast<std::int64_t>(allocator(cpu).statistics().peak);
}

std::string size_text(std::int64_t bytes) {
  return bytes >> 20 > 9 ? fmt::format("{} MiB", bytes >> 20) : fmt::format("{} KiB", bytes >> 10);
}

}  // namespace

Tensor loss_of(const Model& model, const BenchmarkBatch& batch) {
  switch (model.task()) {
    case TaskKind::detect:
      return detection_batch_loss(model, batch.inputs, batch.truth, static_cast<double>(batch.batch())).loss;
    case TaskKind::sequence: {
      const Tensor logits = model.continue_sequence(Tensor(batch.inputs));
      return mean(cross_entropy(reshape(logits, {-1, logits.shape(-1)}), on_device(batch.targets, model.device())));
    }
    default: return classification_batch_loss(model, batch.inputs, batch.targets).loss;
  }
}

TrainingMemory step_memory(const ModelEntry& entry, const ModelOptions& options, std::int64_t kept, Device device) {
  const auto before = static_cast<std::int64_t>(allocator(cpu).statistics().in_use);
  const std::unique_ptr<Model> model = entry.make(options);
  const auto bytes = [&](std::int64_t batch) { return step_bytes(*model, entry, options, batch, device); };
  static_cast<void>(bytes(2));  // makes the gradients
  const std::int64_t two = bytes(2), four = bytes(4);
  TrainingMemory found{.each = std::max<std::int64_t>((four - two) / 2, 1)};
  found.fixed = std::max<std::int64_t>(two - before - 2 * found.each, 0);
  for (const Field& field : model->fields())
    if (field.trainable) found.fixed += kept * static_cast<std::int64_t>(field.tensor.value().bytes());
  return found;
}

std::int64_t step_room(Device device) {
  return static_cast<std::int64_t>(free_bytes(device) + allocator(device).statistics().in_use);
}

std::int64_t fitting_batch(const ModelEntry& entry, std::int64_t classes, std::int64_t size, std::int64_t pictures,
                           Device device, int ranks) {
  const std::int64_t gpus = device.on_host() ? 1 : ranks;
  const TrainingMemory step =
      step_memory(entry, {.classes = classes, .size = size}, device.on_host() ? 0 : usual_kept, device);
  const std::int64_t limit = device.on_host()
                                 ? available_bytes() / 2
                                 : static_cast<std::int64_t>(share_of_gpu * static_cast<double>(step_room(device)));
  std::int64_t batch = device.on_host() ? most_batch : most_batch_of_gpu;
  while (batch > 2 && (step.of((batch + gpus - 1) / gpus) > limit || pictures / batch < least_steps)) batch /= 2;
  return batch;
}

MemoryWatch::MemoryWatch(const ModelEntry& entry, const ModelOptions& options, std::int64_t kept, std::int64_t batch,
                         Device device, int ranks)
    : device_(device), batch_(batch), ranks_(ranks) {
  if (!device.on_host()) expected_ = step_memory(entry, options, kept, device);
}

std::string MemoryWatch::warning() const {
  if (device_.on_host()) return "";
  const std::int64_t room = step_room(device_), needed = expected_.of(share());
  if (needed <= room) return "";
  return fmt::format("a step with --batch {} needs about {}, and the GPU has {}; --batch {} would fit", batch_,
                     size_text(needed), size_text(room), std::max<std::int64_t>(ranks_ * expected_.fitting(room), 1));
}

void MemoryWatch::begin(const std::vector<Field>& fields) {
  if (!device_.on_host()) names_ = std::make_unique<BlockNames>(fields);
}

void MemoryWatch::name(const std::string& name, const Array& array) {
  if (names_) names_->add(name, array);
}

void MemoryWatch::explain(const EnvironmentError& error) const {
  if (device_.on_host() || error.fault().where != "the GPU's memory") throw error;
  Fault fault = error.fault();
  const std::int64_t room = static_cast<std::int64_t>(share_of_gpu * static_cast<double>(step_room(device_)));
  // What was foreseen to fit and did not lies in pieces that are too small: that needs some more room.
  const std::int64_t fits = std::min(ranks_ * expected_.fitting(room), batch_ * 3 / 4);
  fault.expected =
      fmt::format("about {} for a step with --batch {}: {} for each, {} for the rest", size_text(expected_.of(share())),
                  batch_, size_text(expected_.each), size_text(expected_.fixed));
  fault.remedy = fits >= 1 ? fmt::format("--batch {}, or a smaller --size", fits)
                           : "a smaller model or --size: not one fits, or another program holds the GPU's memory";
  throw EnvironmentError(fault);
}

}  // namespace joist
