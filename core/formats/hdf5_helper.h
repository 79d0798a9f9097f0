// The process joist-hdf5-reader, seen from libjoist.
#pragma once

#include <joist/core/formats/hdf5_frames.h>
#include <joist/core/formats/system_error.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>

#include <sys/types.h>

namespace joist {

/// The helper ended or went silent before its answer was whole; what() says how.
struct HelperFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Path of the helper: $JOIST_HDF5_READER, or beside libjoist. Throws EnvironmentError when it is not there.
std::filesystem::path find_hdf5_helper();

class Hdf5Helper {
 public:
  /// Starts it. `patience`: how long it may neither take nor give a byte. Throws EnvironmentError when it cannot be
  /// started.
  explicit Hdf5Helper(std::chrono::milliseconds patience);
  Hdf5Helper(const Hdf5Helper&) = delete;
  Hdf5Helper& operator=(const Hdf5Helper&) = delete;
  /// Ends it if it still runs.
  ~Hdf5Helper();

  /// A helper that is gone drops the bytes silently: the reason shows when its answer is read.
  void send(std::span<const std::byte> bytes);
  void send(const Frame& frame, std::string_view name = {}, std::span<const std::byte> data = {});
  /// Fills the span. Throws HelperFailure.
  void receive(std::span<std::byte> bytes);
  Frame receive_frame();
  std::string receive_text(std::size_t bytes);

 private:
  void wait_for(short events);
  int reap() noexcept;  // waitpid's status, or -1

  std::chrono::milliseconds patience_;
  Descriptor socket_{};
  pid_t process_ = -1;
  bool gone_ = false;
};

}  // namespace joist
