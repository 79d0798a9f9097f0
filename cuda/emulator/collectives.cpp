// The recording fake of NCCL: ranks are threads of this process that share the emulated GPU, each with a stream of its
// own. Every rank's call takes its part of the data when its turn in its stream comes, and writes the result when those
// of all ranks came. It refuses calls that do not fit each other and memory that is not the GPU's.
#include <joist/core/error.h>
#include <joist/core/parallel/reduction.h>
#include <joist/cuda/collectives.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/streams.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace joist::cuda {
namespace {

using emulator::DeviceMemory;
using Kind = CollectiveCall::Kind;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::all_reduce: return "all_reduce";
    case Kind::reduce: return "reduce";
    case Kind::reduce_scatter: return "reduce_scatter";
    case Kind::all_gather: return "all_gather";
    case Kind::broadcast: return "broadcast";
  }
  return "?";
}
std::string text_of(const CollectiveCall& call) {
  return std::string(name_of(call.kind)) + " of " + std::to_string(call.count) + " " +
         std::string(name_of(call.dtype)) + ", " + name_of(call.reduce) + ", root " + std::to_string(call.root);
}

/// One collective of all ranks.
struct Round {
  CollectiveCall first{};
  int first_rank = 0;
  std::atomic<int> arrived{0};
  std::vector<std::vector<char>> given{};
};
/// The ranks that share an id.
struct Meeting {
  std::mutex mutex{};
  int size = 0, joined = 0;
  std::string trouble{};
  std::map<std::uint64_t, std::shared_ptr<Round>> rounds{};
};
std::shared_ptr<Meeting> meeting_of(const std::string& id) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<Meeting>> meetings;
  const std::lock_guard lock(mutex);
  auto& meeting = meetings[id];
  if (!meeting) meeting = std::make_shared<Meeting>();
  return meeting;
}

class RecordedCollectives final : public Collectives {
 public:
  RecordedCollectives(const std::string& id, int rank, int size)
      : meeting_(meeting_of(id)), rank_(rank), size_(size), aborted_(std::make_shared<std::atomic<bool>>(false)) {
    const std::lock_guard lock(meeting_->mutex);
    meeting_->size = size;
    ++meeting_->joined;
  }
  bool ready() override {
    const std::lock_guard lock(meeting_->mutex);
    return meeting_->joined >= meeting_->size;
  }
  std::string error() override {
    const std::lock_guard lock(meeting_->mutex);
    return meeting_->trouble;
  }
  void run(std::span<const CollectiveCall> calls, void* stream) override {
    for (const CollectiveCall& call : calls) {
      require_memory(call);
      const std::shared_ptr<Round> round = round_of(call);
      emulator::enqueue(stream, name_of(call.kind),
                        [this_rank = rank_, ranks = size_, call, round] { take(call, this_rank, ranks, *round); });
      emulator::enqueue_when(
          stream, name_of(call.kind),
          [round, ranks = size_, aborted = aborted_] { return *aborted || round->arrived == ranks; },
          [this_rank = rank_, ranks = size_, call, round, aborted = aborted_] {
            if (!*aborted) give(call, this_rank, ranks, *round);
          });
    }
  }
  void abort() noexcept override { *aborted_ = true; }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw InternalError({.where = "emulated NCCL, rank " + std::to_string(rank_), .what = what});
  }
  void require_memory(const CollectiveCall& call) const {
    const auto bytes = static_cast<std::size_t>(call.reach(size_)) * size_of(call.dtype);
    if (DeviceMemory::inside(call.data) == call.data || !DeviceMemory::instance().holds(call.data, bytes))
      refuse(text_of(call) + " of memory that the GPU does not have");
  }
  std::shared_ptr<Round> round_of(const CollectiveCall& call) {
    emulator::count_call(name_of(call.kind));
    const std::lock_guard lock(meeting_->mutex);
    auto& round = meeting_->rounds[++calls_];
    if (!round) {
      round = std::make_shared<Round>();
      round->first = call;
      round->first_rank = rank_;
      round->given.resize(static_cast<std::size_t>(size_));
      meeting_->rounds.erase(meeting_->rounds.begin(), meeting_->rounds.lower_bound(calls_ > 1000 ? calls_ - 1000 : 0));
    }
    const CollectiveCall& first = round->first;
    const bool fits = first.kind == call.kind && first.count == call.count && first.dtype == call.dtype &&
                      first.reduce == call.reduce && first.root == call.root;
    if (!fits) {
      meeting_->trouble = "call " + std::to_string(calls_) + " of rank " + std::to_string(rank_) + " is " +
                          text_of(call) + ", that of rank " + std::to_string(round->first_rank) + " " + text_of(first);
      refuse(meeting_->trouble);
    }
    return round;
  }

  // Bytes that this rank gives, or gets, from `begin` of the data on.
  struct Bytes {
    char* begin;
    std::size_t count;
  };
  static Bytes part(const CollectiveCall& call, int from, int count) {
    const std::size_t each = static_cast<std::size_t>(call.count) * size_of(call.dtype);
    return {DeviceMemory::inside(call.data) + static_cast<std::size_t>(from) * each,
            static_cast<std::size_t>(count) * each};
  }
  static void touch(const Bytes& bytes, bool writes) {
    if (!emulator::running_late()) return;
    for (std::size_t i = 0; i < bytes.count; ++i) emulator::touch(bytes.begin + i, writes);
  }
  static void take(const CollectiveCall& call, int rank, int ranks, Round& round) {
    Bytes own = part(call, 0, call.kind == Kind::reduce_scatter ? ranks : 1);
    if (call.kind == Kind::all_gather) own = part(call, rank, 1);
    if (call.kind == Kind::broadcast && rank != call.root) own.count = 0;
    touch(own, false);
    round.given[static_cast<std::size_t>(rank)].assign(own.begin, own.begin + own.count);
    ++round.arrived;
  }
  static void give(const CollectiveCall& call, int rank, int ranks, const Round& round) {
    const auto write = [](const Bytes& to, const char* from) {
      touch(to, true);
      std::memcpy(to.begin, from, to.count);
    };
    if (call.kind == Kind::broadcast)
      return write(part(call, 0, 1), round.given[static_cast<std::size_t>(call.root)].data());
    if (call.kind == Kind::all_gather) {
      for (int r = 0; r < ranks; ++r) write(part(call, r, 1), round.given[static_cast<std::size_t>(r)].data());
      return;
    }
    if (call.kind == Kind::reduce && rank != call.root) {  // undefined
      const std::vector<char> nothing(part(call, 0, 1).count, 0x7E);
      return write(part(call, 0, 1), nothing.data());
    }
    std::vector<char> total = round.given[0];
    for (std::size_t r = 1; r < round.given.size(); ++r)
      parallel::reduce_into(total.data(), round.given[r].data(),
                            static_cast<std::int64_t>(total.size() / size_of(call.dtype)), call.dtype, call.reduce);
    if (call.kind != Kind::reduce_scatter) return write(part(call, 0, 1), total.data());
    const Bytes own = part(call, rank, 1);
    const std::vector<char> nothing(part(call, 0, ranks).count, 0x7E);
    write(part(call, 0, ranks), nothing.data());
    write(own, total.data() + (own.begin - part(call, 0, 1).begin));
  }

  std::shared_ptr<Meeting> meeting_;
  int rank_, size_;
  std::uint64_t calls_ = 0;
  std::shared_ptr<std::atomic<bool>> aborted_;
};

}  // namespace

std::string make_collectives_id() {
  static std::atomic<int> number{0};
  return "meeting " + std::to_string(++number);
}
std::unique_ptr<Collectives> begin_collectives(const std::string& id, int rank, int size, std::function<bool()>) {
  return std::make_unique<RecordedCollectives>(id, rank, size);
}

}  // namespace joist::cuda
