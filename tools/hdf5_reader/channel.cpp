#include <joist/tools/hdf5_reader/channel.h>

#include <cerrno>

#include <unistd.h>

namespace joist::helper {
namespace {

void write_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) ::_exit(2);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace

void receive(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) ::_exit(2);
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

Frame receive_frame() {
  Frame frame;
  receive(std::as_writable_bytes(std::span(&frame, 1)));
  if (frame.magic != Frame::expected_magic) throw Failure("libjoist and joist-hdf5-reader are of different versions");
  return frame;
}

std::string receive_text(std::size_t bytes) {
  std::string text(bytes, '\0');
  receive(std::as_writable_bytes(std::span(text)));
  return text;
}

void send(const Frame& frame, std::string_view name, std::span<const std::byte> data) {
  Frame head = frame;
  head.name_bytes = name.size();
  head.data_bytes = data.size();
  write_all(std::as_bytes(std::span(&head, 1)));
  write_all(std::as_bytes(std::span(name)));
  write_all(data);
}

void send(FrameKind kind, std::string_view name, std::string_view text) {
  send(Frame{.kind = kind}, name, std::as_bytes(std::span(text)));
}

}  // namespace joist::helper
