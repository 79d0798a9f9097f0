// Ranks that train together exchange data through a Communicator. Every call returns at once with a Work; the data must
// stay untouched until its wait() has returned. All ranks call the same collectives in the same order, from one thread.
//
//   auto works = … each bucket: world.all_reduce("bucket 3: layer4", gradients.sliced(0, begin, end));
//   for (Work& work : works) work.wait();          // throws CommunicatorError when a rank is gone or late
#pragma once

#include <joist/core/array.h>
#include <joist/core/parallel/collective.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace joist::parallel {

/// Ranks have lost each other: one died, is stuck, is late, or asked for something else than the others. The message
/// names the rank, the collective and what the rank was doing. Exit code 4, like every refusal of the machine.
struct CommunicatorError : EnvironmentError {
  using EnvironmentError::EnvironmentError;
};

/// A collective on its way. Copies are the same one; dropping it does not cancel it.
class Work {
 public:
  Work() = default;  ///< done
  explicit Work(std::shared_ptr<Collective> collective) : collective_(std::move(collective)) {}

  /// Blocks until the data may be used. Throws CommunicatorError when the collective failed; the data is then
  /// undefined.
  void wait() {
    if (collective_) collective_->wait();
  }
  /// Whether wait() would return (or throw) at once.
  bool done() const noexcept { return !collective_ || collective_->done(); }

 private:
  std::shared_ptr<Collective> collective_{};
};

/// Arrays are on the host (NCCL: on its GPU) and lie without gaps in one block; the elements are taken as they lie in
/// memory. Reductions take float32, float64, int64, int32, int8 and uint8 (sums wrap); everything else takes any type.
/// Reduced elements are bit-identical on every rank. Wrong arguments throw UsageError, ShapeError or DtypeError before
/// anything is sent; `name` says what the data is and comes back in messages.
class Communicator {
 public:
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  virtual int rank() const noexcept = 0;
  virtual int size() const noexcept = 0;
  /// "threads", "tcp", "mpi", … for people.
  virtual std::string transport() const = 0;

  /// Every rank's `data` becomes the reduction of all, in place.
  Work all_reduce(std::string name, const Array& data, Reduce reduce = Reduce::sum);
  /// `data` [n] is the same length on all ranks; afterwards this rank's part holds the reduction of that part of all,
  /// and the rest of `data` is undefined. Rank r's part is elements [bounds[r], bounds[r + 1]); without bounds, n /
  /// size each (ShapeError when that is not whole). Empty parts are legal.
  Work reduce_scatter(std::string name, const Array& data, Reduce reduce = Reduce::sum,
                      std::vector<std::int64_t> bounds = {});
  /// The inverse: each rank's part of `data` is sent to all others, in place. Bounds as above.
  Work all_gather(std::string name, const Array& data, std::vector<std::int64_t> bounds = {});
  /// The root's `data` is copied to all others.
  Work broadcast(std::string name, const Array& data, int root = 0);
  /// A message to one rank, which calls receive() with as many bytes; messages between two ranks keep their order. Both
  /// progress by themselves beside the collectives, so that two ranks may send to each other at once.
  Work send(std::string name, const Array& data, int to);
  Work receive(std::string name, const Array& data, int from);
  /// Done when every rank has called it.
  Work barrier(std::string name);

  /// Throws the error when the communicator was aborted, by this rank or another one; cheap, meant for every step.
  void poll();
  /// Ends all ranks' collectives, those on their way and those to come, with a CommunicatorError that gives the reason.
  virtual void abort(const std::string& reason) = 0;
  virtual bool aborted() const noexcept = 0;

  /// How long a collective may take from its call on; 120 s at first. Long sections of rank 0 do not count.
  virtual void set_timeout(std::chrono::milliseconds timeout) noexcept { timeout_ms_ = timeout.count(); }
  std::chrono::milliseconds timeout() const noexcept { return std::chrono::milliseconds(timeout_ms_.load()); }

  /// What this rank does between collectives ("loading pictures"); a diagnosis at the other ranks repeats it.
  virtual void doing(const std::string& what);
  /// For LongSection.
  virtual void begin_long_section(const std::string& what);
  virtual void end_long_section();
  /// The last 1,000 collectives of this rank.
  const std::shared_ptr<FlightRecorder>& recorder() const noexcept { return recorder_; }

  /// For wrappers and implementations: carries out one collective whose arguments were checked. Never blocks on peers.
  virtual void submit(std::shared_ptr<Collective> collective) = 0;

 protected:
  Communicator();
  /// For wrappers, which share the recorder of what they wrap.
  explicit Communicator(std::shared_ptr<FlightRecorder> recorder) : recorder_(std::move(recorder)) {}
  /// Throws what aborted the communicator.
  virtual void throw_if_aborted() = 0;

 private:
  Work issue(Collective::Kind kind, std::string name, const Array& data, Reduce reduce, int peer,
             std::vector<std::int64_t> bounds);

  std::shared_ptr<FlightRecorder> recorder_;
  std::atomic<std::int64_t> timeout_ms_{120'000};
  std::uint64_t calls_ = 0;
};

/// A section in which only this rank works (evaluation, saving): while it lasts and this rank's heart beats, the other
/// ranks' collectives do not time out.
class LongSection {
 public:
  LongSection(Communicator& communicator, const std::string& what) : communicator_(communicator) {
    communicator_.begin_long_section(what);
  }
  ~LongSection() { communicator_.end_long_section(); }
  LongSection(const LongSection&) = delete;
  LongSection& operator=(const LongSection&) = delete;

 private:
  Communicator& communicator_;
};

/// The only rank of a world of one. Everything is done at once; send and receive are a UsageError.
std::unique_ptr<Communicator> self_communicator();

/// `size` ranks for the threads of one process; element r belongs to rank r. Throws UsageError below 1.
std::vector<std::unique_ptr<Communicator>> thread_communicators(int size);

// --- for small things: these wait ---

/// The reduction of one number over all ranks.
double reduced(Communicator& communicator, const std::string& name, double value, Reduce reduce = Reduce::sum);
/// Every rank's text, on every rank.
std::vector<std::string> gathered_text(Communicator& communicator, const std::string& name, const std::string& text);
/// The root's text, on every rank.
std::string broadcast_text(Communicator& communicator, const std::string& name, const std::string& text, int root = 0);

}  // namespace joist::parallel
