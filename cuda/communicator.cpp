// A thread of its own hands collectives to the library, whose calls may wait for other ranks, and sees when they are
// done. The flight recorder is the host communicator's, so that its supervision counts the time of these collectives
// too; when it ends the job, the library's are aborted.
#include <joist/core/error.h>
#include <joist/core/parallel/recorder.h>
#include <joist/cuda/collectives.h>
#include <joist/cuda/communicator.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace joist::cuda {
namespace {

using parallel::Collective;
using parallel::Communicator;
using Kind = Collective::Kind;
using Handle = std::shared_ptr<Collective>;

/// A collective, the event before it in the kernels' stream and the one after it in the collectives'.
struct Flight {
  Handle collective{};
  driver::Event ready{}, done{};
};
/// A message by way of the host.
struct Message {
  Handle collective{};
  Array here{};
  parallel::Work work{};
};

class GpuCommunicator final : public Communicator {
 public:
  GpuCommunicator(std::unique_ptr<Communicator> host, std::chrono::milliseconds patience)
      : Communicator(host->recorder()), host_(std::move(host)) {
    try {
      meet(patience);
    } catch (const parallel::CommunicatorError&) {
      throw;
    } catch (const std::exception& error) {  // the others hear why
      host_->abort("rank " + std::to_string(rank()) + " ended: " + error.what());
      throw;
    }
    stream_ = driver::make_stream();
    thread_ = std::thread([this] { run(); });
  }

  ~GpuCommunicator() override {
    if (std::uncaught_exceptions() > 0) abort("an error ended this rank; it stands in that rank's own output");
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  int rank() const noexcept override { return host_->rank(); }
  int size() const noexcept override { return host_->size(); }
  std::string transport() const override { return "nccl, met by " + host_->transport(); }
  void abort(const std::string& reason) override { host_->abort(reason); }
  bool aborted() const noexcept override { return host_->aborted(); }
  void set_timeout(std::chrono::milliseconds timeout) noexcept override {
    Communicator::set_timeout(timeout);
    host_->set_timeout(timeout);
  }

  void submit(Handle collective) override {
    if (collective->sequence > 0) collective->sequence += before_;
    if (!collective->data.defined() || collective->data.device().on_host()) return host_->submit(std::move(collective));
    if (collective->kind == Kind::send || collective->kind == Kind::receive) return message(std::move(collective));
    recorder()->called(*collective);
    const std::lock_guard lock(mutex_);
    Flight flight{std::move(collective)};
    if (events_.empty()) {
      flight.ready = driver::make_event();
      flight.done = driver::make_event();
    } else {
      std::tie(flight.ready, flight.done) = events_.back();
      events_.pop_back();
    }
    driver::record(flight.ready, current_stream());
    queue_.push_back(std::move(flight));
    changed_.notify_all();
  }

 protected:
  void throw_if_aborted() override { host_->poll(); }

 private:
  void meet(std::chrono::milliseconds patience) {
    driver::enter_thread();
    // Numbers go on where the host's ended.
    before_ = recorder()->report(rank()).last_called;
    const std::string shared = gpu_of_two(parallel::gathered_text(*this, "GPUs", driver::gpu_name()));
    if (!shared.empty())
      throw EnvironmentError({.where = "GPUs",
                              .what = shared,
                              .expected = "one for each rank",
                              .remedy = "no more ranks on a machine than it has GPUs, or another CUDA_VISIBLE_DEVICES "
                                        "for each of them"});
    const std::string id =
        broadcast_text(*this, "where the GPUs meet", rank() == 0 ? make_collectives_id() : std::string());
    library_ = begin_collectives(id, rank(), size(), [this] { return host_->aborted(); });
    const auto until = parallel::Clock::now() + patience;
    while (!library_->ready()) {
      std::string error = library_->error();
      if (error.empty() && parallel::Clock::now() > until)
        error = "the GPUs did not meet in " + std::to_string(patience.count() / 1000) + " s";
      if (!error.empty()) host_->abort(error);
      if (host_->aborted()) {
        library_->abort();
        host_->poll();
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  // Two ranks may send to each other at once, and messages may pass collectives; NCCL does neither in one stream.
  void message(Handle collective) {
    collective->recorder = nullptr;  // the host's communicator keeps it
    const Array& data = collective->data;
    Message one{collective, Array::empty({data.elements()}, data.dtype())};
    if (collective->kind == Kind::send) {
      copy_to_host(one.here.raw(), data.raw(), data.bytes());
      one.work = host_->send(collective->name, one.here, collective->peer);
    } else {
      one.work = host_->receive(collective->name, one.here, collective->peer);
    }
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(one));
    changed_.notify_all();
  }

  void run() {
    driver::enter_thread();
    std::deque<Flight> flights;
    for (;;) {
      std::deque<Flight> next;
      std::vector<Message> messages;
      {
        std::unique_lock lock(mutex_);
        const auto something = [&] { return stop_ || !queue_.empty() || !messages_.empty(); };
        if (flights.empty())
          changed_.wait(lock, something);
        else
          changed_.wait_for(lock, std::chrono::microseconds(50), [&] { return !queue_.empty(); });
        next.swap(queue_);
        messages.swap(messages_);
        if (stop_ && flights.empty() && next.empty() && messages.empty()) return;
      }
      for (Flight& flight : next) {
        try {
          if (host_->aborted()) host_->poll();
          issue(flight);
          flights.push_back(std::move(flight));
        } catch (const std::exception& error) {
          end(flight, error.what());
        }
      }
      look(flights);
      deliver(messages);
    }
  }

  void issue(const Flight& flight) {
    const Collective& collective = *flight.collective;
    flight.collective->start();
    driver::wait(stream_, flight.ready);
    if (const std::vector<CollectiveCall> calls = calls_of(collective); !calls.empty()) library_->run(calls, stream_);
    driver::record(flight.done, stream_);
  }

  std::vector<CollectiveCall> calls_of(const Collective& collective) const {
    const Array& data = collective.data;
    const bool reduces = collective.kind == Kind::all_reduce || collective.kind == Kind::reduce_scatter;
    // What is only moved, moves as bytes.
    const auto width = static_cast<std::int64_t>(size_of(data.dtype()));
    const std::int64_t unit = reduces ? 1 : width;
    CollectiveCall call{.data = data.raw(),
                        .count = data.elements() * unit,
                        .dtype = reduces ? data.dtype() : Dtype::uint8,
                        .reduce = collective.reduce,
                        .root = collective.peer};
    if (data.elements() == 0) return {};
    if (collective.kind == Kind::all_reduce) return {call};
    call.kind = CollectiveCall::Kind::broadcast;
    if (collective.kind == Kind::broadcast) return {call};
    const std::vector<std::int64_t>& bounds = collective.bounds;
    bool even = true;
    for (std::size_t r = 1; r < bounds.size(); ++r) even = even && bounds[r] - bounds[r - 1] == bounds[1];
    if (even) {
      call.kind = reduces ? CollectiveCall::Kind::reduce_scatter : CollectiveCall::Kind::all_gather;
      call.count = bounds[1] * unit;
      return {call};
    }
    std::vector<CollectiveCall> calls;  // a part for every rank that has one
    for (std::size_t r = 0; r + 1 < bounds.size(); ++r) {
      if (bounds[r] == bounds[r + 1]) continue;
      call.kind = reduces ? CollectiveCall::Kind::reduce : CollectiveCall::Kind::broadcast;
      call.data = static_cast<char*>(data.raw()) + bounds[r] * width;
      call.count = (bounds[r + 1] - bounds[r]) * unit;
      call.root = static_cast<int>(r);
      calls.push_back(call);
    }
    return calls;
  }

  // Ends those that are done, or all when the job is.
  void look(std::deque<Flight>& flights) {
    std::string error;
    try {
      while (!flights.empty() && driver::happened(flights.front().done)) {
        flights.front().collective->finish();
        const std::lock_guard lock(mutex_);
        events_.emplace_back(flights.front().ready, flights.front().done);
        flights.pop_front();
      }
      if (!flights.empty()) error = library_->error();
    } catch (const std::exception& thrown) {
      error = thrown.what();
    }
    if (flights.empty() || (error.empty() && !host_->aborted())) return;
    if (!error.empty()) host_->abort(error);
    library_->abort();
    for (const Flight& flight : flights) end(flight, "");
    flights.clear();
  }

  // The job is over: because of this, or because of what the host's communicator knows.
  void end(const Flight& flight, const std::string& reason) {
    if (!host_->aborted()) host_->abort(reason);
    library_->abort();
    try {
      host_->poll();
    } catch (...) {
      flight.collective->finish(std::current_exception());
    }
  }

  void deliver(std::vector<Message>& messages) {
    for (Message& one : messages) {
      try {
        if (!one.work.done()) {
          const std::lock_guard lock(mutex_);
          messages_.push_back(std::move(one));
          continue;
        }
        one.work.wait();
        const Array& data = one.collective->data;
        if (one.collective->kind == Kind::receive) copy_to_device(data.raw(), one.here.raw(), data.bytes());
        one.collective->finish();
      } catch (...) {
        one.collective->finish(std::current_exception());
      }
    }
    if (!messages.empty()) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

  std::unique_ptr<Communicator> host_;
  std::uint64_t before_ = 0;
  std::unique_ptr<Collectives> library_{};
  driver::Stream stream_{};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  bool stop_ = false;
  std::deque<Flight> queue_{};
  std::vector<Message> messages_{};
  std::vector<std::pair<driver::Event, driver::Event>> events_{};
  std::thread thread_{};
};

}  // namespace

std::string gpu_of_two(const std::vector<std::string>& names) {
  for (std::size_t second = 1; second < names.size(); ++second)
    for (std::size_t first = 0; first < second; ++first)
      if (!names[first].empty() && names[first] == names[second])
        return "ranks " + std::to_string(first) + " and " + std::to_string(second) + " both have " + names[first];
  return {};
}

std::unique_ptr<Communicator> gpu_communicator(std::unique_ptr<Communicator> host, std::chrono::milliseconds patience) {
  if (host->size() == 1) return host;  // whose data is already the reduction of all
  return std::make_unique<GpuCommunicator>(std::move(host), patience);
}

}  // namespace joist::cuda
