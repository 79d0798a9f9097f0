// Attention of arrays by cuDNN's flash kernels, which never write the scores.
#pragma once

#include <joist/core/kernels/attention.h>
#include <joist/core/kernels/kernel.h>

namespace joist::cuda {

/// As the entries of AttentionKernels, for 16-bit operands without mask, slopes, dropout and window. False: nothing was
/// done, since the library does not compute this (why is said once, where it might have), or is not wanted
/// (cudnn_is_wanted()). Either direction may be computed otherwise: log_sum is the same.
bool attention_by_library(const char* name, const AttentionOptions& options, const AttentionArguments& a, const Out& y,
                          const Array& log_sum);
bool attention_backward_by_library(const char* name, const AttentionOptions& options, const AttentionArguments& a,
                                   const Array& y, const Array& log_sum, const Array& dy, const AttentionOuts& outs);
/// So that tests can change what the library can do.
void forget_attention_plans();

}  // namespace joist::cuda
