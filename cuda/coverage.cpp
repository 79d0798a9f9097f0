// Every entry of the kernel tables and how it is covered. tests/cuda/kernels_test.cpp holds this list against the
// tables and against what the emulator saw.
#include <joist/core/error.h>
#include <joist/cuda/kernels.h>

#include <string>

namespace joist::cuda {
namespace {

struct Row {
  std::string_view kernel;
  Coverage coverage;
};

constexpr Row rows[] = {
    {"fill", Coverage::functor},
    {"copy", Coverage::functor},
    {"unary", Coverage::functor},
    {"unary_backward", Coverage::functor},
    {"binary", Coverage::functor},
    {"binary_backward", Coverage::emulator},
    {"compare", Coverage::functor},
    {"logic", Coverage::functor},
    {"where", Coverage::functor},
    {"sum", Coverage::emulator},
    {"maximum", Coverage::emulator},
    {"minimum", Coverage::emulator},
    {"product", Coverage::functor},
    {"product_backward", Coverage::functor},
    {"cumulative_sum", Coverage::emulator},
    {"cumulative_product", Coverage::functor},
    {"cumulative_product_backward", Coverage::functor},
    {"log_cumulative_sum_exp", Coverage::functor},
    {"log_cumulative_sum_exp_backward", Coverage::functor},
    {"cumulative_extreme", Coverage::functor},
    {"sort", Coverage::emulator},
    {"searchsorted", Coverage::functor},
    {"bincount", Coverage::emulator},
    {"matmul", Coverage::library},
    {"cholesky", Coverage::host},
    {"qr", Coverage::host},
    {"svd", Coverage::host},
    {"eigh", Coverage::host},
    {"solve", Coverage::host},
    {"triangular_solve", Coverage::host},
    {"slogdet", Coverage::host},
    {"fft", Coverage::host},
    {"convolution", Coverage::library},
    {"convolution_backward_input", Coverage::library},
    {"convolution_backward_weight", Coverage::library},
    {"pad", Coverage::functor},
    {"pad_backward", Coverage::functor},
    {"unfold", Coverage::functor},
    {"fold", Coverage::functor},
    {"roi_align", Coverage::functor},
    {"roi_align_backward", Coverage::functor},
    {"batch_norm", Coverage::emulator},
    {"batch_norm_evaluate", Coverage::functor},
    {"batch_norm_backward", Coverage::emulator},
    {"layer_norm", Coverage::emulator},
    {"layer_norm_backward", Coverage::emulator},
    {"max_pool", Coverage::functor},
    {"max_pool_backward", Coverage::functor},
    {"average_pool", Coverage::functor},
    {"average_pool_backward", Coverage::functor},
    {"max_pool_3d", Coverage::functor},
    {"max_pool_3d_backward", Coverage::functor},
    {"average_pool_3d", Coverage::functor},
    {"average_pool_3d_backward", Coverage::functor},
    {"adaptive_average_pool", Coverage::functor},
    {"adaptive_average_pool_backward", Coverage::functor},
    {"adaptive_max_pool", Coverage::functor},
    {"pool_place", Coverage::functor},
    {"pool_pick", Coverage::functor},
    {"resize_nearest", Coverage::functor},
    {"resize_nearest_backward", Coverage::functor},
    {"nearest_any", Coverage::functor},
    {"nearest_any_backward", Coverage::functor},
    {"resample", Coverage::functor},
    {"resample_backward", Coverage::functor},
    {"grid_sample", Coverage::functor},
    {"grid_sample_backward", Coverage::functor},
    {"softmax", Coverage::emulator},
    {"softmax_backward", Coverage::emulator},
    {"log_softmax", Coverage::emulator},
    {"log_softmax_backward", Coverage::emulator},
    {"sparsemax", Coverage::emulator},
    {"sparsemax_backward", Coverage::emulator},
    {"attention", Coverage::library},
    {"attention_backward", Coverage::library},
    {"recurrent", Coverage::library},
    {"recurrent_backward", Coverage::library},
    {"cross_entropy", Coverage::emulator},
    {"cross_entropy_backward", Coverage::emulator},
    {"distribution_focal", Coverage::functor},
    {"distribution_focal_backward", Coverage::functor},
    {"complete_iou", Coverage::functor},
    {"complete_iou_backward", Coverage::functor},
    {"ctc_loss", Coverage::emulator},
    {"ctc_loss_backward", Coverage::emulator},
    {"take_rows", Coverage::functor},
    {"take_rows_backward", Coverage::emulator},
    {"gather", Coverage::functor},
    {"scatter", Coverage::functor},
    {"dropout", Coverage::functor},
    {"uniform", Coverage::functor},
    {"normal", Coverage::functor},
    {"bernoulli", Coverage::functor},
    {"random_integers", Coverage::functor},
    {"step", Coverage::functor},
    {"interpolate", Coverage::functor},
    {"square_sum", Coverage::emulator},
    {"product_sum", Coverage::emulator},
};

}  // namespace

Coverage coverage_of(std::string_view kernel) {
  for (const Row& row : rows)
    if (row.kernel == kernel) return row.coverage;
  throw InternalError({.where = std::string(kernel),
                       .what = "a kernel that cuda/coverage.cpp does not know",
                       .remedy = "a line there that says how it is computed on a GPU"});
}

}  // namespace joist::cuda
