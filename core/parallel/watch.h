// The supervision of a job, outside of its collectives: every rank holds one connection to rank 0. Heartbeats with the
// state of each rank's flight recorder, time-outs, and one diagnosis that reaches every rank when something is wrong.
// One thread per rank. The transport of the data (TCP, MPI, NCCL) does not matter.
#pragma once

#include <joist/core/formats/system_error.h>
#include <joist/core/parallel/diagnosis.h>
#include <joist/core/parallel/recorder.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace joist::parallel {

struct WatchOptions {
  int rank = 0;
  int size = 1;
  /// Rank 0: one connected stream socket per rank, its own place empty. Others: one, to rank 0.
  std::vector<Descriptor> links{};
  std::shared_ptr<FlightRecorder> recorder{};
  std::function<std::chrono::milliseconds()> timeout{};
  /// Called once, from the watch's thread, when the job cannot go on.
  std::function<void(const std::string& diagnosis)> failed{};
};

class Watch {
 public:
  explicit Watch(WatchOptions options);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  /// Says goodbye, so that the others know that this rank did not die.
  ~Watch();

  /// Something is wrong; the diagnosis comes through `failed`, here and on the other ranks. Any thread.
  void report(const Trouble& trouble);
  /// Compares this call with the others' at rank 0: a debug aid that finds mismatches before data is exchanged.
  void compare(const Collective& collective);
  /// Ends without a word, as a killed process does. For tests.
  void sever();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist::parallel
