// How much memory a training step takes, and how many pictures fit into a batch.
#pragma once

#include <joist/core/block_names.h>
#include <joist/tools/training/benchmark_batch.h>
#include <joist/tools/training/model.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace joist {

/// Forward pass and loss of a batch, as training has them.
Tensor loss_of(const Model& model, const BenchmarkBatch& batch);

/// Peak bytes of the arrays of a training step.
struct TrainingMemory {
  std::int64_t fixed = 0;  ///< weights, gradients and, where asked for, what the optimizer keeps
  std::int64_t each = 1;   ///< what one more picture or sequence adds
  std::int64_t of(std::int64_t batch) const { return fixed + batch * each; }
  /// The largest batch within so many bytes; 0: none.
  std::int64_t fitting(std::int64_t bytes) const { return bytes < fixed ? 0 : (bytes - fixed) / each; }
};

/// Measured on the CPU, by steps of two and of four pictures of a model of the same kind. `kept`: numbers per weight
/// beside weight and gradient, such as AdamW's two and an average's one. A GPU's peak is this and the workspaces of its
/// libraries. `device`: where those steps shall run; detectors' losses differ. Draws random numbers: seed again
/// afterwards.
TrainingMemory step_memory(const ModelEntry& entry, const ModelOptions& options, std::int64_t kept, Device device);

/// Bytes of the device that a step may take: what is free and what arrays of this process hold already.
std::int64_t step_room(Device device);

/// The largest power of two, at most 64 (on a GPU 1024), with which a step takes half of the free memory at most (of a
/// GPU's nine tenths) and an epoch of `pictures` has ten steps; at least 2. Ranks that each have a GPU share the batch.
std::int64_t fitting_batch(const ModelEntry& entry, std::int64_t classes, std::int64_t size, std::int64_t pictures,
                           Device device, int ranks = 1);

/// Watches over the memory of steps on a GPU; on the CPU it does nothing.
class MemoryWatch {
 public:
  /// `batch`: of all ranks together.
  MemoryWatch(const ModelEntry& entry, const ModelOptions& options, std::int64_t kept, std::int64_t batch,
              Device device, int ranks = 1);
  const TrainingMemory& expected() const noexcept { return expected_; }
  /// What to say before the first step: that memory will probably not do; "": it will.
  std::string warning() const;
  /// From now on blocks have names.
  void begin(const std::vector<Field>& fields);
  void name(const std::string& name, const Array& array);
  /// Throws `error` again, with a batch that fits where the GPU's memory was too small.
  [[noreturn]] void explain(const EnvironmentError& error) const;

 private:
  std::int64_t share() const { return (batch_ + ranks_ - 1) / ranks_; }

  Device device_;
  std::int64_t batch_, ranks_;
  TrainingMemory expected_{};
  std::unique_ptr<BlockNames> names_{};
};

}  // namespace joist
