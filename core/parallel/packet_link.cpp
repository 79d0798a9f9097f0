#include <joist/core/parallel/packet_link.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace joist::parallel {

void PacketLink::send(std::uint8_t type, std::span<const std::byte> payload) {
  if (!open()) return;
  const auto length = static_cast<std::uint32_t>(payload.size());
  const auto head = std::as_bytes(std::span(&length, 1));
  out_.insert(out_.end(), head.begin(), head.end());
  out_.push_back(static_cast<std::byte>(type));
  out_.insert(out_.end(), payload.begin(), payload.end());
  flush();
}

bool PacketLink::flush() {
  while (has_output()) {
    const ssize_t count = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent_ += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return false;
    }
  }
  if (!has_output()) {
    out_.clear();
    sent_ = 0;
  }
  return open();
}

bool PacketLink::receive(const std::function<void(std::uint8_t, std::span<const std::byte>)>& handle) {
  bool ended = false;
  std::array<std::byte, 16384> chunk;
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count > 0) {
      in_.insert(in_.end(), chunk.begin(), chunk.begin() + count);
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    ended = count == 0 || errno != EAGAIN;
    break;
  }
  constexpr std::size_t head = sizeof(std::uint32_t) + 1;
  std::size_t at = 0;
  while (in_.size() - at >= head) {
    std::uint32_t length = 0;
    std::memcpy(&length, in_.data() + at, sizeof length);
    if (length > largest) return false;
    if (in_.size() - at - head < length) break;
    const auto type = static_cast<std::uint8_t>(in_[at + sizeof length]);
    const std::vector<std::byte> payload(in_.begin() + static_cast<std::ptrdiff_t>(at + head),
                                         in_.begin() + static_cast<std::ptrdiff_t>(at + head + length));
    at += head + length;
    handle(type, payload);
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
  return !ended;
}

}  // namespace joist::parallel
