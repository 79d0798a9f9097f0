// The ranks that train one model together, as the training loop sees them; one process alone is a team, too.
#pragma once

#include <joist/core/parallel/communicator.h>
#include <joist/data/loader/options.h>
#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/options.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace joist {

/// Rank 0 decides, evaluates and writes; what it decides holds for all, so that every rank goes the same way through
/// the loop. All functions but the plain questions are collective: every rank calls them in the same order.
class Team {
 public:
  /// One process alone.
  Team();
  explicit Team(parallel::Communicator& world);
  explicit Team(std::unique_ptr<parallel::Communicator> world);
  ~Team();
  /// Arrays on the ranks' GPUs are exchanged from now on, too (gpu_communicator()); the world is another one then, and
  /// must be the team's own. Throws what gpu_communicator() does; this rank is then alone.
  void use_gpus();

  parallel::Communicator& world() const noexcept { return *world_; }
  int rank() const noexcept { return world_->rank(); }
  int size() const noexcept { return world_->size(); }
  /// Whether this rank decides, evaluates and writes.
  bool leads() const noexcept { return rank() == 0; }
  /// Threads for this rank where nobody said how many: the machine's cores, divided among the ranks on it. 0: as one
  /// process alone would choose (OMP_NUM_THREADS, or the cores that the launcher bound this rank to).
  std::int64_t fair_threads() const;
  /// The part of every batch that this rank loads.
  BatchPart part(const TrainOptions& options) const;

  /// The signal that came on any rank, or 0.
  int signal() const;
  /// Rank 0's number or text.
  double decided(const char* what, double own) const;
  std::string decided(const char* what, const std::string& own) const;
  /// What work() gave on rank 0, while the others wait as long as it takes.
  template <class Work>
  double lead(const std::string& what, const Work& work) const {
    double result = 0;
    if (leads()) {
      const parallel::LongSection section(*world_, what);
      result = static_cast<double>(work());
    }
    return decided(what.c_str(), result);
  }
  /// Rank 0's checkpoint, on every rank; nothing where it has none.
  std::optional<Checkpoint> shared(std::optional<Checkpoint> own) const;
  /// Throws DataError that names a rank whose text is another one.
  void require_same(const std::string& what, const std::string& own, const std::string& remedy) const;

 private:
  std::unique_ptr<parallel::Communicator> own_;
  parallel::Communicator* world_;
};

/// Parts that `--deterministic=world-size` divides a batch into; 0: another mode.
std::int64_t micro_shards(const TrainOptions& options);

}  // namespace joist
