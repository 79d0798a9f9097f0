// Connectionist temporal classification; loss.cu fills the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist::cuda {

void ctc_loss(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
              const Array& target_lengths, std::int64_t blank, const Out& loss, const Array& alpha);
void ctc_loss_backward(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
                       const Array& target_lengths, std::int64_t blank, bool zero_infinity, const Array& alpha,
                       const Array& dloss, const Out& dlog_probabilities);

}  // namespace joist::cuda
