// What the operations share that a device computes together with the batch normalization before or in them.
#pragma once

#include <joist/core/kernels/fused_convolution.h>
#include <joist/core/tensor.h>

namespace joist {

/// The operands of batch_norm().
struct NormalizationOperands {
  const Tensor &x, &gamma, &beta, &running_mean, &running_variance;
};

/// The device's fused kernels where they may be asked for this normalization: in training, by the statistics of one
/// process's batch, with nobody listening. nullptr for everything else, what is wrong too: batch_norm() says what.
const FusedConvolutions* fused_kernels_for(const NormalizationOperands& operands, const BatchNormOptions& options,
                                           bool training);

/// x and how its batch normalizes it; the running statistics are moved. `sums`: what the convolution that made x found;
/// nullptr or undefined: they are taken now.
NormalizedInput normalized_by_batch(const FusedConvolutions& device, const NormalizationOperands& operands,
                                    const BatchNormOptions& options, const ChannelSums* sums);

}  // namespace joist
