// Second-order and conjugate methods for small smooth problems, each with a line search: what to compare the others
// with.
#pragma once

#include <joist/optim/along_line.h>

namespace joist {

struct NewtonOptions {
  double lr = 1;                       ///< first length tried along a direction
  double damping = 0;                  ///< added to every eigenvalue's magnitude
  double least = 1e-8;                 ///< least eigenvalue, as a share of the largest
  std::int64_t max_parameters = 2000;  ///< memory is their square, time their cube
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "newton";
  OptionTable table();
};

/// Newton's method: the Hessian by central differences of the gradient (two evaluations per parameter), its eigenvalues
/// by their magnitudes, so that saddles are left downhill (Dauphin et al. 2014), then a search for strong Wolfe
/// conditions.
class Newton final : public AlongLine {
 public:
  /// Throws UsageError for more parameters than max_parameters.
  explicit Newton(FlatParameters& parameters, const NewtonOptions& options = {});
  std::vector<OptimizerOption> options() const override;

 private:
  double minimize(const Closure& closure) override;
  void choose_direction(const Closure& closure);
  NewtonOptions options_;
};

struct ConjugateGradientOptions {
  double lr = 1;             ///< of the first length tried
  std::int64_t restart = 0;  ///< iterations between two directions along the gradient; 0: as many as parameters
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "conjugate_gradient";
  OptionTable table();
};

/// Nonlinear conjugate gradients (Polak and Ribière's factor, never negative; Nocedal and Wright, section 5.2). One
/// step() is one direction with a search for strong Wolfe conditions (curvature 0.1).
class ConjugateGradient final : public AlongLine {
 public:
  explicit ConjugateGradient(FlatParameters& parameters, const ConjugateGradientOptions& options = {});
  std::vector<OptimizerOption> options() const override;

 private:
  double minimize(const Closure& closure) override;
  ConjugateGradientOptions options_;
  Array previous_gradient_;
  double* numbers_;  // length and slope of the last step, iterations since a restart
  double *slope_, *since_restart_;
};

struct GradientDescentOptions {
  double lr = 1e-3;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "gradient_descent";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {}; }
  OptimizerStep step(std::int64_t, double*) const {
    return {.rule = SgdRule{.rate = lr}, .gradient = maximize ? -1.0 : 1.0};
  }
};
/// p -= lr · g, nothing else: for gradients of the whole data.
using GradientDescent = Elementwise<GradientDescentOptions>;

}  // namespace joist
