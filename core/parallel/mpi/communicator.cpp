// libjoist_mpi.so: ranks that Open MPI's mpirun (or Slurm with PMIx) started. All calls of MPI are made by one thread,
// so that any MPI will do; its collectives are started in the order of their calls and progress together. Supervision
// goes through TCP connections of our own, as MPI says nothing about a rank that is late.
#include <joist/core/parallel/failure.h>
#include <joist/core/parallel/launch.h>
#include <joist/core/parallel/rendezvous.h>
#include <joist/core/parallel/watch.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <limits>
#include <mutex>
#include <sstream>
#include <thread>

#define OMPI_SKIP_MPICXX 1  // the C++ interface that MPI gave up needs a library of its own
#include <mpi.h>
#include <sys/prctl.h>

namespace joist::parallel {
namespace {

using Kind = Collective::Kind;
using Handle = std::shared_ptr<Collective>;

struct MpiFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw MpiFailure(std::string(call) + ": " + text);
}

MPI_Datatype type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32: return MPI_FLOAT;
    case Dtype::float64: return MPI_DOUBLE;
    case Dtype::int64: return MPI_INT64_T;
    case Dtype::int32: return MPI_INT32_T;
    case Dtype::int8: return MPI_INT8_T;
    case Dtype::uint8:
    case Dtype::boolean: return MPI_UINT8_T;
    case Dtype::float16:
    case Dtype::bfloat16: return MPI_UINT16_T;  // moved, never reduced
  }
  return MPI_BYTE;
}

MPI_Op op_of(Reduce reduce) { return reduce == Reduce::sum ? MPI_SUM : reduce == Reduce::max ? MPI_MAX : MPI_MIN; }

// MPI 3 counts with int; longer arrays go in pieces.
constexpr std::int64_t most_elements = std::int64_t{1} << 30;

struct Flight {
  Handle handle{};
  std::vector<MPI_Request> requests{};
  std::vector<int> counts{};
  std::vector<int> offsets{};
  std::vector<std::byte> copy{};
};

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator(const Launch& launch, const JoinOptions& options) : compares_(options.compare_calls) {
    set_timeout(options.timeout);
    std::unique_lock lock(mutex_);
    thread_ = std::thread([this, launch, options] { run(launch, options); });
    changed_.wait(lock, [&] { return ready_ || start_error_; });
    if (!start_error_) return;
    lock.unlock();
    thread_.join();
    std::rethrow_exception(start_error_);
  }

  ~MpiCommunicator() override {
    if (std::uncaught_exceptions() > 0) abort("an error ended this rank; it stands in that rank's own output");
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return size_; }
  std::string transport() const override { return "mpi"; }
  bool aborted() const noexcept override { return failure_.is_set(); }

  void submit(Handle collective) override {
    recorder()->called(*collective);
    if (compares_ && collective->sequence > 0) watch_->compare(*collective);
    const std::lock_guard lock(mutex_);
    if (closed_) return collective->finish(failure_.error());
    queue_.push_back(std::move(collective));
    changed_.notify_all();
  }

  void abort(const std::string& reason) override {
    watch_->report({.kind = Trouble::Kind::aborted, .rank = rank_, .detail = reason});
    fail("rank " + std::to_string(rank_) + " gave up: " + reason);
  }

 protected:
  void throw_if_aborted() override { failure_.throw_if_set(); }

 private:
  void fail(const std::string& diagnosis) {
    failure_.set(rank_, size_, diagnosis);
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  // --- the thread that calls MPI ---

  void run(const Launch& launch, const JoinOptions& options) {
    try {
      start(launch, options);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      start_error_ = std::current_exception();
      changed_.notify_all();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      ready_ = true;
      changed_.notify_all();
    }
    try {
      serve();
      if (!failure_.is_set()) part();
    } catch (const std::exception& error) {
      watch_->report({.kind = Trouble::Kind::aborted, .rank = rank_, .detail = error.what()});
      fail(error.what());
    }
    if (failure_.is_set()) {
      // MPI cannot take back what is on its way, so its memory must outlive this object and MPI is not finalized.
      end_all(failure_.error());
      static_cast<void>(new std::vector<Flight>(std::move(flights_)));
      return;
    }
    MPI_Finalize();
  }

  void start(const Launch& launch, const JoinOptions& options) {
    int initialized = 0;
    MPI_Initialized(&initialized);
    if (initialized != 0)
      throw UsageError(
          {.where = "ranks by MPI", .what = "MPI was started before in this process", .remedy = "join once"});
    // This thread sleeps between its looks at MPI, so MPI has not to give way within them, as mpirun asks it to where
    // ranks share cores: on a busy machine each time would cost milliseconds. No other thread runs yet that reads this.
    ::setenv("OMPI_MCA_mpi_yield_when_idle", "0", 1);
    int granted = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &granted), "MPI_Init_thread");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    if (size_ != launch.size && launch.size > 1) {
      const std::string what = std::to_string(launch.size) +
                               " processes were started, but MPI says that this is rank " + std::to_string(rank_) +
                               " of " + std::to_string(size_) + ": each would train alone";
      MPI_Finalize();
      throw UsageError({.where = "launch by " + launch.launcher,
                        .what = what,
                        .remedy = "start with the mpirun of the Open MPI that joist was built with; under Slurm with "
                                  "srun --mpi=pmix"});
    }
    WatchMeeting meeting(rank_, size_);
    std::string invitation = rank_ == 0 ? meeting.invitation() : "";
    int length = static_cast<int>(invitation.size());
    check(MPI_Bcast(&length, 1, MPI_INT, 0, MPI_COMM_WORLD), "MPI_Bcast");
    invitation.resize(static_cast<std::size_t>(length));
    check(MPI_Bcast(invitation.data(), length, MPI_CHAR, 0, MPI_COMM_WORLD), "MPI_Bcast");
    watch_ = std::make_unique<Watch>(WatchOptions{.rank = rank_,
                                                  .size = size_,
                                                  .links = meeting.meet(invitation, options.patience),
                                                  .recorder = recorder(),
                                                  .timeout = [this] { return timeout(); },
                                                  .failed = [this](const std::string& text) { fail(text); }});
  }

  void serve() {
    ::prctl(PR_SET_TIMERSLACK, 1000UL);  // of this thread: sleeps of microseconds are meant as such
    int idle_turns = 0;
    while (!failure_.is_set()) {
      std::deque<Handle> arrived;
      {
        std::unique_lock lock(mutex_);
        if (flights_.empty()) changed_.wait(lock, [&] { return stop_ || !queue_.empty() || failure_.is_set(); });
        if (flights_.empty() && queue_.empty()) break;
        arrived.swap(queue_);
      }
      for (Handle& handle : arrived) take_off(std::move(handle));
      bool waited_for = false;
      const std::size_t before = flights_.size();
      std::erase_if(flights_, [&](Flight& flight) {
        int landed = 0;
        check(
            MPI_Testall(static_cast<int>(flight.requests.size()), flight.requests.data(), &landed, MPI_STATUSES_IGNORE),
            "MPI_Testall");
        if (landed == 0) {
          waited_for = waited_for || flight.handle->waiting() > 0;
          return false;
        }
        land(flight);
        return true;
      });
      idle_turns = flights_.size() == before ? idle_turns + 1 : 0;
      // Sleeping, not yielding: on a busy machine a thread that yields comes back after all others, one that wakes at
      // once.
      if (idle_turns < 3) continue;
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::microseconds(waited_for ? 10 : 100), [&] { return !queue_.empty(); });
    }
  }

  // Nobody finalizes before all are ready to; supervised, as a rank may die now too.
  void part() {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibarrier(MPI_COMM_WORLD, &request), "MPI_Ibarrier");
    for (int landed = 0; landed == 0 && !failure_.is_set(); std::this_thread::yield())
      check(MPI_Test(&request, &landed, MPI_STATUS_IGNORE), "MPI_Test");
  }

  void take_off(Handle handle) {
    handle->start();
    Flight flight;
    const Array& data = handle->data;
    const MPI_Datatype type = handle->kind == Kind::barrier ? MPI_BYTE : type_of(data.dtype());
    auto* const begin = handle->kind == Kind::barrier ? nullptr : static_cast<std::byte*>(data.raw());
    const std::int64_t elements = handle->kind == Kind::barrier ? 0 : data.elements();
    const auto pieces = [&](auto&& each) {
      for (std::int64_t from = 0; from < std::max<std::int64_t>(elements, 1); from += most_elements) {
        const int count = static_cast<int>(std::min(most_elements, elements - from));
        each(begin + static_cast<std::size_t>(from) * size_of(data.dtype()), count);
      }
    };
    const auto request = [&] { return &flight.requests.emplace_back(MPI_REQUEST_NULL); };
    const auto parts = [&] {
      for (std::size_t r = 0; r < handle->bounds.size(); ++r) {
        if (handle->bounds[r] > std::numeric_limits<int>::max())
          throw MpiFailure("parts of more than 2^31 elements are unsupported over MPI; use smaller buckets");
        flight.offsets.push_back(static_cast<int>(handle->bounds[r]));
        if (r > 0) flight.counts.push_back(static_cast<int>(handle->bounds[r] - handle->bounds[r - 1]));
      }
    };
    switch (handle->kind) {
      case Kind::all_reduce:
        pieces([&](std::byte* at, int count) {
          check(MPI_Iallreduce(MPI_IN_PLACE, at, count, type, op_of(handle->reduce), MPI_COMM_WORLD, request()),
                "MPI_Iallreduce");
        });
        break;
      case Kind::reduce_scatter: {
        parts();
        // In place the result would land at the front, not in this rank's part.
        flight.copy.resize(static_cast<std::size_t>(flight.counts[static_cast<std::size_t>(rank_)]) *
                           size_of(data.dtype()));
        check(MPI_Ireduce_scatter(begin, flight.copy.data(), flight.counts.data(), type, op_of(handle->reduce),
                                  MPI_COMM_WORLD, request()),
              "MPI_Ireduce_scatter");
        break;
      }
      case Kind::all_gather:
        parts();
        check(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, begin, flight.counts.data(), flight.offsets.data(),
                              type, MPI_COMM_WORLD, request()),
              "MPI_Iallgatherv");
        break;
      case Kind::broadcast:
        pieces([&](std::byte* at, int count) {
          check(MPI_Ibcast(at, count, type, handle->peer, MPI_COMM_WORLD, request()), "MPI_Ibcast");
        });
        break;
      case Kind::barrier: check(MPI_Ibarrier(MPI_COMM_WORLD, request()), "MPI_Ibarrier"); break;
      case Kind::send:
        pieces([&](std::byte* at, int count) {
          check(MPI_Isend(at, count, type, handle->peer, 0, MPI_COMM_WORLD, request()), "MPI_Isend");
        });
        break;
      case Kind::receive:
        pieces([&](std::byte* at, int count) {
          check(MPI_Irecv(at, count, type, handle->peer, 0, MPI_COMM_WORLD, request()), "MPI_Irecv");
        });
        break;
    }
    flight.handle = std::move(handle);
    flights_.push_back(std::move(flight));
  }

  void land(const Flight& flight) const {
    if (flight.handle->kind == Kind::reduce_scatter) {
      const Array& data = flight.handle->data;
      const auto offset = static_cast<std::size_t>(flight.offsets[static_cast<std::size_t>(rank_)]);
      std::ranges::copy(flight.copy, static_cast<std::byte*>(data.raw()) + offset * size_of(data.dtype()));
    }
    flight.handle->finish();
  }

  void end_all(const std::exception_ptr& error) {
    for (const Flight& flight : flights_) flight.handle->finish(error);
    const std::lock_guard lock(mutex_);
    for (const Handle& handle : queue_) handle->finish(error);
    queue_.clear();
    closed_ = true;
  }

  bool compares_;
  int rank_ = 0;
  int size_ = 1;
  Failure failure_{};
  std::unique_ptr<Watch> watch_{};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  bool ready_ = false;
  bool stop_ = false;
  bool closed_ = false;
  std::exception_ptr start_error_{};
  std::deque<Handle> queue_{};
  std::vector<Flight> flights_{};  // the thread's own
  std::thread thread_{};
};

}  // namespace
}  // namespace joist::parallel

extern "C" {

__attribute__((visibility("default"))) const char* joist_mpi_abi() { return JOIST_PLUGIN_ABI; }

__attribute__((visibility("default"))) joist::parallel::Communicator* joist_mpi_open(
    const joist::parallel::Launch& launch, const joist::parallel::JoinOptions& options) {
  return new joist::parallel::MpiCommunicator(launch, options);
}

}  // extern "C"
