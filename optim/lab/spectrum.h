// Curvature of a loss at the present parameters, from products of its Hessian with vectors.
#pragma once

#include <joist/optim/flat.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace joist::lab {

struct SpectrumOptions {
  std::int64_t iterations = 20;  ///< Lanczos steps, two gradients each
  std::uint64_t seed = 0;        ///< of the first vector
};

/// What Lanczos' method found (Golub and Van Loan, section 10.1; with full reorthogonalization).
struct Spectrum {
  std::vector<double> eigenvalues{};  ///< ascending; the outer ones are near the Hessian's own
  /// Of stochastic Lanczos quadrature: how much of the spectrum lies near each eigenvalue; they sum to 1 (Ghorbani et
  /// al. 2019).
  std::vector<double> weights{};
  double top() const { return eigenvalues.empty() ? 0 : eigenvalues.back(); }
};

/// `evaluate` computes the gradient of one and the same loss into the cleared gradients: forward and backward. Hessian
/// products are central differences of it. The parameters are bit for bit what they were, gradients are cleared.
Spectrum lanczos(FlatParameters& parameters, const std::function<void()>& evaluate,
                 const SpectrumOptions& options = {});

/// Hutchinson's estimate of the trace: mean of uᵀ H u over vectors u of ±1.
double hessian_trace(FlatParameters& parameters, const std::function<void()>& evaluate, std::int64_t vectors = 8,
                     std::uint64_t seed = 0);

/// The noise of gradients of single batches, from those of `batches` of them at the same parameters; `evaluate(i)` as
/// above, for batch i.
struct GradientNoise {
  double mean_squared = 0;  ///< |mean gradient|², without the part that is noise
  double variance = 0;      ///< tr Σ of one batch's gradient
  /// variance · batch / mean_squared: the simple noise scale of McCandlish et al. (2018), in samples. Batches much
  /// smaller mostly measure noise, much larger ones waste samples. Infinite where the mean drowns in the noise.
  double noise_scale = 0;
};
GradientNoise gradient_noise(FlatParameters& parameters, const std::function<void(std::int64_t)>& evaluate,
                             std::int64_t batches, std::int64_t batch_size);

}  // namespace joist::lab
