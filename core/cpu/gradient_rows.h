// The gradient of a convolution's result as its backward reads it: as it lies, or computed of the normalization behind
// (LateNormalization). Channels innermost.
#pragma once

#include <joist/core/cpu/batch_norm_parameters.h>
#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/pointwise.h>

namespace joist {

class GradientRows {
 public:
  explicit GradientRows(const ResultGradient& dy);
  explicit GradientRows(const LateNormalization& late) : GradientRows(ResultGradient{{}, &late}) {}

  std::int64_t channels() const { return rows_.channels; }
  /// Floats that block() needs for so many pixels.
  std::int64_t scratch(std::int64_t pixels) const { return late_ ? pixels * channels() : 0; }
  /// `pixels` of them from `first` on, computed into `scratch` where they do not lie anywhere.
  pointwise::Rows block(std::int64_t first, std::int64_t pixels, float* scratch) const;
  /// What block() of these pixels reads.
  void add_to(ReadAhead& ahead, std::int64_t first, std::int64_t pixels) const;
  /// Channels `channel` to `channel + count - 1` of neighbouring pixels, brought into rows `to_row` floats apart.
  void copy(std::int64_t first, std::int64_t pixels, std::int64_t channel, std::int64_t count, float* to,
            std::int64_t to_row) const;

 private:
  pointwise::Rows rows_{};  // of dy, or of the late one's values
  const LateNormalization* late_ = nullptr;
  batch_norm::Parameters parameters_;
  batch_norm::Fused fused_{};
  std::int64_t picture_ = 0;  // pixels of one
};

/// Of a normalization whose statistics are those of its batch.
batch_norm::Parameters parameters_of(const NormalizedInput& input);
batch_norm::Parameters parameters_of(const LateNormalization& late);

}  // namespace joist
