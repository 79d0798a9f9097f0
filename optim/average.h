// Exponential moving average of a model's weights and statistics: what is validated and saved.
#pragma once

#include <joist/optim/flat.h>

#include <cstdint>
#include <span>
#include <vector>

namespace joist {

/// After update t the average keeps decay · (1 - e^(-t / tau)) of what it was: short at first, long in the end.
struct AverageOptions {
  double decay = 0.9999;
  double tau = 2000;   ///< updates; 0: the same decay from the beginning
  bool equal = false;  ///< the plain mean of what each update saw (stochastic weight averaging) instead
  /// Above 0, in place of tau: update t counts 1 / (1 + share · t), and 1 - decay at the least. So the average always
  /// spans about this share of the updates so far, in short runs and long ones (polynomial-decay averaging, Shamir &
  /// Zhang 2013; with 1/9 the ramp of TensorFlow's num_updates).
  double share = 0;
};

/// The moving average of all floating-point fields: the flat parameters in one pass, then each buffer (running
/// statistics). Other fields, and frozen parameters, are not averaged: they are those of the model.
class MovingAverage {
 public:
  /// Starts as a copy of the model.
  MovingAverage(const FlatParameters& parameters, std::span<const Field> fields, const AverageOptions& options = {});
  MovingAverage(const MovingAverage&) = delete;
  MovingAverage& operator=(const MovingAverage&) = delete;

  /// Once per optimizer step.
  void update();
  std::int64_t updates() const noexcept { return updates_; }
  /// For an update that a device did not do after all (core/capture.h): so many there were before it.
  void take_back(std::int64_t updates) noexcept { updates_ = updates; }
  /// Of FlatParameters::values().
  const Array& values() const noexcept { return average_; }

  /// Exchanges the model's memory for the average's, or back: pointers only. Do not step or update in between.
  void swap();

  /// Views named as the model's fields; copy or write them before the next update.
  std::vector<NamedState> state() const;
  /// Throws DataError when an array is missing or has another shape.
  void load(std::span<const NamedState> arrays, std::int64_t updates);

 private:
  struct Shadow {
    std::string name{};
    Tensor tensor{};
    Array average{};
  };
  /// What update number `update` (from 1) counts, in [0, 1].
  double weight_of(double update) const;

  const FlatParameters& parameters_;
  AverageOptions options_;
  Array average_;  // of the flat buffer
  std::vector<Shadow> buffers_{};
  std::int64_t updates_ = 0;
  bool swapped_ = false;
};

/// The model holds the averaged values while it lives; its own where there is no average.
class Averaged {
 public:
  explicit Averaged(MovingAverage* average) : average_(average) {
    if (average_) average_->swap();
  }
  ~Averaged() {
    if (average_) average_->swap();
  }
  Averaged(const Averaged&) = delete;
  Averaged& operator=(const Averaged&) = delete;

 private:
  MovingAverage* average_;
};

}  // namespace joist
