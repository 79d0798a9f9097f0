// Resizing along one axis as sparse weights, for every backend: output i is the weighted sum of few sources.
#pragma once

#include <joist/core/kernels/resize.h>

#include <cstdint>
#include <vector>

namespace joist {

/// Row i takes the sources source[begin[i]] … source[begin[i + 1] - 1] with their weights.
struct ResampleWeights {
  std::vector<std::int64_t> begin{0}, source{};
  std::vector<double> weight{};

  std::int64_t rows() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  void add(std::int64_t from, double share) {
    source.push_back(from);
    weight.push_back(share);
  }
  void end_row() { begin.push_back(static_cast<std::int64_t>(source.size())); }
  /// A row for each of the sources: what gradients are weighed with.
  ResampleWeights transposed(std::int64_t sources) const;
};

/// From `in` to `out` samples; given: the axis' factor of the options' scale, 0 where the sizes decide.
ResampleWeights smooth_weights(std::int64_t in, std::int64_t out, const ResampleOptions& options, double given);

}  // namespace joist
