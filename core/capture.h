// A training step's work for a device, recorded once and done again and again, without the host's work between: a CUDA
// graph.
#pragma once

#include <joist/core/array.h>
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

/// What the device found out about a step.
struct StepVerdict {
  double loss = 0;
  double norm = 0;     ///< of the gradients, before they were scaled
  bool taken = false;  ///< both are finite
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
  ///
  /// `renew`: that part of the work which calls OptimizerKernels::step and interpolate, done by the host once more. The
  /// device does nothing of it, but what was recorded gets the coefficients that they are given now, in the same order.
  /// Throws CaptureError, and nothing was done, where it calls others, or more or fewer, or gives the device any other
  /// work. Without it the coefficients are those of before.
  virtual void replay(const RandomKey& now, const Work& renew = {}) = 0;

  /// Within the work: scales the gradients (one axis, dense) as clip_gradient_norm() does, bit for bit, but without
  /// asking the device for their norm. Nothing is scaled where it, or the loss (one element), is not finite; steps and
  /// averages that come afterwards in a recorded work (OptimizerKernels::step, interpolate) then do nothing.
  virtual void clip(const Array& gradients, double limit, const Array& loss) = 0;
  /// Of the last clip(); waits for it.
  virtual StepVerdict verdict() const = 0;
};

/// Throws EnvironmentError when the device's backend is not loaded, UnsupportedError for the host.
std::unique_ptr<StepCapture> make_step_capture(Device device);
/// Called by a backend when it is loaded.
void register_step_capture(Device::Kind kind, std::unique_ptr<StepCapture> (*make)());

}  // namespace joist
