// Threads that fill batches ahead of the one who uses them.
//
// The batches of an epoch go round through a few slots. Threads take up their items one after the other, in order; the
// consumer gets the batches in order, each when all its items are done. Which thread fills an item is left to chance,
// what it fills in must not depend on that.
#pragma once

#include <joist/data/loader/options.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace joist {

class BatchRing {
 public:
  /// One sample of one batch.
  struct Item {
    int slot;            ///< where the batch lies
    int index;           ///< in this process's part of the batch
    std::size_t sample;  ///< in the data set
    std::uint32_t epoch;
    int worker;  ///< 0 … workers() - 1; no two items of one worker at the same time
  };
  using Fill = std::function<void(const Item&)>;

  /// A finished batch. slot < 0: the epoch is over.
  struct Ready {
    int slot = -1;
    int items = 0;
    std::int64_t step = 0;
    int whole = 0;  ///< items of the whole batch, of which `items` are this process's
  };

  /// Starts the threads; they wait for start(). Throws UsageError for options, EnvironmentError if a thread cannot be
  /// had.
  BatchRing(const LoaderOptions& options, std::size_t samples, Fill fill);
  ~BatchRing();
  BatchRing(const BatchRing&) = delete;
  BatchRing& operator=(const BatchRing&) = delete;

  int slots() const noexcept { return static_cast<int>(slots_.size()); }
  int workers() const noexcept { return workers_; }
  /// Most items of this process's part of a batch, at least 1; fewer than asked for where the data set is smaller.
  int batch() const noexcept { return most_; }
  std::int64_t steps() const noexcept { return steps_; }

  /// Leaves what it is doing, waits until no item is being filled, and goes to a step of an epoch. `prepare` runs then,
  /// when no thread looks at what Fill reads.
  void start(std::int64_t epoch, std::int64_t step, const std::function<void()>& prepare = {});
  /// Gives the last batch's slot back and waits for the next batch. Rethrows what Fill threw for the first item of that
  /// batch that failed, again and again until start().
  Ready next();
  double wait_seconds() const noexcept { return wait_seconds_; }
  std::int64_t delivered() const noexcept { return delivered_; }

 private:
  struct Slot {
    int claimed = 0, running = 0, done = 0;
    int failed = -1;  // first item that failed
    std::exception_ptr error{};
  };

  std::int64_t whole(std::int64_t step) const noexcept;
  int items(std::int64_t step) const noexcept;
  Slot& slot_of(std::int64_t step) {
    return slots_[static_cast<std::size_t>(step % static_cast<std::int64_t>(slots_.size()))];
  }
  void draw_order();
  Item item(std::int64_t step, int index, int worker) const;
  bool can_claim() noexcept;
  void work(int worker);
  void stop() noexcept;

  const Fill fill_;
  const bool shuffle_, drop_last_;
  const std::uint64_t seed_;
  const std::size_t samples_;
  const std::vector<float> weights_;
  const BatchPart part_;
  int batch_ = 0, most_ = 0, workers_ = 0;
  std::int64_t steps_ = 0;

  std::mutex mutex_;
  std::condition_variable work_, ready_;
  // Below: guarded by the mutex, but for order_ and epoch_, which change only while nothing runs.
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> order_{};
  std::uint32_t epoch_ = 0;
  std::int64_t next_claim_ = 0;  // batch whose items are being handed to threads
  std::int64_t head_ = 0;        // batch that the consumer gets next, or holds
  bool is_held_ = false;         // the consumer has batch head_
  bool has_failed_ = false;
  bool is_stopping_ = false;
  int running_ = 0;
  std::vector<std::thread> threads_{};

  double wait_seconds_ = 0;  // these two: consumer only
  std::int64_t delivered_ = 0;
};

}  // namespace joist
