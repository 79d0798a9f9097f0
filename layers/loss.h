// Losses as layers: the functions of core/ops/loss*.h with their settings kept, named as in torch.nn. A training loop
// does as well with the functions.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/required.h>

namespace joist {

struct CrossEntropyLoss {
  CrossEntropyLossOptions options{};
  Tensor operator()(const Tensor& logits, const Tensor& target) const { return cross_entropy(logits, target, options); }
};
struct NLLLoss {
  NllOptions options{};
  Tensor operator()(const Tensor& log_probabilities, const Tensor& target) const {
    return nll_loss(log_probabilities, target, options);
  }
};
struct BCELoss {
  BinaryLossOptions options{};
  Tensor operator()(const Tensor& probabilities, const Tensor& target) const {
    return binary_cross_entropy(probabilities, target, options);
  }
};
struct BCEWithLogitsLoss {
  BinaryLossOptions options{};
  Tensor operator()(const Tensor& logits, const Tensor& target) const {
    return binary_cross_entropy_with_logits(logits, target, options);
  }
};
struct SigmoidFocalLoss {
  FocalOptions options{};
  Tensor operator()(const Tensor& logits, const Tensor& target) const {
    return sigmoid_focal_loss(logits, target, options);
  }
};
struct MSELoss {
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const { return mse_loss(input, target, reduction); }
};
struct L1Loss {
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const { return l1_loss(input, target, reduction); }
};
struct HuberLoss {
  double delta = 1;
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return huber_loss(input, target, delta, reduction);
  }
};
struct SmoothL1Loss {
  double beta = 1;
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return smooth_l1_loss(input, target, beta, reduction);
  }
};
struct KLDivLoss {
  bool log_target = false;
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return kl_div(input, target, log_target, reduction);
  }
};
struct PoissonNLLLoss {
  PoissonOptions options{};
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return poisson_nll_loss(input, target, options);
  }
};
struct GaussianNLLLoss {
  GaussianOptions options{};
  Tensor operator()(const Tensor& input, const Tensor& target, const Tensor& variance) const {
    return gaussian_nll_loss(input, target, variance, options);
  }
};
struct HingeEmbeddingLoss {
  double margin = 1;
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return hinge_embedding_loss(input, target, margin, reduction);
  }
};
struct SoftMarginLoss {
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return soft_margin_loss(input, target, reduction);
  }
};
struct MarginRankingLoss {
  double margin = 0;
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& target) const {
    return margin_ranking_loss(a, b, target, margin, reduction);
  }
};
struct MultiMarginLoss {
  MultiMarginOptions options{};
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return multi_margin_loss(input, target, options);
  }
};
struct MultiLabelMarginLoss {
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return multilabel_margin_loss(input, target, reduction);
  }
};
struct MultiLabelSoftMarginLoss {
  Tensor weight{};
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& input, const Tensor& target) const {
    return multilabel_soft_margin_loss(input, target, weight, reduction);
  }
};
struct TripletMarginLoss {
  TripletOptions options{};
  Tensor operator()(const Tensor& anchor, const Tensor& positive, const Tensor& negative) const {
    return triplet_margin_loss(anchor, positive, negative, options);
  }
};
struct TripletMarginWithDistanceLoss {
  TripletDistanceOptions options{};
  Tensor operator()(const Tensor& anchor, const Tensor& positive, const Tensor& negative) const {
    return triplet_margin_with_distance_loss(anchor, positive, negative, options);
  }
  auto fields() { return joist::fields(); }
};
struct CosineEmbeddingLoss {
  double margin = 0;
  Reduction reduction = Reduction::mean;
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& target) const {
    return cosine_embedding_loss(a, b, target, margin, reduction);
  }
};
struct CTCLoss {
  CtcOptions options{};
  Tensor operator()(const Tensor& log_probabilities, const Tensor& targets, const Tensor& input_lengths,
                    const Tensor& target_lengths) const {
    return ctc_loss(log_probabilities, targets, input_lengths, target_lengths, options);
  }
};
struct DiceLoss {
  DiceOptions options{};
  Tensor operator()(const Tensor& probabilities, const Tensor& target) const {
    return dice_loss(probabilities, target, options);
  }
};
struct TverskyLoss {
  TverskyOptions options{};
  Tensor operator()(const Tensor& probabilities, const Tensor& target) const {
    return tversky_loss(probabilities, target, options);
  }
};

struct MarginHeadOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> classes;
  double margin = 0.5;
  double scale = 64;
};

namespace detail {
inline Parameter margin_weight(const char* layer, const MarginHeadOptions& options) {
  if (!(options.margin >= 0 && options.margin < 3.1415926) || !(options.scale > 0))
    throw UsageError({.where = layer,
                      .what = "margin " + std::to_string(options.margin) + ", scale " + std::to_string(options.scale),
                      .expected = "a margin from 0 to below π and a scale above 0",
                      .remedy = "0.5 and 64 for ArcFace, 0.35 and 64 for CosFace"});
  return init::xavier_uniform(
      {require_positive(layer, "classes", options.classes), require_positive(layer, "in", options.in)});
}
}  // namespace detail

/// The last layer of a model trained with ArcFace (Deng et al. 2019): x [batch, in], target int64 [batch] -> logits
/// [batch, classes] for cross_entropy; without a target (evaluation) scale · cosines.
struct ArcFace {
  explicit ArcFace(const MarginHeadOptions& options)
      : margin(options.margin), scale(options.scale), weight(detail::margin_weight("ArcFace", options)) {}
  Tensor operator()(const Tensor& x) const { return cosine_logits(x, weight) * scale; }
  Tensor operator()(const Tensor& x, const Tensor& target) const {
    return arcface_logits(cosine_logits(x, weight), target, margin, scale);
  }
  auto fields() { return joist::fields("weight", weight); }

  double margin, scale;
  Parameter weight;  // [classes, in]
};

/// The same with CosFace's margin (Wang et al. 2018; theirs is 0.35).
struct CosFace {
  explicit CosFace(const MarginHeadOptions& options)
      : margin(options.margin), scale(options.scale), weight(detail::margin_weight("CosFace", options)) {}
  Tensor operator()(const Tensor& x) const { return cosine_logits(x, weight) * scale; }
  Tensor operator()(const Tensor& x, const Tensor& target) const {
    return cosface_logits(cosine_logits(x, weight), target, margin, scale);
  }
  auto fields() { return joist::fields("weight", weight); }

  double margin, scale;
  Parameter weight;  // [classes, in]
};

}  // namespace joist
