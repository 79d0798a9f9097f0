#include <joist/core/memory.h>
#include <joist/data/loader/cache.h>
#include <joist/tools/training/benchmark_batch.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_task.h>
#include <joist/tools/training/fitting_batch.h>

#include <algorithm>
#include <memory>

namespace joist {
namespace {

constexpr std::int64_t most_batch = 64, least_steps = 10;

std::int64_t step_bytes(const Model& model, const ModelEntry& entry, std::int64_t classes, std::int64_t size,
                        std::int64_t batch) {
  allocator(cpu).reset_peak();
  const BenchmarkBatch pictures = BenchmarkBatch::made_up(entry.task, batch, entry.channels, size, classes);
  const BatchLoss loss = entry.task == TaskKind::detect
                             ? detection_batch_loss(model, pictures.inputs, pictures.truth, 1)
                             : classification_batch_loss(model, pictures.inputs, pictures.targets, 1);
  loss.loss.backward();
  return static_cast<std::int64_t>(allocator(cpu).statistics().peak);
}

}  // namespace

std::int64_t fitting_batch(const ModelEntry& entry, std::int64_t classes, std::int64_t size, std::int64_t pictures) {
  const std::unique_ptr<Model> model = entry.make({.classes = classes, .size = size});
  static_cast<void>(step_bytes(*model, entry, classes, size, 2));  // the first one keeps memory that later ones reuse
  const std::int64_t two = step_bytes(*model, entry, classes, size, 2),
                     four = step_bytes(*model, entry, classes, size, 4);
  const std::int64_t each = std::max<std::int64_t>((four - two) / 2, 1),
                     fixed = std::max<std::int64_t>(two - 2 * each, 0);
  const std::int64_t limit = available_bytes() / 2;
  std::int64_t batch = most_batch;
  while (batch > 2 && (fixed + batch * each > limit || pictures / batch < least_steps)) batch /= 2;
  return batch;
}

}  // namespace joist
