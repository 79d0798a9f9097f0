// What a computation spends its time and memory on: every operation, forwards and backwards, as a Chrome trace
// (chrome://tracing, https://ui.perfetto.dev).
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/layer_names.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// One bar of the trace.
struct ProfileEvent {
  std::string name{};      ///< "convolution", "Relu", a phase's name
  std::string category{};  ///< "forward", "backward", "phase"
  std::string layer{};     ///< "layer1.0.conv1", "after layer1.0.conv1"
  std::string shape{};     ///< of the first result
  double start = 0;        ///< microseconds since the profiler was made
  double duration = 0;     ///< microseconds
  std::size_t memory = 0;  ///< bytes of arrays in use at its end
};

/// While it lives, notes the operations of its thread; other listeners go on hearing. An operation's backward is timed
/// from its begin to its end; a forward begins where the operation, backward or phase before it ended, as operations
/// follow each other without pause inside a model. Costs nothing when there is none.
class Profiler final : private Listener {
 public:
  explicit Profiler(const std::vector<Field>& fields = {});
  ~Profiler() override = default;
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  /// Names what happens while it lives ("data", "forward", "optimizer"); does nothing without a profiler.
  class Phase {
   public:
    Phase(Profiler* profiler, std::string name);
    ~Phase();
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

   private:
    Profiler* profiler_;
    std::string name_;
    double start_ = 0;
  };

  const std::vector<ProfileEvent>& events() const noexcept { return events_; }
  /// {"traceEvents": […]}: bars with their layer and shape, and a curve of the memory in use.
  std::string chrome_trace() const;
  /// The operations with most time, added up by name and direction, as lines of text.
  std::string table(std::size_t rows = 20) const;

 private:
  double now() const;
  void add(ProfileEvent event);
  void on_record(const Operation&, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override;
  void on_backward(const Node&, std::span<const Array> output_gradients) override;
  void on_backward_done(const Node&, std::span<const Array> output_gradients) override;

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  LayerNames names_;
  std::vector<ProfileEvent> events_{};
  std::vector<double> running_{};  // starts of the backwards that run now
  double free_since_ = 0;          // when the last event ended
  Listener* before_;
  Listening listening_;
};

}  // namespace joist
