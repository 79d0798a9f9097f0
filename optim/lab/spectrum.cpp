#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/optim/lab/spectrum.h>
#include <joist/optim/sophia.h>
#include <joist/optim/vectors.h>

#include <cmath>
#include <limits>

namespace joist::lab {
namespace {

// ±1 in every parameter; the padding stays zero.
Array random_signs(const FlatParameters& parameters, std::uint64_t seed, std::uint32_t draw) {
  const Array u = parameters.zeros();
  std::uint32_t call = 0;
  for (const FlatParameters::Slice& slice : parameters.slices()) {
    const Array part = vector_of(u, slice);
    const RandomKey key{.seed = seed, .stream = Stream::noise, .step = 0x1ab, .draw = draw, .call = call++};
    kernels(part).random.uniform(key, -1, 1, part);
    kernels(part).elementwise.unary(Sign{}, part, {part, false});
  }
  return u;
}

Array product(FlatParameters& parameters, const Array& u, const std::function<void()>& evaluate) {
  const Array result = hessian_product(parameters, u, [&] {
    parameters.clear_gradients();
    evaluate();
    parameters.complete_gradients();
  });
  parameters.clear_gradients();
  return result;
}

}  // namespace

Spectrum lanczos(FlatParameters& parameters, const std::function<void()>& evaluate, const SpectrumOptions& options) {
  Spectrum result;
  std::vector<Array> basis;
  std::vector<double> diagonal, beside;
  Array v = random_signs(parameters, options.seed, 0);
  scale(1 / norm(v), v, v);
  const auto steps = std::min(options.iterations, parameters.count());
  for (std::int64_t i = 0; i < steps; ++i) {
    basis.push_back(v);
    const Array w = product(parameters, v, evaluate);
    if (!all_finite(w)) return {};
    diagonal.push_back(dot(v, w));
    for (int pass = 0; pass < 2; ++pass)  // twice is enough
      for (const Array& earlier : basis) add(-dot(earlier, w), earlier, w);
    const double length = norm(w);
    if (!(length > 1e-10 * std::abs(diagonal.front())) || length == 0) break;
    if (i + 1 == steps) break;
    beside.push_back(length);
    scale(1 / length, w, w);
    v = w;
  }
  const auto n = static_cast<std::int64_t>(diagonal.size());
  std::vector<double> matrix(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i) {
    matrix[static_cast<std::size_t>(i * n + i)] = diagonal[static_cast<std::size_t>(i)];
    if (i + 1 < n)
      matrix[static_cast<std::size_t>(i * n + i + 1)] = matrix[static_cast<std::size_t>((i + 1) * n + i)] =
          beside[static_cast<std::size_t>(i)];
  }
  if (n == 0) return result;
  const NoGradient quiet;
  const EigenPairs pairs = eigh(Tensor(Array::from(matrix, {n, n})));
  result.eigenvalues = contiguous(pairs.values).value().to_vector<double>();
  const std::vector<double> vectors = contiguous(pairs.vectors).value().to_vector<double>();
  for (std::size_t i = 0; i < result.eigenvalues.size(); ++i) result.weights.push_back(vectors[i] * vectors[i]);
  return result;
}

double hessian_trace(FlatParameters& parameters, const std::function<void()>& evaluate, std::int64_t vectors,
                     std::uint64_t seed) {
  double sum = 0;
  for (std::int64_t i = 0; i < vectors; ++i) {
    const Array u = random_signs(parameters, seed, static_cast<std::uint32_t>(i + 1));
    sum += dot(u, product(parameters, u, evaluate));
  }
  return sum / static_cast<double>(vectors);
}

GradientNoise gradient_noise(FlatParameters& parameters, const std::function<void(std::int64_t)>& evaluate,
                             std::int64_t batches, std::int64_t batch_size) {
  const Array total = parameters.zeros();
  double squares = 0;
  for (std::int64_t i = 0; i < batches; ++i) {
    parameters.clear_gradients();
    evaluate(i);
    parameters.complete_gradients();
    squares += dot(parameters.gradients(), parameters.gradients());
    add(1, parameters.gradients(), total);
  }
  parameters.clear_gradients();
  const auto n = static_cast<double>(batches);
  const double mean_square = dot(total, total) / (n * n);
  GradientNoise result;
  result.variance = n > 1 ? std::max(0.0, (squares - n * mean_square) / (n - 1)) : 0;
  result.mean_squared = mean_square - result.variance / n;
  result.noise_scale = result.mean_squared > 0 ? result.variance * static_cast<double>(batch_size) / result.mean_squared
                                               : std::numeric_limits<double>::infinity();
  return result;
}

}  // namespace joist::lab
