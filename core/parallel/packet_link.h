// Small packets through a connected stream socket that never blocks.
#pragma once

#include <joist/core/formats/system_error.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace joist::parallel {

class PacketLink {
 public:
  static constexpr std::uint32_t largest = 16U << 20U;  ///< bytes of a packet; a longer one closes the link

  explicit PacketLink(Descriptor socket = Descriptor()) : socket_(std::move(socket)) {}

  bool open() const noexcept { return static_cast<bool>(socket_); }
  int number() const noexcept { return socket_.get(); }
  bool has_output() const noexcept { return open() && sent_ < out_.size(); }

  /// Queues a packet and sends what the socket takes now. Does nothing once closed.
  void send(std::uint8_t type, std::span<const std::byte> payload);
  /// Sends what the socket takes now. False when the other end is gone.
  bool flush();
  /// Reads what is there and hands over each whole packet. False when the other end is gone (after the last packet).
  bool receive(const std::function<void(std::uint8_t type, std::span<const std::byte> payload)>& handle);
  void close() noexcept { socket_ = Descriptor(); }

 private:
  Descriptor socket_;
  std::vector<std::byte> in_{};
  std::vector<std::byte> out_{};
  std::size_t sent_ = 0;
};

}  // namespace joist::parallel
