// The folder that a run writes to.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace joist {

class RunFolder {
 public:
  /// Throws UsageError for an empty name.
  explicit RunFolder(const std::string& path);

  std::filesystem::path best() const { return path_ / "best.h5"; }
  std::filesystem::path last() const { return path_ / "last.h5"; }
  std::filesystem::path log() const { return path_ / "log.csv"; }
  std::filesystem::path metrics() const { return path_ / "metrics.json"; }
  std::filesystem::path report() const { return path_ / "report.html"; }
  std::filesystem::path evaluation() const { return path_ / "evaluation.json"; }
  std::filesystem::path configuration() const { return path_ / "config.toml"; }
  std::filesystem::path labels() const { return path_ / "labels.json"; }
  const std::filesystem::path& path() const noexcept { return path_; }

  /// Whether a run stands here that can be resumed.
  bool has_run() const;
  /// Throws EnvironmentError where nothing can be written: below a file, in a folder without the right. Writes nothing
  /// itself.
  void require_writable() const;
  /// Keeps other trainings out of the folder while this object or a copy of it lives; what a killed process held is
  /// free. Does nothing where the folder does not exist yet: begin() then holds it. Throws UsageError where another
  /// training runs there. File systems without locks (flock) hold nobody back.
  void hold();
  /// Makes and holds the folder and removes what killed runs left unfinished. Without `resume`, files of an earlier run
  /// are moved to "earlier-1" (2, 3, …) below it; returns that folder, else an empty path.
  std::filesystem::path begin(bool resume);
  /// Takes the folder away again if begin() made it and nothing was written.
  void undo() noexcept;

 private:
  class Lock;

  std::filesystem::path path_;
  bool made_ = false;
  std::shared_ptr<const Lock> lock_{};
};

}  // namespace joist
