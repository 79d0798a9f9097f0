// Losses that teach distances between embeddings.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/ops/loss.h>

#include <functional>

namespace joist {

struct TripletOptions {
  double margin = 1;
  double p = 2;  ///< norm of the difference; infinity is the largest coordinate
  double eps = 1e-6;
  bool swap = false;  ///< the negative counts from the positive when that is nearer (Balntas et al. 2016)
  Reduction reduction = Reduction::mean;
};
/// max(0, d(anchor, positive) - d(anchor, negative) + margin): all [..., features] -> [...]; d the p-norm of the
/// difference, to which eps is added.
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& options = {});

struct TripletDistanceOptions {
  /// Of two tensors of one shape one distance per row; empty: the 2-norm of the difference.
  std::function<Tensor(const Tensor&, const Tensor&)> distance{};
  double margin = 1;
  bool swap = false;
  Reduction reduction = Reduction::mean;
};
/// The same with a distance of one's own.
Tensor triplet_margin_with_distance_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                         const TripletDistanceOptions& options);

/// 1 - cos(a, b) where target is 1, max(0, cos(a, b) - margin) where it is -1: a, b [batch, features] or [features],
/// target [batch] or [].
Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& target, double margin = 0,
                             Reduction reduction = Reduction::mean);

/// InfoNCE (van den Oord et al. 2018): row i of the queries [batch, features] belongs to row i of the keys
/// [keys ≥ batch, features]; all other keys are negatives. Rows are normalized, logits are cosines / temperature.
/// The loss of a row depends on the whole batch: accumulated steps are not one large batch.
Tensor info_nce_loss(const Tensor& queries, const Tensor& keys, double temperature = 0.07,
                     Reduction reduction = Reduction::mean);
/// NT-Xent (Chen et al. 2020, SimCLR): two views [batch, features] of the same pictures; every view's partner among all
/// other 2 batch - 1 views -> 2 batch losses. Depends on the whole batch as above.
Tensor nt_xent_loss(const Tensor& first, const Tensor& second, double temperature = 0.5,
                    Reduction reduction = Reduction::mean);

/// Logits of ArcFace (Deng et al. 2019): scale · cos(θ + margin) at the target, scale · cos θ elsewhere; where θ +
/// margin exceeds π, cos θ - margin sin(margin) keeps the target's logit falling. cosines [batch, classes], target
/// int64 [batch]. To be followed by cross_entropy.
Tensor arcface_logits(const Tensor& cosines, const Tensor& target, double margin = 0.5, double scale = 64);
/// Logits of CosFace (Wang et al. 2018): scale · (cos θ - margin) at the target, scale · cos θ elsewhere.
Tensor cosface_logits(const Tensor& cosines, const Tensor& target, double margin = 0.35, double scale = 64);
/// Cosines of rows: x [batch, features], weight [classes, features] -> [batch, classes].
Tensor cosine_logits(const Tensor& x, const Tensor& weight);

}  // namespace joist
