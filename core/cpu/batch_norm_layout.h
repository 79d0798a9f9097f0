// How batch normalization walks its arrays: which tiles there are and which channel each tile column belongs to.
#pragma once

#include <joist/core/array.h>
#include <joist/core/cpu/batch_norm_tiles.h>
#include <joist/core/kernels.h>

#include <vector>

namespace joist::batch_norm {

/// parameter_count numbers per channel.
class Parameters {
 public:
  explicit Parameters(std::int64_t channels)
      : channels_(channels), values_(static_cast<std::size_t>(channels) * parameter_count) {}
  float& operator()(Parameter which, std::int64_t channel) {
    return values_[static_cast<std::size_t>(static_cast<std::int64_t>(which) * channels_ + channel)];
  }
  const float* of(Parameter which) const { return values_.data() + static_cast<std::int64_t>(which) * channels_; }
  std::int64_t channels() const { return channels_; }

 private:
  std::int64_t channels_;
  std::vector<float> values_;
};

/// Two sums per channel.
struct Totals {
  std::vector<double> first, second;
};

/// x, and dy and out where they are defined, all of x's shape [batch, channels, ...], walked together. Arrays whose
/// layouts do not go together (none does in a network that keeps to one order) are copied.
class Loop {
 public:
  Loop(const Array& x, const Array& dy, const Out& out);

  std::int64_t channels() const { return channels_; }
  /// Elements per channel.
  std::int64_t count() const { return count_; }
  /// Some element of a channel.
  float sample(std::int64_t channel) const;

  /// In an order that depends only on shapes and strides, not on the number of threads.
  Totals sums(SumFunction function, const void* activation, const Parameters& parameters) const;
  void write(WriteFunction function, const void* activation, const Parameters& parameters);

 private:
  struct Operand {
    Array array{};
    std::int64_t channel = 0, row = 0;  // strides
  };
  bool arrange();
  Matrices at(std::int64_t channel, std::int64_t row, std::int64_t column) const;
  std::vector<float> for_columns(const Parameters& parameters) const;

  Operand x_{}, dy_{}, out_{};
  bool accumulate_ = false;
  Array copy_to_{};  // where out_ goes in the end, when it is a temporary
  bool past_caches_ = false;
  bool planes_ = false;
  std::int64_t channels_ = 0, count_ = 0;
  // planes: per channel a matrix [batch, pixels]. Otherwise one matrix [pixels / fold, fold * channels]: narrow arrays
  // take several pixels per row.
  std::int64_t rows_ = 0, columns_ = 0, fold_ = 1;
};

}  // namespace joist::batch_norm
