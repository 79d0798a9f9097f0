// batch_norm() where several ranks see parts of one batch. Not for users: batch_norm() comes here by itself.
#pragma once

#include <joist/core/kernels/normalization.h>
#include <joist/core/sync_batch_norm.h>
#include <joist/core/tensor.h>

namespace joist {

/// Arguments were checked by batch_norm(). Throws ShapeError where all ranks together have one value per channel.
Tensor synchronized_batch_norm(StatisticsExchange& exchange, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                               const Tensor& running_mean, const Tensor& running_variance,
                               const BatchNormOptions& options);

}  // namespace joist
