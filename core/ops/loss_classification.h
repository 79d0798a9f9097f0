// Losses of classifiers.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/loss.h>
#include <joist/core/ops/loss.h>

namespace joist {

/// One loss per row: logits [rows, classes], target int64 [rows] -> [rows], 0 where the target is options.ignore.
/// What training loops use; the overload below is PyTorch's.
Tensor cross_entropy(const Tensor& logits, const Array& target, const CrossEntropyOptions& options = {});

struct NllOptions {
  Tensor weight{};  ///< [classes]: factor of each class; undefined: 1
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
};
struct CrossEntropyLossOptions {
  Tensor weight{};                   ///< [classes]: factor of each class; undefined: 1
  std::int64_t ignore_index = -100;  ///< class number whose rows count nothing
  double label_smoothing = 0;        ///< share of the target spread over all classes
  Reduction reduction = Reduction::mean;
};

/// torch.nn.functional.cross_entropy: logits [classes], [batch, classes] or [batch, classes, d1, …]; target int64
/// without the class axis, or probabilities of the logits' shape. Throws DataError for a class out of range.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyLossOptions& options = {});
/// The same as sum and count (rows that count, or the sum of their classes' weights).
LossSum cross_entropy_sum(const Tensor& logits, const Tensor& target, const CrossEntropyLossOptions& options = {});
/// Of logarithms of probabilities: same shapes, class numbers only.
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& target, const NllOptions& options = {});
/// Class numbers int64 [...] -> [..., classes] with 1 - smoothing at the class and smoothing / classes spread over all.
Tensor smooth_labels(const Tensor& target, std::int64_t classes, double smoothing, Dtype dtype = Dtype::float32);

struct BinaryLossOptions {
  Tensor weight{};      ///< broadcasts to the losses
  Tensor pos_weight{};  ///< factor of the positive part, broadcasts to the losses (logits only)
  Reduction reduction = Reduction::mean;
};
/// Elementwise, target in [0, 1], same shape, no reduction.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target);
/// torch.nn.functional.binary_cross_entropy_with_logits: reduced to the mean unless options say otherwise.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, const BinaryLossOptions& options);
/// Of probabilities; logarithms are bounded by -100. Throws DataError for an input outside [0, 1].
Tensor binary_cross_entropy(const Tensor& probabilities, const Tensor& target, const BinaryLossOptions& options = {});

struct FocalOptions {
  double alpha = 0.25;  ///< share of the positive class; negative: no weighting
  double gamma = 2;
  Reduction reduction = Reduction::none;
};
/// torchvision.ops.sigmoid_focal_loss (Lin et al. 2017): binary cross entropy times (1 - p_t)^gamma, elementwise.
Tensor sigmoid_focal_loss(const Tensor& logits, const Tensor& target, const FocalOptions& options = {});
/// |target - σ(logits)|^beta times the binary cross entropy; target: quality in [0, 1] (Li et al. 2020, "Generalized
/// Focal Loss").
Tensor quality_focal_loss(const Tensor& logits, const Tensor& target, double beta = 2,
                          Reduction reduction = Reduction::none);
struct VarifocalOptions {
  double alpha = 0.75;
  double gamma = 2;
  Reduction reduction = Reduction::none;
};
/// Binary cross entropy, times the target where it is above 0, else times alpha σ(logits)^gamma (Zhang et al. 2021).
Tensor varifocal_loss(const Tensor& logits, const Tensor& target, const VarifocalOptions& options = {});
/// logits [rows, bins], target [rows] in [0, bins - 1) -> [rows].
Tensor distribution_focal_loss(const Tensor& logits, const Array& target);

/// T² · KL(softmax(teacher / T) ‖ softmax(student / T)) over axis 1, the mean over the batch (Hinton et al. 2015).
/// The teacher gets no gradient.
Tensor distillation_loss(const Tensor& student_logits, const Tensor& teacher_logits, double temperature = 1,
                         Reduction reduction = Reduction::batch_mean);

}  // namespace joist
