#include <joist/core/parallel/mesh_state.h>

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace joist::parallel {

void Mesh::Impl::run() {
  while (!stop) {
    std::vector<pollfd> polled{{wake.number(), POLLIN, 0}};
    std::vector<std::size_t> whose;
    int wait = -1;
    {
      const std::lock_guard lock(mutex);
      for (std::size_t i = 0; i < peers.size(); ++i) {
        if (!peers[i].socket || peers[i].closed) continue;
        const std::int64_t delay = delay_of(peers[i]);
        if (delay > 0) wait = static_cast<int>(wait < 0 ? delay : std::min<std::int64_t>(wait, delay));
        polled.push_back({peers[i].socket.get(), static_cast<short>(POLLIN | (delay == 0 ? POLLOUT : 0)), 0});
        whose.push_back(i);
      }
    }
    ::poll(polled.data(), polled.size(), wait);
    if (polled[0].revents != 0) wake.clear();
    for (std::size_t i = 0; i < whose.size() && !stop; ++i) {
      const short events = polled[i + 1].revents;
      if ((events & POLLOUT) != 0) write(whose[i]);
      if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) read(whose[i]);
    }
  }
  for (MeshPeer& peer : peers) peer.socket = Descriptor();
  end_all();
}

// Milliseconds until there is something to send; 0: now, -1: nothing.
std::int64_t Mesh::Impl::delay_of(const MeshPeer& peer) {
  if (peer.out.empty()) return -1;
  const auto now = Clock::now();
  if (peer.out.front().not_before <= now) return 0;
  return std::chrono::ceil<std::chrono::milliseconds>(peer.out.front().not_before - now).count();
}

void Mesh::Impl::write(std::size_t index) {
  MeshPeer& peer = peers[index];
  for (;;) {
    MeshHead head;
    std::span<const std::byte> body;
    {
      const std::lock_guard lock(mutex);
      if (delay_of(peer) != 0) return;
      peer.out.front().held = false;
      head = peer.out.front().head;
      body = peer.out.front().bytes;
    }
    const auto head_bytes = std::as_bytes(std::span(&head, 1));
    const std::size_t from_head = std::min(peer.written, sizeof head);
    const std::size_t from_body = peer.written - from_head;
    iovec parts[2] = {{const_cast<std::byte*>(head_bytes.data()) + from_head, sizeof head - from_head},
                      {const_cast<std::byte*>(body.data()) + from_body, body.size() - from_body}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t count = ::sendmsg(peer.socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return close(index);
    peer.written += static_cast<std::size_t>(count);
    if (peer.written < sizeof head + body.size()) continue;
    peer.written = 0;
    Done done;
    {
      const std::lock_guard lock(mutex);
      done = std::move(peer.out.front().done);
      peer.out.pop_front();
    }
    if (done) done(nullptr);
  }
}

void Mesh::Impl::end_all() {
  std::vector<Done> ended;
  std::exception_ptr why;
  {
    const std::lock_guard lock(mutex);
    finished = true;
    why = error;
    for (MeshPeer& peer : peers) {
      for (MeshOutgoing& one : peer.out) ended.push_back(std::move(one.done));
      for (auto& [key, one] : peer.posted) ended.push_back(std::move(one.done));
      if (peer.target) ended.push_back(std::move(peer.target->done));
      peer.out.clear();
      peer.posted.clear();
      peer.early.clear();
      peer.target.reset();
    }
  }
  for (const Done& done : ended)
    if (done) done(why);
}

// Puts one message into the row, with what a test of faults wants to happen to it.
void Mesh::Impl::enqueue(MeshPeer& peer, MeshOutgoing message, const MessageFate& fate) {
  message.not_before = Clock::now() + fate.delay;
  if (fate.swap_with_next) {
    message.held = true;
    message.not_before += std::chrono::milliseconds(50);
  }
  if (!peer.out.empty() && peer.out.back().held) {
    peer.out.back().held = false;
    peer.out.insert(peer.out.end() - 1, std::move(message));
  } else {
    peer.out.push_back(std::move(message));
  }
}

Mesh::Mesh(MeshOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Mesh::~Mesh() { sever(); }

void Mesh::send(int to, MessageKey key, std::span<const std::byte> bytes, std::uint64_t signature, Done done) {
  std::exception_ptr error;
  bool closed = false, dropped = false;
  {
    const std::lock_guard lock(impl_->mutex);
    MeshPeer& peer = impl_->peers[static_cast<std::size_t>(to)];
    error = impl_->error;
    closed = peer.closed;
    if (!impl_->finished) {
      const MeshHead head{.step = key.step,
                          .number = key.number,
                          .direct = key.direct ? std::uint64_t{1} : 0,
                          .count = peer.sent++,
                          .bytes = bytes.size(),
                          .signature = signature};
      const MessageFate fate = impl_->options.fate ? impl_->options.fate(to, head.count) : MessageFate{};
      dropped = fate.drop;
      if (!dropped) impl_->enqueue(peer, {.head = head, .bytes = bytes, .done = std::exchange(done, nullptr)}, fate);
    }
  }
  if (dropped) return done(nullptr);
  if (done) return done(error);
  if (closed) impl_->broken(static_cast<std::size_t>(to));
  impl_->wake.ring();
}

void Mesh::receive(int from, MessageKey key, std::span<std::byte> bytes, std::uint64_t signature, Done done) {
  std::exception_ptr error;
  bool closed = false, wrong = false, here = false;
  {
    const std::lock_guard lock(impl_->mutex);
    MeshPeer& peer = impl_->peers[static_cast<std::size_t>(from)];
    error = impl_->error;
    here = impl_->finished;
    const auto found = peer.early.find(key);
    if (!here && found != peer.early.end()) {
      const MeshEarly& early = found->second;
      here = early.signature == signature && early.bytes.size() == bytes.size();
      wrong = !here;
      if (here) std::ranges::copy(early.bytes, bytes.begin());
      peer.early.erase(found);
    }
    if (!here) {
      peer.posted.insert_or_assign(key, MeshPosted{bytes, signature, std::move(done)});
      closed = peer.closed;
    }
  }
  if (here) return done(error);
  if (wrong) impl_->mismatch(static_cast<std::size_t>(from), key);
  if (closed) impl_->broken(static_cast<std::size_t>(from));
}

void Mesh::fail(std::exception_ptr error) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->error) impl_->error = std::move(error);
  }
  impl_->stop = true;
  impl_->wake.ring();
}

void Mesh::sever() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->error)
      impl_->error = std::make_exception_ptr(EnvironmentError({.where = "ranks", .what = "this rank has left"}));
  }
  impl_->stop = true;
  impl_->wake.ring();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace joist::parallel
