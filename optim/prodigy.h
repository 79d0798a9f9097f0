// Prodigy: Adam that finds its rate by itself.
#pragma once

#include <joist/optim/groupwise.h>

#include <limits>

namespace joist {

struct ProdigyOptions {
  double lr = 1;  ///< a factor of the rate that is found; what a schedule changes
  double beta1 = 0.9;
  double beta2 = 0.999;
  double beta3 = 0;  ///< 0: √beta2
  double eps = 1e-8;
  double weight_decay = 0;
  bool decouple = true;
  bool use_bias_correction = false;
  bool safeguard_warmup = false;
  double d0 = 1e-6;                                              ///< first estimate of the distance to the solution
  double d_coef = 1;                                             ///< larger: larger rates
  double growth_rate = std::numeric_limits<double>::infinity();  ///< largest growth of the estimate per step
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "prodigy";
  OptionTable table();
};

/// Prodigy of the package prodigyopt, 1.1.2 (Mishchenko and Defazio 2024). All groups share the rate of the first, and
/// the estimate.
class Prodigy final : public Groupwise<ProdigyOptions> {
 public:
  explicit Prodigy(FlatParameters& parameters, const ProdigyOptions& options = {},
                   GroupOptions<ProdigyOptions> own = {});
  /// The present estimate of the distance to the solution.
  double estimate() const noexcept { return numbers_[0]; }

 private:
  void advance() override;
  void update(std::size_t, const ProdigyOptions&) override {}

  double* numbers_;  // of the first group: estimate
  double *largest_, *numerator_;
  Array first_moment_, second_moment_, slow_, start_;
};

}  // namespace joist
