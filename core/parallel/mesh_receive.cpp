#include <joist/core/parallel/mesh_state.h>

#include <cerrno>

#include <sys/socket.h>

namespace joist::parallel {

void Mesh::Impl::read(std::size_t index) {
  MeshPeer& peer = peers[index];
  for (int turn = 0; turn < 64 && !stop; ++turn) {  // others have their turn too
    std::span<std::byte> into;
    if (peer.head_read < sizeof(MeshHead)) {
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
      if (peer.head_read < sizeof(MeshHead)) {
        peer.head_read += got;
        if (peer.head_read < sizeof(MeshHead)) continue;
        if (!begin_message(index)) return close(index);
      } else {
        peer.body_read += got;
      }
    }
    if (peer.body_read == peer.head.bytes) end_message(peer);
  }
}

MessageKey Mesh::Impl::key_of(const MeshHead& head) { return {head.number, head.step, head.direct != 0}; }

std::uint64_t Mesh::Impl::sequence_of(const MessageKey& key) { return key.direct ? 0 : key.number; }

// Finds the place for a message whose head is here. False when the connection cannot go on.
bool Mesh::Impl::begin_message(std::size_t index) {
  MeshPeer& peer = peers[index];
  const MeshHead& head = peer.head;
  const MessageKey key = key_of(head);
  const std::string from = "rank " + std::to_string(index), to = "rank " + std::to_string(options.rank);
  if (head.magic != MeshHead::expected_magic || head.bytes > (std::uint64_t{1} << 40U))
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

bool Mesh::Impl::fits(const MeshPosted& posted, std::uint64_t signature, std::uint64_t bytes) {
  return posted.signature == signature && posted.bytes.size() == bytes;
}

bool Mesh::Impl::mismatch(std::size_t index, const MessageKey& key) {
  const std::string ranks = "rank " + std::to_string(index) + " to rank " + std::to_string(options.rank);
  if (key.direct) return tell(index, 0, false, "a message from " + ranks + " has not the length that is received");
  return tell(index, key.number, true, "a message from " + ranks + " belongs to something else");
}

bool Mesh::Impl::tell(std::size_t index, std::uint64_t sequence, bool is_mismatch, const std::string& what) {
  if (!peers[index].troubled.exchange(true) && options.trouble)
    options.trouble(static_cast<int>(index), sequence, is_mismatch, what);
  return false;
}

void Mesh::Impl::end_message(MeshPeer& peer) {
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
void Mesh::Impl::close(std::size_t index) {
  MeshPeer& peer = peers[index];
  bool due = false;
  {
    const std::lock_guard lock(mutex);
    peer.closed = true;
    due = peer.target || !peer.posted.empty() || !peer.out.empty();
  }
  if (due) broken(index);
}

void Mesh::Impl::broken(std::size_t index) {
  tell(index, 0, false,
       "the connection between rank " + std::to_string(options.rank) + " and rank " + std::to_string(index) + " broke");
}

}  // namespace joist::parallel
