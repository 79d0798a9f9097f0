// Gradual unfreezing: parts of a model that stay as they are until a part of the run is over.
#pragma once

#include <joist/core/fields.h>
#include <joist/optim/optimizer.h>
#include <joist/tools/training/plan.h>
#include <joist/tools/training/rates.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// Waiting parameters have their place among the flat parameters and in the optimizer's memory from the beginning, but
/// require no gradient (backward stops before them, clipping does not see them) and are not touched by the optimizer.
/// Statistics of normalizations beside them come back after each step. When they begin, the optimizer takes its memory
/// of them for new: GroupSettings::since.
class LateParts {
 public:
  /// Makes what --unfreeze names require gradients, until hold(). Throws UsageError.
  LateParts(const std::string& unfreeze, std::span<const Field> fields);

  bool empty() const noexcept { return stages_.empty(); }
  /// Whether the field is one of these parts, or statistics of one.
  bool holds(const Field& field) const;
  /// Once the flat parameters are made. Throws UsageError where the optimizer cannot, or where nothing else learns.
  void hold(Optimizer& optimizer);

  /// Lets those begin whose share of the run is over. Returns a line for each.
  std::vector<std::string> begin(double progress, Optimizer& optimizer);
  /// Remembers the statistics as they are now, for restore().
  void keep_buffers();
  void restore_buffers();

  /// The optimizer's steps at which each part began; -1: waits.
  std::vector<std::int64_t> state() const;
  /// Throws DataError for that of another list.
  void load(const std::vector<std::int64_t>& state, Optimizer& optimizer);

 private:
  struct Stage {
    std::string pattern;
    double share = 0;
    std::vector<Tensor> parameters{};
    std::vector<Field> buffers{};
    std::vector<Array> kept{};
    std::int64_t since = GroupSettings::never;
    bool waits() const { return since == GroupSettings::never; }
  };
  static void set(Stage& stage, std::int64_t since, Optimizer& optimizer);

  std::vector<Stage> stages_{};
};

/// The statistics of normalizations beside parameters of these names.
std::vector<Field> buffers_beside(std::span<const Field> fields, const std::vector<std::string>& parameters);

}  // namespace joist
