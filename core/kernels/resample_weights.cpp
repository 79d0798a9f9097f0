#include <joist/core/kernels/resample_weights.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

double cubic(double t, double a) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

// Triangle or cubic window, widened when shrinking, normalized (Pillow's, which PyTorch follows).
void add_antialiased(ResampleWeights& weights, double center, double ratio, std::int64_t in, bool is_cubic) {
  const double widen = std::max(ratio, 1.0), reach = (is_cubic ? 2 : 1) * widen;
  const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(center - reach + 0.5), 0);
  const auto end = std::min(static_cast<std::int64_t>(center + reach + 0.5), in);
  const std::size_t start = weights.weight.size();
  double total = 0;
  for (std::int64_t s = first; s < end; ++s) {
    const double t = (static_cast<double>(s) - center + 0.5) / widen;
    weights.add(s, is_cubic ? cubic(t, -0.5) : std::max(0.0, 1 - std::abs(t)));
    total += weights.weight.back();
  }
  if (total == 0) return;
  for (std::size_t k = start; k < weights.weight.size(); ++k) weights.weight[k] /= total;
}

}  // namespace

ResampleWeights ResampleWeights::transposed(std::int64_t sources) const {
  std::vector<std::int64_t> next(static_cast<std::size_t>(sources) + 1);
  for (const std::int64_t s : source) ++next[static_cast<std::size_t>(s) + 1];
  for (std::size_t i = 1; i < next.size(); ++i) next[i] += next[i - 1];
  ResampleWeights result;
  result.begin = next;
  result.source.resize(source.size());
  result.weight.resize(source.size());
  for (std::int64_t row = 0; row < rows(); ++row)
    for (auto k = static_cast<std::size_t>(begin[static_cast<std::size_t>(row)]);
         k < static_cast<std::size_t>(begin[static_cast<std::size_t>(row) + 1]); ++k) {
      const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(source[k])]++);
      result.source[to] = row;
      result.weight[to] = weight[k];
    }
  return result;
}

ResampleWeights smooth_weights(std::int64_t in, std::int64_t out, const ResampleOptions& o, double given) {
  const auto n = static_cast<double>(in);
  const bool is_cubic = o.mode == Interpolation::cubic;
  double ratio = given > 0 ? 1 / given : n / static_cast<double>(out);
  if (o.align_corners) ratio = out > 1 ? (n - 1) / static_cast<double>(out - 1) : 0;
  ResampleWeights weights;
  for (std::int64_t i = 0; i < out; ++i, weights.end_row()) {
    const auto position = static_cast<double>(i);
    if (o.antialias) {
      add_antialiased(weights, ratio * (position + 0.5), ratio, in, is_cubic);
      continue;
    }
    double at = o.align_corners ? position * ratio : (position + 0.5) * ratio - 0.5;
    if (!is_cubic) at = std::max(at, 0.0);
    const double low = std::floor(at), t = at - low;
    const auto source = [&](int k) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(low) + k, 0, in - 1); };
    if (is_cubic) {
      for (int k = -1; k < 3; ++k) weights.add(source(k), cubic(t - k, -0.75));
    } else {
      weights.add(source(0), 1 - t);
      weights.add(source(1), t);
    }
  }
  return weights;
}

}  // namespace joist
