// The helper's end of the socket: blocking reads and writes of frames. See core/formats/hdf5_frames.h.
#pragma once

#include <joist/core/formats/hdf5_frames.h>

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace joist::helper {

/// What ends the work; its text goes to the other side as a failure frame.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Uninitialized memory of a size that is known only at run time.
struct Bytes {
  explicit Bytes(std::size_t count) : data(std::make_unique_for_overwrite<std::byte[]>(count)), size(count) {}
  std::span<std::byte> span() const noexcept { return {data.get(), size}; }

  std::unique_ptr<std::byte[]> data;
  std::size_t size;
};

/// Ends the process when the other side is gone: nobody is left to tell.
void receive(std::span<std::byte> bytes);
Frame receive_frame();
std::string receive_text(std::size_t bytes);
void send(const Frame& frame, std::string_view name = {}, std::span<const std::byte> data = {});
void send(FrameKind kind, std::string_view name = {}, std::string_view text = {});

}  // namespace joist::helper
