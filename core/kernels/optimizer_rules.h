// The rules of the elementwise optimizers: what becomes of one parameter, given its gradient and what is remembered
// about it. A rule is a small struct of coefficients, computed in double once per step, and a function updated() in
// optimizer_rules.inl; every backend has it then. `least` and `most` say how many numbers are remembered per parameter.
#pragma once

#include <joist/core/elementwise.h>

#include <variant>

namespace joist {

/// v = momentum * v + undamped * g; p -= rate * (nesterov ? g + nesterov_momentum * v : v). Without v: p -= rate * g.
struct SgdRule {
  static constexpr int least = 0, most = 1;
  double rate, momentum = 0, undamped = 1, nesterov_momentum = 0;
  bool moving = false, nesterov = false;
};
/// m, v (, largest v): p -= rate * m / (sqrt(v) * correction + eps).
struct AdamRule {
  static constexpr int least = 2, most = 3;
  double rate, beta1, beta2, eps, correction;  ///< rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
  bool amsgrad = false;
};
/// s += g²; p -= rate * g / (sqrt(s) + eps).
struct AdagradRule {
  static constexpr int least = 1, most = 1;
  double rate, eps;
};
/// v, a: d = sqrt(a + eps) / sqrt(v + eps) * g; p -= rate * d.
struct AdadeltaRule {
  static constexpr int least = 2, most = 2;
  double rate, rho, eps;
};
/// v (, mean of g) (, velocity): p -= rate * g / (sqrt(v - mean²) + eps), or that through a velocity.
struct RmspropRule {
  static constexpr int least = 1, most = 3;
  double rate, alpha, eps, momentum;
  bool centered = false, moving = false;
};
/// m, u = max(beta2 * u, |g| + eps): p -= rate * m / u.
struct AdamaxRule {
  static constexpr int least = 2, most = 2;
  double rate, beta1, beta2, eps;
};
/// m, v: p -= (gradient_rate * g + moment_rate * m) / (sqrt(v) * correction + eps).
struct NadamRule {
  static constexpr int least = 2, most = 2;
  double gradient_rate, moment_rate, beta1, beta2, eps, correction;
};
/// m, v: p -= rate * m / (sqrt(v) + eps); not rectified: p -= rate * m.
struct RadamRule {
  static constexpr int least = 2, most = 2;
  double rate, beta1, beta2, eps;
  bool rectified;
};
/// Last gradient, step of this parameter: longer where the sign stays, shorter and not taken where it changes.
struct RpropRule {
  static constexpr int least = 2, most = 2;
  double shorter, longer, smallest, largest;
};
/// Mean of the parameters: p -= rate * g; mean += weight * (p - mean).
struct AsgdRule {
  static constexpr int least = 1, most = 1;
  double rate, weight;
};
/// m: p -= rate * sign(beta1 * m + (1 - beta1) * g); m = beta2 * m + (1 - beta2) * g.
struct LionRule {
  static constexpr int least = 1, most = 1;
  double rate, beta1, beta2;
};
/// z, v: d = g / (sqrt(v) * correction + eps) + weight_decay * p; p = p + mix * (z - p) + pull * d; z -= rate * d.
struct ScheduleFreeRule {
  static constexpr int least = 2, most = 2;
  double rate, mix, pull, beta2, eps, correction, weight_decay;
};
/// m, h (curvature): p -= rate * clamp(m / max(h, eps), -limit, limit).
struct SophiaRule {
  static constexpr int least = 2, most = 2;
  double rate, beta1, eps, limit;
};

/// m, v, s: moments of estimate * g, and s = slow * s + distance * g. The parameter stays.
struct ProdigyMomentsRule {
  static constexpr int least = 3, most = 3;
  double beta1, beta2, slow, estimate, distance;
};
/// m, v, not changed: p -= rate * m / (sqrt(v) + eps).
struct MomentsStepRule {
  static constexpr int least = 2, most = 2;
  double rate, eps;
};

using StepRule =
    std::variant<SgdRule, AdamRule, AdagradRule, AdadeltaRule, RmspropRule, AdamaxRule, NadamRule, RadamRule, RpropRule,
                 AsgdRule, LionRule, ScheduleFreeRule, SophiaRule, ProdigyMomentsRule, MomentsStepRule>;

/// A rule, and what all rules have in common. The rule sees g = gradient * g + weight_decay * p and p = shrink * p.
struct OptimizerStep {
  StepRule rule{};
  double gradient = 1;      ///< -1 climbs
  double weight_decay = 0;  ///< L2
  double shrink = 1;        ///< decoupled decay: 1 - rate * weight_decay
};

namespace scalar {
#define JOIST_FUNCTION \
  template <class T>   \
  JOIST_HOST_DEVICE inline T
#include <joist/core/kernels/optimizer_rules.inl>
#undef JOIST_FUNCTION
}  // namespace scalar

}  // namespace joist
