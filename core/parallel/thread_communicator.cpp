#include <joist/core/parallel/communicator.h>
#include <joist/core/parallel/reduction.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>

namespace joist::parallel {
namespace {

using Kind = Collective::Kind;
using Handle = std::shared_ptr<Collective>;

std::byte* at(const Handle& handle, std::int64_t element) {
  return static_cast<std::byte*>(handle->data.raw()) +
         static_cast<std::size_t>(element) * size_of(handle->data.dtype());
}
std::size_t part_bytes(const Handle& handle, std::size_t rank) {
  return static_cast<std::size_t>(handle->bounds[rank + 1] - handle->bounds[rank]) * size_of(handle->data.dtype());
}

// What the threads share: the last rank that calls a collective carries it out for all.
class Meeting {
 public:
  explicit Meeting(int size) : size_(static_cast<std::size_t>(size)) {}
  int size() const noexcept { return static_cast<int>(size_); }

  void join(std::size_t rank, const Handle& handle) {
    const std::lock_guard lock(mutex_);
    if (aborted_) return handle->finish(failure());
    if (handle->kind == Kind::send || handle->kind == Kind::receive) return message(rank, handle);
    std::vector<Handle>& group = groups_[handle->sequence];
    if (group.empty()) group.resize(size_);
    group[rank] = handle;
    for (const Handle& one : group)
      if (!one) return;
    if (agree(group)) {
      perform(group);
      for (const Handle& one : group) one->finish();
    } else {
      stop("the ranks called different collectives as #" + std::to_string(handle->sequence));
    }
    groups_.erase(handle->sequence);
  }

  void abort(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    stop(reason);
  }
  bool aborted() const noexcept { return aborted_; }
  std::exception_ptr failure_now() {
    const std::lock_guard lock(mutex_);
    return failure();
  }

 private:
  std::exception_ptr failure() const {
    return std::make_exception_ptr(
        CommunicatorError({.where = "ranks of this process", .what = "aborted: " + reason_}));
  }
  void stop(const std::string& reason) {
    if (aborted_) return;
    reason_ = reason;
    aborted_ = true;
    for (const auto& [sequence, group] : groups_)
      for (const Handle& one : group)
        if (one) one->finish(failure());
    for (const auto& [pair, queue] : messages_)
      for (const Handle& one : queue) one->finish(failure());
  }

  static bool agree(const std::vector<Handle>& group) {
    for (const Handle& one : group)
      if (one->kind != group[0]->kind || one->reduce != group[0]->reduce || one->peer != group[0]->peer ||
          one->bounds != group[0]->bounds ||
          (one->kind != Kind::barrier &&
           (one->data.bytes() != group[0]->data.bytes() || one->data.dtype() != group[0]->data.dtype())))
        return false;
    return true;
  }

  void perform(const std::vector<Handle>& group) const {
    const Handle& first = group[0];
    switch (first->kind) {
      case Kind::all_reduce:
      case Kind::reduce_scatter:
        for (std::size_t r = 1; r < size_; ++r)
          reduce_into(first->data.raw(), group[r]->data.raw(), first->data.elements(), first->data.dtype(),
                      first->reduce);
        for (std::size_t r = 1; r < size_; ++r) {
          if (first->kind == Kind::all_reduce) {
            std::memcpy(group[r]->data.raw(), first->data.raw(), first->data.bytes());
          } else {
            std::memcpy(at(group[r], first->bounds[r]), at(first, first->bounds[r]), part_bytes(first, r));
          }
        }
        return;
      case Kind::all_gather:
        for (std::size_t r = 0; r < size_; ++r)
          for (std::size_t to = 0; to < size_; ++to)
            if (to != r)
              std::memcpy(at(group[to], first->bounds[r]), at(group[r], first->bounds[r]), part_bytes(first, r));
        return;
      case Kind::broadcast:
        for (std::size_t r = 0; r < size_; ++r)
          if (r != static_cast<std::size_t>(first->peer))
            std::memcpy(group[r]->data.raw(), group[static_cast<std::size_t>(first->peer)]->data.raw(),
                        first->data.bytes());
        return;
      default: return;
    }
  }

  void message(std::size_t rank, const Handle& handle) {
    const auto peer = static_cast<std::size_t>(handle->peer);
    const bool sends = handle->kind == Kind::send;
    auto& queue = messages_[sends ? std::pair(rank, peer) : std::pair(peer, rank)];
    if (queue.empty() || queue.front()->kind == handle->kind) return queue.push_back(handle);
    const Handle other = queue.front();
    queue.pop_front();
    if (other->data.bytes() != handle->data.bytes())
      return stop("a message of " + std::to_string((sends ? handle : other)->data.bytes()) + " bytes (" +
                  (sends ? handle : other)->name + ") met a receive of " +
                  std::to_string((sends ? other : handle)->data.bytes()));
    std::memcpy((sends ? other : handle)->data.raw(), (sends ? handle : other)->data.raw(), handle->data.bytes());
    other->finish();
    handle->finish();
  }

  std::size_t size_;
  std::mutex mutex_{};
  std::atomic<bool> aborted_{false};
  std::string reason_{};
  std::map<std::uint64_t, std::vector<Handle>> groups_{};
  std::map<std::pair<std::size_t, std::size_t>, std::deque<Handle>> messages_{};
};

class ThreadCommunicator : public Communicator {
 public:
  ThreadCommunicator(int rank, std::shared_ptr<Meeting> meeting) : rank_(rank), meeting_(std::move(meeting)) {}
  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return meeting_->size(); }
  std::string transport() const override { return "threads"; }
  void submit(std::shared_ptr<Collective> collective) override {
    meeting_->join(static_cast<std::size_t>(rank_), collective);
  }
  void abort(const std::string& reason) override { meeting_->abort("rank " + std::to_string(rank_) + ": " + reason); }
  bool aborted() const noexcept override { return meeting_->aborted(); }

 protected:
  void throw_if_aborted() override {
    if (meeting_->aborted()) std::rethrow_exception(meeting_->failure_now());
  }

 private:
  int rank_;
  std::shared_ptr<Meeting> meeting_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> thread_communicators(int size) {
  if (size < 1) throw UsageError({.where = "ranks", .what = std::to_string(size) + " ranks", .expected = "at least 1"});
  const auto meeting = std::make_shared<Meeting>(size);
  std::vector<std::unique_ptr<Communicator>> ranks;
  for (int r = 0; r < size; ++r) ranks.push_back(std::make_unique<ThreadCommunicator>(r, meeting));
  return ranks;
}

}  // namespace joist::parallel
