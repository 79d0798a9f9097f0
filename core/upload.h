// Host arrays on their way to a device while it computes: the next batch of a training.
#pragma once

#include <joist/core/array.h>

#include <memory>
#include <span>
#include <vector>

namespace joist {

/// One upload at a time: begin(), then take(). Used by one thread.
class Uploader {
 public:
  Uploader() = default;
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;
  virtual ~Uploader() = default;
  /// Begins to copy dense host arrays, which may be changed when it returns. What was begun and not taken is dropped.
  /// Throws ShapeError for an array with gaps, EnvironmentError where there is no memory.
  virtual void begin(std::span<const Array> arrays) = 0;
  /// The copies, with the shapes and strides of the arrays, for all that the device is given from now on; the host does
  /// not wait. Their memory is written again by the begin() that follows the next take(). Throws UsageError where
  /// nothing was begun.
  virtual std::vector<Array> take() = 0;
};

/// Throws EnvironmentError when the device's backend is not loaded, UnsupportedError where it cannot (the host).
std::unique_ptr<Uploader> make_uploader(Device device);
/// Called by a backend when it is loaded.
void register_uploader(Device::Kind kind, std::unique_ptr<Uploader> (*make)());

}  // namespace joist
