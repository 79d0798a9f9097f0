#include <joist/core/parallel/collective.h>
#include <joist/core/parallel/mesh.h>
#include <joist/core/parallel/wake.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace joist::parallel {
namespace {

struct Head {
  static constexpr std::uint32_t expected_magic = 0x324D4A4A;  // counts up when anything here changes

  std::uint32_t magic = expected_magic;
  std::uint32_t step = 0;
  std::uint64_t number = 0;
  std::uint64_t direct = 0;
  std::uint64_t count = 0;  // messages of this rank to the other, without gaps
  std::uint64_t bytes = 0;
  std::uint64_t signature = 0;
};
static_assert(std::is_trivially_copyable_v<Head> && sizeof(Head) == 48);

struct Outgoing {
  Head head{};
  std::span<const std::byte> bytes{};
  Mesh::Done done{};
  Clock::time_point not_before{};
  bool held = false;  // until the next one has passed it
};

struct Posted {
  std::span<std::byte> bytes{};
  std::uint64_t signature = 0;
  Mesh::Done done{};
};

struct Early {  // a message that came before its receive
  std::vector<std::byte> bytes{};
  std::uint64_t signature = 0;
};

struct Peer {
  Descriptor socket{};
  bool closed = false;
  std::atomic<bool> troubled{false};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::deque<Outgoing> out{};
  std::size_t written = 0;  // of the front of `out`, head and all
  std::map<MessageKey, Posted> posted{};
  std::map<MessageKey, Early> early{};
  // The message that is being read.
  Head head{};
  std::size_t head_read = 0;
  std::size_t body_read = 0;
  std::optional<Posted> target{};
  Early keep{};
};

}  // namespace

struct Mesh::Impl {
  explicit Impl(MeshOptions given) : options(std::move(given)), peers(options.sockets.size()) {
    for (std::size_t i = 0; i < peers.size(); ++i) peers[i].socket = std::move(options.sockets[i]);
    thread = std::thread([this] { run(); });
  }

  void run() {
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
    for (Peer& peer : peers) peer.socket = Descriptor();
    end_all();
  }

  // Milliseconds until there is something to send; 0: now, -1: nothing.
  static std::int64_t delay_of(const Peer& peer) {
    if (peer.out.empty()) return -1;
    const auto now = Clock::now();
    if (peer.out.front().not_before <= now) return 0;
    return std::chrono::ceil<std::chrono::milliseconds>(peer.out.front().not_before - now).count();
  }

  // --- sending ---

  void write(std::size_t index) {
    Peer& peer = peers[index];
    for (;;) {
      Head head;
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

  // --- receiving ---

  void read(std::size_t index) {
    Peer& peer = peers[index];
    for (int turn = 0; turn < 64 && !stop; ++turn) {  // others have their turn too
      std::span<std::byte> into;
      if (peer.head_read < sizeof(Head)) {
        into = std::as_writable_bytes(std::span(&peer.head, 1)).subspan(peer.head_read);
      } else {
        const std::span<std::byte> body = peer.target ? peer.target->bytes : std::span(peer.keep.bytes);
        into = body.subspan(peer.body_read);
      }
      if (!into.empty()) {
        const ssize_t count = ::recv(peer.socket.get(), into.data(), into.size(), MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) return close(index);
        const auto got = static_cast<std::size_t>(count);
        if (peer.head_read < sizeof(Head)) {
          peer.head_read += got;
          if (peer.head_read < sizeof(Head)) continue;
          if (!begin_message(index)) return close(index);
        } else {
          peer.body_read += got;
        }
      }
      if (peer.body_read == peer.head.bytes) end_message(peer);
    }
  }

  static MessageKey key_of(const Head& head) { return {head.number, head.step, head.direct != 0}; }
  static std::uint64_t sequence_of(const MessageKey& key) { return key.direct ? 0 : key.number; }

  // Finds the place for a message whose head is here. False when the connection cannot go on.
  bool begin_message(std::size_t index) {
    Peer& peer = peers[index];
    const Head& head = peer.head;
    const MessageKey key = key_of(head);
    const std::string from = "rank " + std::to_string(index), to = "rank " + std::to_string(options.rank);
    if (head.magic != Head::expected_magic || head.bytes > (std::uint64_t{1} << 40U))
      return tell(index, sequence_of(key), false, "nonsense came from " + from + " to " + to);
    if (head.count != peer.received)
      return tell(index, sequence_of(key), false,
                  "message " + std::to_string(head.count) + " came from " + from + " to " + to + " where " +
                      std::to_string(peer.received) + " was due: messages are lost or out of order");
    ++peer.received;
    peer.body_read = 0;
    {
      const std::lock_guard lock(mutex);
      const auto found = peer.posted.find(key);
      if (found != peer.posted.end() && fits(found->second, head.signature, head.bytes)) {
        peer.target = std::move(found->second);
        peer.posted.erase(found);
        return true;
      }
      if (found == peer.posted.end()) {
        try {
          peer.keep = {std::vector<std::byte>(head.bytes), head.signature};
          return true;
        } catch (const std::exception&) {
        }
      }
    }
    return mismatch(index, key);
  }

  static bool fits(const Posted& posted, std::uint64_t signature, std::uint64_t bytes) {
    return posted.signature == signature && posted.bytes.size() == bytes;
  }

  bool mismatch(std::size_t index, const MessageKey& key) {
    const std::string ranks = "rank " + std::to_string(index) + " to rank " + std::to_string(options.rank);
    if (key.direct) return tell(index, 0, false, "a message from " + ranks + " has not the length that is received");
    return tell(index, key.number, true, "a message from " + ranks + " belongs to something else");
  }

  bool tell(std::size_t index, std::uint64_t sequence, bool is_mismatch, const std::string& what) {
    if (!peers[index].troubled.exchange(true) && options.trouble)
      options.trouble(static_cast<int>(index), sequence, is_mismatch, what);
    return false;
  }

  void end_message(Peer& peer) {
    peer.head_read = 0;
    peer.body_read = 0;
    const MessageKey key = key_of(peer.head);
    if (peer.target) {
      const Done done = std::move(peer.target->done);
      peer.target.reset();
      return done(nullptr);
    }
    bool wrong = false;
    Done done;
    {
      const std::lock_guard lock(mutex);
      const auto found = peer.posted.find(key);  // it may have been posted while the message came in
      if (found == peer.posted.end()) {
        peer.early.insert_or_assign(key, std::move(peer.keep));
      } else {
        wrong = !fits(found->second, peer.keep.signature, peer.keep.bytes.size());
        if (!wrong) {
          std::ranges::copy(peer.keep.bytes, found->second.bytes.begin());
          done = std::move(found->second.done);
          peer.posted.erase(found);
        }
      }
      peer.keep = {};
    }
    if (wrong) mismatch(static_cast<std::size_t>(&peer - peers.data()), key);
    if (done) done(nullptr);
  }

  // The other end is gone, or unusable. Whether that matters shows when something is due from it.
  void close(std::size_t index) {
    Peer& peer = peers[index];
    bool due = false;
    {
      const std::lock_guard lock(mutex);
      peer.closed = true;
      due = peer.target || !peer.posted.empty() || !peer.out.empty();
    }
    if (due) broken(index);
  }

  void broken(std::size_t index) {
    tell(index, 0, false,
         "the connection between rank " + std::to_string(options.rank) + " and rank " + std::to_string(index) +
             " broke");
  }

  // --- the end ---

  void end_all() {
    std::vector<Done> ended;
    std::exception_ptr why;
    {
      const std::lock_guard lock(mutex);
      finished = true;
      why = error;
      for (Peer& peer : peers) {
        for (Outgoing& one : peer.out) ended.push_back(std::move(one.done));
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
  static void enqueue(Peer& peer, Outgoing message, const MessageFate& fate) {
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

  MeshOptions options;
  Wake wake{};
  std::atomic<bool> stop{false};
  std::mutex mutex{};  // of `out`, `posted`, `early`, `closed`, `error`, `finished`
  bool finished = false;
  std::exception_ptr error{};
  std::vector<Peer> peers;
  std::thread thread{};
};

Mesh::Mesh(MeshOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Mesh::~Mesh() { sever(); }

void Mesh::send(int to, MessageKey key, std::span<const std::byte> bytes, std::uint64_t signature, Done done) {
  std::exception_ptr error;
  bool closed = false, dropped = false;
  {
    const std::lock_guard lock(impl_->mutex);
    Peer& peer = impl_->peers[static_cast<std::size_t>(to)];
    error = impl_->error;
    closed = peer.closed;
    if (!impl_->finished) {
      const Head head{.step = key.step,
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
    Peer& peer = impl_->peers[static_cast<std::size_t>(from)];
    error = impl_->error;
    here = impl_->finished;
    const auto found = peer.early.find(key);
    if (!here && found != peer.early.end()) {
      const Early& early = found->second;
      here = early.signature == signature && early.bytes.size() == bytes.size();
      wrong = !here;
      if (here) std::ranges::copy(early.bytes, bytes.begin());
      peer.early.erase(found);
    }
    if (!here) {
      peer.posted.insert_or_assign(key, Posted{bytes, signature, std::move(done)});
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
