// Writes what a run leaves: checkpoints, log, metrics, configuration. Also decides when a save inside an epoch is due.
#pragma once

#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/run_folder.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace joist {

/// When to save inside an epoch.
struct SaveEvery {
  std::int64_t steps = 0;  ///< 0: not by steps
  double seconds = 0;      ///< 0: not by time
  /// "50" (steps), "2m" (a length of time), "0". Throws UsageError.
  static SaveEvery parse(const std::string& text);
};

class RunWriter {
 public:
  /// `writes`: false for ranks beside the first one, whose files stay unwritten.
  RunWriter(RunFolder folder, Console& console, const SaveEvery& every, bool writes = true);

  const RunFolder& folder() const noexcept { return folder_; }
  /// Makes the folder. A new run writes its first checkpoint and tables now: that this disk takes them is better known
  /// at once than after an hour. Throws EnvironmentError and leaves nothing if it does not.
  void begin(const Checkpoint& first, bool resumed);
  /// What the label doctor found, written by begin() as labels.json.
  void set_label_check(std::string json) { label_check_ = std::move(json); }
  /// last.h5. Throws EnvironmentError if the disk refuses and the save is `required`; else warns, and a later save
  /// tries again.
  void last(const Checkpoint& checkpoint, bool required);
  /// best.h5. False, with a warning, if the disk refuses.
  bool best(const Checkpoint& checkpoint);
  /// log.csv, metrics.json and config.toml.
  void tables(const TrainingState& state);

  bool is_due(std::int64_t step) const;
  /// How long the last save of last.h5 took.
  double save_seconds() const noexcept { return save_seconds_; }

 private:
  using Clock = std::chrono::steady_clock;

  RunFolder folder_;
  Console& console_;
  SaveEvery every_;
  bool writes_;
  std::string label_check_{};
  std::int64_t saved_step_ = 0;
  Clock::time_point saved_at_{};
  double save_seconds_ = 0;
};

}  // namespace joist
