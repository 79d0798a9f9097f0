// One collective or message on its way: what was asked for, how far it is, and how it ended.
#pragma once

#include <joist/core/array.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace joist::parallel {

class FlightRecorder;

/// How the ranks' elements become one.
enum class Reduce : std::uint8_t { sum, max, min };

using Clock = std::chrono::steady_clock;

/// A communicator's part below the public functions: `Communicator` fills it, an implementation carries it out.
struct Collective {
  enum class Kind : std::uint8_t { all_reduce, reduce_scatter, all_gather, broadcast, barrier, send, receive };

  Kind kind = Kind::barrier;
  Reduce reduce = Reduce::sum;
  int peer = 0;                ///< broadcast: the root; send, receive: the other rank
  std::uint64_t sequence = 0;  ///< collectives count from 1 in the order of their calls, the same on every rank
  std::string name{};          ///< what the data is, for people: "bucket 3: layer4"
  Array data{};
  /// reduce_scatter, all_gather: rank r's part is elements [bounds[r], bounds[r + 1]) of the data.
  std::vector<std::int64_t> bounds{};

  Clock::time_point called{};
  std::shared_ptr<FlightRecorder> recorder{};
  std::uint64_t ticket = 0;  ///< the recorder's

  /// Tells the recorder that it is being carried out.
  void start() noexcept;
  /// Marks it done, or failed with `error`; only the first call counts.
  void finish(std::exception_ptr error = nullptr) noexcept;
  bool done() const noexcept { return finished_.load(std::memory_order_acquire); }
  /// Blocks until done() and throws the error that it failed with.
  void wait();
  /// Threads that are blocked in wait() now.
  int waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::exception_ptr error_{};
  std::atomic<bool> finished_{false};
  std::atomic<int> waiting_{0};
};

/// "all_reduce", "reduce_scatter", …
const char* name_of(Collective::Kind kind) noexcept;
/// "sum", "max", "min".
const char* name_of(Reduce reduce) noexcept;

}  // namespace joist::parallel
