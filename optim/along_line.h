// What optimizers share that see all parameters as one vector, choose a direction and search along it.
#pragma once

#include <joist/optim/elementwise.h>
#include <joist/optim/line_search.h>

namespace joist {

class AlongLine : public Optimizer {
 public:
  bool needs_closure() const noexcept override { return true; }
  /// Evaluations of the closure since it was made.
  std::int64_t evaluations() const noexcept { return evaluations_; }

 protected:
  AlongLine(std::string kind, FlatParameters& parameters, double lr, bool maximize, bool clear_gradients);

  void advance() override {}
  /// What is minimized (the loss, or minus it), at the present parameters; its gradient goes to gradient().
  double gradient_at(const Closure& closure);
  /// The loss of a value of gradient_at().
  double loss_of(double value) const noexcept { return maximize_ ? -value : value; }
  /// Moves the parameters along direction() to a point of the strong Wolfe search, begun at length `first`; gradient()
  /// is that of the point.
  LineResult search(const Closure& closure, double value, double slope, double first, const WolfeOptions& options);
  /// Value and gradient are finite.
  bool usable(double value) const;

  const Array& direction() const noexcept { return direction_; }
  const Array& gradient() const noexcept { return gradient_; }
  double rate() noexcept { return own_groups().front().lr; }
  /// Makes the direction part of the saved state.
  void adopt_direction(const std::string& name) { direction_ = add_buffer(name); }
  void set_evaluations(std::int64_t count) noexcept { evaluations_ = count; }

 private:
  Array direction_, gradient_;
  std::int64_t evaluations_ = 0;
  bool maximize_;
};

}  // namespace joist
