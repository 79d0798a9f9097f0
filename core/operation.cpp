#include <joist/core/operation.h>

#include <array>

namespace joist {

const char* name_of(Op op) noexcept {
  static constexpr std::array<const char*, op_count> names{"unary",
                                                           "binary",
                                                           "matmul",
                                                           "linear",
                                                           "convolution",
                                                           "batch_norm",
                                                           "max_pool",
                                                           "average_pool",
                                                           "sum",
                                                           "reshape",
                                                           "permute",
                                                           "slice",
                                                           "concat",
                                                           "expand",
                                                           "take_rows",
                                                           "softmax",
                                                           "log_softmax",
                                                           "cross_entropy",
                                                           "distribution_focal",
                                                           "complete_iou",
                                                           "dropout",
                                                           "resize_nearest",
                                                           "copy"};
  return names[static_cast<std::size_t>(op)];
}

}  // namespace joist
