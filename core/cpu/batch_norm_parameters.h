// What the loops of batch normalization calculate with, made from the layer's vectors and from the loops' sums.
#pragma once

#include <joist/core/cpu/batch_norm_layout.h>

namespace joist::batch_norm {

/// A vector [channels], or one number for all when the array is undefined.
class Vector {
 public:
  Vector(const Array& array, float otherwise) : otherwise_(otherwise) {
    if (!array.defined()) return;
    data_ = array.data<float>();
    stride_ = array.strides()[0];
  }
  float& operator[](std::int64_t channel) { return data_ ? data_[channel * stride_] : otherwise_; }
  double at(std::int64_t channel) const { return static_cast<double>(data_ ? data_[channel * stride_] : otherwise_); }
  void put(std::int64_t channel, double value, bool accumulate) {
    if (data_) data_[channel * stride_] = static_cast<float>(accumulate ? at(channel) + value : value);
  }

 private:
  float* data_ = nullptr;
  std::int64_t stride_ = 0;
  float otherwise_;
};

/// z = (x - mean) * scale + shift. The float nearest to the mean is subtracted first, which is exact near the mean;
/// what it lacks goes into the shift.
void set_normalization(Parameters& parameters, std::int64_t channel, double mean, double inverse, double gamma,
                       double beta);
/// The same for all channels of vectors, which may be undefined.
void set_normalization(Parameters& parameters, const Array& mean, const Array& inverse, const Array& gamma,
                       const Array& beta);

/// From the sums of x - origin and of its square over `count` values per channel: mean and inverse deviation, and the
/// running statistics' step where those are defined. Sets mean, scale and shift. `origin`: parameter `mean`.
void finish_statistics(Parameters& parameters, const Totals& totals, std::int64_t count,
                       const BatchNormOptions& options, const Array& gamma, const Array& beta,
                       const Array& running_mean, const Array& running_variance, const Array& mean,
                       const Array& inverse);

/// From the sums of dz and of dz (x - mean) over `count` values per channel: the gradients of gamma and beta where they
/// are wanted and, unless the statistics are fixed, `constant` and `linear`.
void finish_gradient(Parameters& parameters, const Totals& totals, std::int64_t count, const Array& gamma,
                     const Array& inverse, bool fixed_statistics, const Out& dgamma, const Out& dbeta);

/// Writes the normalized values with their activation.
void normalize(const Array& x, const Unary& activation, const Parameters& parameters, const Out& y);

/// The parameters of `columns` channels from `first` on, for a tile of which each column is a channel.
inline void point_at(const Parameters& parameters, std::int64_t first, Matrices& tile) {
  for (std::size_t which = 0; which < parameter_count; ++which)
    tile.parameter[which] = parameters.of(static_cast<Parameter>(which)) + first;
}

}  // namespace joist::batch_norm
