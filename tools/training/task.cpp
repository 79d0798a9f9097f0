#include <joist/core/error.h>
#include <joist/tools/training/task.h>

namespace joist {
namespace {

[[noreturn]] void refuse(const TrainingTask& task) {
  throw UnsupportedError({.where = "training",
                          .what = std::string("unsupported: several processes, or --deterministic=world-size, for a "
                                              "model that learns to ") +
                                  verb_of(task.description().task),
                          .remedy = "one process"});
}

}  // namespace

std::int64_t TrainingTask::load() { refuse(*this); }
PartLoss TrainingTask::part_loss(std::int64_t, std::int64_t) { refuse(*this); }

}  // namespace joist
