// Collectives by NCCL, with communicators that do not block: what is in progress is asked about until it is taken, or
// until the job has ended otherwise.
#include <joist/core/error.h>
#include <joist/cuda/collectives.h>
#include <joist/cuda/device/library.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <nccl.h>

namespace joist::cuda {
namespace {

#define JOIST_NCCL(f)                                                                                           \
  f(ncclGetUniqueId) f(ncclCommInitRankConfig) f(ncclCommGetAsyncError) f(ncclCommAbort) f(ncclCommDestroy)     \
      f(ncclCommFinalize) f(ncclAllReduce) f(ncclReduce) f(ncclReduceScatter) f(ncclAllGather) f(ncclBroadcast) \
          f(ncclGroupStart) f(ncclGroupEnd) f(ncclGetErrorString) f(ncclGetLastError)

struct Functions {
#define JOIST_MEMBER(name) decltype(&::name) name = nullptr;
  JOIST_NCCL(JOIST_MEMBER)
#undef JOIST_MEMBER

  Functions() {
    const Library library("NCCL", {"libnccl.so.2", "libnccl.so"},
                          "install NCCL 2.19 or newer (`pip install nvidia-nccl-cu13`, or libnccl2)");
#define JOIST_LOAD(function) library.load(function, #function);
    JOIST_NCCL(JOIST_LOAD)
#undef JOIST_LOAD
  }
  static const Functions& instance() {
    static const Functions one;
    return one;
  }
};

ncclDataType_t type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32: return ncclFloat32;
    case Dtype::float64: return ncclFloat64;
    case Dtype::bfloat16: return ncclBfloat16;
    case Dtype::float16: return ncclFloat16;
    case Dtype::int64: return ncclInt64;
    case Dtype::int32: return ncclInt32;
    case Dtype::int8: return ncclInt8;
    case Dtype::uint8:
    case Dtype::boolean: return ncclUint8;
  }
  return ncclUint8;
}
ncclRedOp_t operation_of(parallel::Reduce reduce) {
  return reduce == parallel::Reduce::sum ? ncclSum : reduce == parallel::Reduce::max ? ncclMax : ncclMin;
}

class Nccl final : public Collectives {
 public:
  Nccl(const std::string& id, int rank, int size, std::function<bool()> give_up)
      : rank_(rank), give_up_(std::move(give_up)) {
    ncclUniqueId unique;
    if (id.size() != sizeof unique) throw InternalError({.where = "NCCL", .what = "a number of another length"});
    std::memcpy(&unique, id.data(), sizeof unique);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    const ncclResult_t result = nccl_.ncclCommInitRankConfig(&communicator_, size, unique, rank, &config);
    if (result != ncclSuccess && result != ncclInProgress) refuse("meeting", result);
  }
  ~Nccl() override {
    if (!communicator_) return;
    ncclResult_t state = nccl_.ncclCommFinalize(communicator_);
    while (state == ncclInProgress && !give_up_()) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      if (nccl_.ncclCommGetAsyncError(communicator_, &state) != ncclSuccess) break;
    }
    if (state == ncclSuccess)
      static_cast<void>(nccl_.ncclCommDestroy(communicator_));
    else
      abort();
  }

  bool ready() override { return communicator_ && state() == ncclSuccess; }
  std::string error() override {
    if (!communicator_) return "NCCL's communicator was ended";
    const ncclResult_t now = state();
    return now == ncclSuccess || now == ncclInProgress ? std::string() : text_of("a collective", now);
  }

  void run(std::span<const CollectiveCall> calls, void* stream) override {
    if (!communicator_) throw EnvironmentError({.where = "NCCL", .what = "its communicator was ended"});
    settle("a group", nccl_.ncclGroupStart());
    for (const CollectiveCall& call : calls) {
      // Within a group a call only tells; what it says comes at the group's end.
      const ncclResult_t result = start(call, static_cast<cudaStream_t>(stream));
      if (result != ncclSuccess && result != ncclInProgress) {
        static_cast<void>(nccl_.ncclGroupEnd());
        refuse("a collective", result);
      }
    }
    settle("a collective", nccl_.ncclGroupEnd());
  }
  void abort() noexcept override {
    if (communicator_) static_cast<void>(nccl_.ncclCommAbort(std::exchange(communicator_, nullptr)));
  }

 private:
  ncclResult_t state() const {
    ncclResult_t state = ncclSuccess;
    const ncclResult_t asked = nccl_.ncclCommGetAsyncError(communicator_, &state);
    return asked == ncclSuccess ? state : asked;
  }
  std::string text_of(const char* what, ncclResult_t result) const {
    return std::string("NCCL: ") + what + ": " + nccl_.ncclGetErrorString(result) + " (" +
           nccl_.ncclGetLastError(communicator_) + ")";
  }
  [[noreturn]] void refuse(const char* what, ncclResult_t result) const {
    throw EnvironmentError(
        {.where = "NCCL", .what = text_of(what, result), .remedy = "NCCL_DEBUG=INFO says more in every rank's output"});
  }
  void settle(const char* what, ncclResult_t result) {
    while (result == ncclInProgress) {
      if (give_up_()) {
        abort();
        throw EnvironmentError({.where = "NCCL", .what = std::string(what) + " was given up"});
      }
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      result = state();
    }
    if (result != ncclSuccess) refuse(what, result);
  }
  ncclResult_t start(const CollectiveCall& call, cudaStream_t stream) const {
    const auto count = static_cast<std::size_t>(call.count);
    const ncclDataType_t type = type_of(call.dtype);
    const ncclRedOp_t operation = operation_of(call.reduce);
    // This rank's part of what belongs to all.
    char* const own = static_cast<char*>(call.data) + static_cast<std::size_t>(rank_) * count * size_of(call.dtype);
    switch (call.kind) {
      case CollectiveCall::Kind::all_reduce:
        return nccl_.ncclAllReduce(call.data, call.data, count, type, operation, communicator_, stream);
      case CollectiveCall::Kind::reduce:
        return nccl_.ncclReduce(call.data, call.data, count, type, operation, call.root, communicator_, stream);
      case CollectiveCall::Kind::reduce_scatter:
        return nccl_.ncclReduceScatter(call.data, own, count, type, operation, communicator_, stream);
      case CollectiveCall::Kind::all_gather:
        return nccl_.ncclAllGather(own, call.data, count, type, communicator_, stream);
      case CollectiveCall::Kind::broadcast:
        return nccl_.ncclBroadcast(call.data, call.data, count, type, call.root, communicator_, stream);
    }
    return ncclInvalidArgument;
  }

  const Functions& nccl_ = Functions::instance();
  int rank_;
  std::function<bool()> give_up_;
  ncclComm_t communicator_ = nullptr;
};

}  // namespace

void load_collective_library() { static_cast<void>(Functions::instance()); }
std::string make_collectives_id() {
  const Functions& nccl = Functions::instance();
  ncclUniqueId id;
  if (const ncclResult_t result = nccl.ncclGetUniqueId(&id); result != ncclSuccess)
    throw EnvironmentError({.where = "NCCL",
                            .what = std::string("no number for this job: ") + nccl.ncclGetErrorString(result),
                            .remedy = "NCCL_SOCKET_IFNAME names the network to be used"});
  return {reinterpret_cast<const char*>(&id), sizeof id};
}

std::unique_ptr<Collectives> begin_collectives(const std::string& id, int rank, int size,
                                               std::function<bool()> give_up) {
  return std::make_unique<Nccl>(id, rank, size, std::move(give_up));
}

}  // namespace joist::cuda
