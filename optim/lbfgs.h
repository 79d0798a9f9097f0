// L-BFGS: curvature from the last steps and changes of the gradient. For smooth functions without noise.
#pragma once

#include <joist/optim/along_line.h>

#include <deque>

namespace joist {

struct LbfgsOptions {
  double lr = 1;  ///< first length tried along a direction; without line search the length
  std::int64_t max_iter = 20;
  std::int64_t max_eval = 0;            ///< evaluations per step; 0: max_iter · 5 / 4
  double tolerance_grad = 1e-7;         ///< of the largest element of the gradient
  double tolerance_change = 1e-9;       ///< of the loss and of the largest change of a parameter
  std::int64_t history_size = 100;      ///< each takes twice the memory of the parameters
  std::string line_search_fn = "none";  ///< or "strong_wolfe"
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "lbfgs";
  OptionTable table();
};

/// torch.optim.LBFGS, version 2.15 (Liu and Nocedal 1989). One step() is up to max_iter iterations over all parameters
/// together; groups share the rate of the first and nothing decays. Unlike torch's, a trial whose loss or gradient is
/// not finite shrinks the step and is never kept; where the loss is not finite at the start, step() returns it and does
/// nothing.
class Lbfgs final : public AlongLine {
 public:
  explicit Lbfgs(FlatParameters& parameters, const LbfgsOptions& options = {});

  std::vector<OptimizerOption> options() const override;
  /// Since it was made.
  std::int64_t iterations() const noexcept { return iterations_; }

 private:
  struct Pair {
    Array step{}, change{};  ///< of the parameters, of the gradient
    double weight = 0;       ///< 1 / (step · change)
  };

  double minimize(const Closure& closure) override;
  std::vector<NamedState> more_state() const override;
  void load_more(std::span<const NamedState> arrays) override;

  double retreat(const Closure& closure, double value);
  void remember();
  void choose_direction();

  LbfgsOptions options_;
  Array previous_gradient_;
  std::deque<Pair> history_{};
  double length_ = 0, scale_ = 1, previous_value_ = 0;
  std::int64_t iterations_ = 0;
};

}  // namespace joist
