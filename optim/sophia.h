// Sophia: momentum over the diagonal of the Hessian, clipped.
#pragma once

#include <joist/optim/groupwise.h>

namespace joist {

struct SophiaOptions {
  double lr = 6e-2;
  double beta1 = 0.96;
  double beta2 = 0.99;
  double eps = 1e-12;               ///< least curvature
  double clip = 1e-2;               ///< largest step before the rate
  double weight_decay = 0;          ///< decoupled
  std::int64_t update_period = 10;  ///< steps between two looks at the Hessian; each costs two more evaluations
  std::int64_t seed = 0;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "sophia";
  OptionTable table();
};

/// Sophia-H (Liu et al. 2023). The diagonal is Hutchinson's estimate u · (H u) with u = ±1, H u by central differences
/// of the gradient, so that it needs a closure.
class Sophia final : public Groupwise<SophiaOptions> {
 public:
  explicit Sophia(FlatParameters& parameters, const SophiaOptions& options = {}, GroupOptions<SophiaOptions> own = {});
  bool needs_closure() const noexcept override { return true; }

 private:
  double minimize(const Closure& closure) override;
  void update(std::size_t group, const SophiaOptions& options) override;
  Array momentum_, curvature_;
};

/// H · u at the present parameters by central differences of the gradient: two evaluations. The parameters are bit for
/// bit what they were; the gradients are those of the last evaluation. `u` is as long as the flat buffer.
Array hessian_product(FlatParameters& parameters, const Array& u, const std::function<void()>& evaluate);

}  // namespace joist
