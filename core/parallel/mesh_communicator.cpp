#include <joist/core/parallel/failure.h>
#include <joist/core/parallel/mesh_collectives.h>
#include <joist/core/parallel/mesh_communicator.h>
#include <joist/core/parallel/watch.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/socket.h>

namespace joist::parallel {
namespace {

using Kind = Collective::Kind;
using Handle = std::shared_ptr<Collective>;

}  // namespace

struct MeshCommunicator::Impl {
  Impl(MeshLinks links, std::shared_ptr<FlightRecorder> recorder, std::function<std::chrono::milliseconds()> timeout)
      : rank(links.rank),
        size(links.size),
        transport(std::move(links.transport)),
        compares(links.compare_calls),
        watch({.rank = links.rank,
               .size = links.size,
               .links = std::move(links.watch),
               .recorder = std::move(recorder),
               .timeout = std::move(timeout),
               .failed = [this](const std::string& diagnosis) { fail(diagnosis); }}),
        mesh({.rank = links.rank,
              .sockets = std::move(links.data),
              .fate = std::move(links.fate),
              .trouble = [this](int, std::uint64_t sequence, bool mismatch, const std::string& what) {
                watch.report({.kind = mismatch ? Trouble::Kind::mismatch : Trouble::Kind::lost,
                              .rank = rank,
                              .sequence = sequence,
                              .detail = what});
              }}) {
    thread = std::thread([this] { run(); });
    const std::lock_guard lock(mutex);
    ready = true;
    if (failure.is_set()) mesh.fail(failure.error());
  }

  void fail(const std::string& diagnosis) {
    if (!failure.set(rank, size, diagnosis)) return;
    const std::lock_guard lock(mutex);
    if (ready) mesh.fail(failure.error());
    changed.notify_all();
  }

  // Carries out the collectives in the order of their calls.
  void run() {
    for (;;) {
      Handle next;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stop || !queue.empty(); });
        if (queue.empty()) return;
        next = std::move(queue.front());
        queue.pop_front();
      }
      try {
        if (failure.is_set()) std::rethrow_exception(failure.error());
        next->start();
        perform({mesh, rank, size}, *next);
        next->finish();
      } catch (...) {
        finish_failed(*next, std::current_exception());
      }
    }
  }

  void finish_failed(Collective& collective, std::exception_ptr error) {
    collective.finish(failure.is_set() ? failure.error() : std::move(error));
  }

  // Messages between two ranks go their own way.
  void message(const Handle& handle) {
    const bool sends = handle->kind == Kind::send;
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(mutex);
      number = ++(sends ? sent : received)[handle->peer];
      ++open_messages;
    }
    handle->start();
    const auto done = [this, handle](std::exception_ptr error) {
      if (error) {
        finish_failed(*handle, std::move(error));
      } else {
        handle->finish();
      }
      const std::lock_guard lock(mutex);
      --open_messages;
      changed.notify_all();
    };
    const MessageKey key{.number = number, .direct = true};
    const std::span bytes(static_cast<std::byte*>(handle->data.raw()), handle->data.bytes());
    const auto signature = static_cast<std::uint64_t>(handle->data.dtype());
    if (sends) {
      mesh.send(handle->peer, key, bytes, signature, done);
    } else {
      mesh.receive(handle->peer, key, bytes, signature, done);
    }
  }

  int rank;
  int size;
  std::string transport;
  bool compares;
  Failure failure{};
  std::mutex mutex{};
  std::condition_variable changed{};
  bool ready = false;  // the mesh exists
  bool stop = false;
  std::deque<Handle> queue{};
  int open_messages = 0;
  std::map<int, std::uint64_t> sent{};
  std::map<int, std::uint64_t> received{};
  Watch watch;
  Mesh mesh;
  std::thread thread{};
};

MeshCommunicator::MeshCommunicator(MeshLinks links) {
  set_timeout(links.timeout);
  impl_ = std::make_unique<Impl>(std::move(links), recorder(), [this] { return timeout(); });
}

MeshCommunicator::~MeshCommunicator() {
  if (std::uncaught_exceptions() > 0) abort("an error ended this rank; it stands in that rank's own output");
  // Calls that nobody waited for are carried out first; where others are gone, the watch ends them.
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
    impl_->changed.notify_all();
  }
  impl_->thread.join();
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->open_messages == 0; });
  impl_->ready = false;
}

int MeshCommunicator::rank() const noexcept { return impl_->rank; }
int MeshCommunicator::size() const noexcept { return impl_->size; }
std::string MeshCommunicator::transport() const { return impl_->transport; }
bool MeshCommunicator::aborted() const noexcept { return impl_->failure.is_set(); }
void MeshCommunicator::throw_if_aborted() { impl_->failure.throw_if_set(); }

void MeshCommunicator::submit(std::shared_ptr<Collective> collective) {
  recorder()->called(*collective);
  if (impl_->compares && collective->sequence > 0) impl_->watch.compare(*collective);
  if (collective->kind == Kind::send || collective->kind == Kind::receive) return impl_->message(collective);
  const std::lock_guard lock(impl_->mutex);
  impl_->queue.push_back(std::move(collective));
  impl_->changed.notify_all();
}

void MeshCommunicator::abort(const std::string& reason) {
  impl_->watch.report({.kind = Trouble::Kind::aborted, .rank = impl_->rank, .detail = reason});
  impl_->fail("rank " + std::to_string(impl_->rank) + " gave up: " + reason);
}

void MeshCommunicator::sever() {
  impl_->watch.sever();
  impl_->mesh.sever();
  impl_->fail("this rank was severed");
}

std::vector<MeshLinks> links_in_process(int size) {
  if (size < 1) throw UsageError({.where = "ranks", .what = std::to_string(size) + " ranks", .expected = "at least 1"});
  const auto count = static_cast<std::size_t>(size);
  std::vector<MeshLinks> links(count);
  const auto pair = [] {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw EnvironmentError(
          {.where = "ranks", .what = "the system gives no more files", .remedy = "raise ulimit -n, or fewer ranks"});
    return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
  };
  for (std::size_t r = 0; r < count; ++r) {
    links[r].rank = static_cast<int>(r);
    links[r].size = size;
    links[r].transport = "threads";
    links[r].data.resize(count);
    links[r].watch.resize(r == 0 ? count : 1);
  }
  for (std::size_t r = 0; r < count; ++r) {
    if (r > 0) std::tie(links[0].watch[r], links[r].watch[0]) = pair();
    for (std::size_t other = 0; other < r; ++other) std::tie(links[r].data[other], links[other].data[r]) = pair();
  }
  return links;
}

std::vector<std::unique_ptr<Communicator>> thread_communicators(int size) {
  std::vector<std::unique_ptr<Communicator>> ranks;
  for (MeshLinks& links : links_in_process(size)) ranks.push_back(std::make_unique<MeshCommunicator>(std::move(links)));
  return ranks;
}

}  // namespace joist::parallel
