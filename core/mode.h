// Per-thread context of a computation: training or evaluation, and where random numbers come from.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/random.h>

#include <cstdint>

namespace joist {

/// Whether layers behave as in training (batch statistics, dropout). Starts as true, like PyTorch's modules.
bool training() noexcept;

/// Training or evaluation while it lives.
class Mode {
 public:
  enum Kind { training, evaluation };
  explicit Mode(Kind kind);
  ~Mode();
  Mode(const Mode&) = delete;
  Mode& operator=(const Mode&) = delete;

 private:
  bool before_;
};

/// Evaluation mode and no recording: inference.
class Inference {
  Mode mode_{Mode::evaluation};
  NoGradient no_gradient_{};
};

/// While it lives, matmul, linear, convolutions without groups and recurrent layers multiply float32 tensors in
/// bfloat16 (float16 makes no sense on CPUs): operands are rounded to it, sums and results are float32. Everything else
/// stays as it is, attention too, and so do parameters and their gradients. Faster where the CPU has bfloat16 products
/// (`joist doctor`), else only the same numbers.
///
/// On a GPU, whose memory is the limit, those results are bfloat16 too but for recurrent layers', as torch.autocast has
/// them, and so are those of convolutions in groups, of attention and, unlike there, of layer_norm and rms_norm, and
/// what follows up to the next operation with a float32 tensor. Detectors' logits and cross entropies are float32.
class Autocast {
 public:
  /// Where results are bfloat16: as the device has it, everywhere (what a GPU will need, foreseen on the CPU), nowhere.
  enum class Results { of_device, bfloat16, float32 };
  explicit Autocast(bool on = true);  ///< results as around it
  Autocast(bool on, Results results);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  static bool active() noexcept;
  /// For a step on the CPU that shows what one on a device will need.
  static Results as_on(Device device) noexcept;
  /// Whether results on a device are bfloat16 now.
  static bool halves_results(Device device) noexcept;

 private:
  bool before_;
  Results results_before_;
};

/// Seeds parameter initialization and dropout of this thread and restarts their counters.
void manual_seed(std::uint64_t seed);
/// Names the training step (and micro-shard) that dropout's numbers belong to; restarts the call counter.
void set_random_step(std::uint32_t step, std::uint32_t draw = 0);
/// A key for the next use of random numbers in this thread: the call counter advances.
RandomKey next_random_key(Stream stream);

/// All of the above, to run a part of a computation again as it ran first (checkpoint).
struct RunContext {
  bool training = true, autocast = false;
  Autocast::Results autocast_results = Autocast::Results::of_device;
  RandomKey random{};
};
RunContext run_context() noexcept;
/// Puts a context in place while it lives, and before it again afterwards. In between, recomputing() is true: layers
/// with running statistics do not update them a second time.
class Recomputing {
 public:
  explicit Recomputing(const RunContext& context);
  ~Recomputing();
  Recomputing(const Recomputing&) = delete;
  Recomputing& operator=(const Recomputing&) = delete;

 private:
  RunContext before_;
  bool nested_;
};
bool recomputing() noexcept;

}  // namespace joist
