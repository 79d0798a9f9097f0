// Runs in processes of their own: nothing that one does reaches another, and a crash is one run's crash.
#pragma once

#include <joist/tools/lab/job.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace joist::lab {

/// Results of runs in a folder, a pair of small files each, written wholly or not at all: KEY.json and KEY.time.json.
class RunStore {
 public:
  explicit RunStore(std::string folder);
  /// An empty result where the run is not there yet, or its file is not of this job.
  Outcome read(const Job& job) const;
  void write(const Job& job, const Outcome& outcome) const;
  /// Where a run under way keeps its state.
  std::string snapshot(const Job& job) const { return path(job, ".part"); }
  const std::string& folder() const noexcept { return folder_; }

 private:
  std::string path(const Job& job, const char* end) const;
  std::string folder_;
};

struct WorkerOptions {
  std::int64_t processes = 1, threads = 1;
  /// Told after each run that was not there yet: how many are done of all that were to do.
  std::function<void(std::int64_t done, std::int64_t all, const Job&)> progress{};
  /// The program and its first arguments; empty: this program with "lab", "work".
  std::vector<std::string> command{};
};

/// Does what is not in the store yet. Returns the signal that ended it (Ctrl-C, SIGTERM), or 0. Throws what a run
/// threw, and InternalError for a process that ended before its time.
int run_jobs(const std::vector<Job>& jobs, const RunStore& store, const WorkerOptions& options);

/// The other side: jobs from standard input, a line each, until it ends.
int work(const std::string& folder, std::int64_t threads);

}  // namespace joist::lab
