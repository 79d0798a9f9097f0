// A training step's work for a device, recorded once and done again and again, without the host's work between: a CUDA
// graph.
#pragma once

#include <joist/core/device.h>
#include <joist/core/error.h>
#include <joist/core/random.h>

#include <functional>
#include <memory>

namespace joist {

/// The work cannot be recorded: it asks the device for a number, brings arrays there, or needs more memory than in its
/// rehearsal. What was recorded so far is dropped.
struct CaptureError : UnsupportedError {
  using UnsupportedError::UnsupportedError;
};

/// One piece of work, used by one thread. It reads and writes arrays that were there before, at the same addresses
/// every time, and must do the same on the host every time but for the numbers in them. Arrays that it makes lie in
/// memory of its own, so that those which are kept hold the results of the last replay().
class StepCapture {
 public:
  using Work = std::function<void()>;

  StepCapture() = default;
  StepCapture(const StepCapture&) = delete;
  StepCapture& operator=(const StepCapture&) = delete;
  virtual ~StepCapture() = default;
  /// Does the work at once, and finds out how much memory it needs.
  virtual void rehearse(const Work& work) = 0;
  /// After the rehearsal: records the work, of which nothing is done yet. `now`: the step and draw whose random numbers
  /// it uses (run_context()). Throws CaptureError.
  virtual void record(const Work& work, const RandomKey& now) = 0;
  /// Does what was recorded, with random numbers of this step and draw instead of those of record(). Throws UsageError
  /// where nothing was recorded.
  virtual void replay(const RandomKey& now) = 0;
};

/// Throws EnvironmentError when the device's backend is not loaded, UnsupportedError for the host.
std::unique_ptr<StepCapture> make_step_capture(Device device);
/// Called by a backend when it is loaded.
void register_step_capture(Device::Kind kind, std::unique_ptr<StepCapture> (*make)());

}  // namespace joist
