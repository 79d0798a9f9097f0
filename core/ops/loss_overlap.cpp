// dice = 1 - (2 Σ p t + s) / (Σ p + Σ t + s)      tversky = (1 - (TP + s) / (TP + α FP + β FN + s))^γ
//   TP = Σ p t      FP = Σ p (1 - t)      FN = Σ (1 - p) t
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

// [batch, channel, d1, …] -> [batch, channel, places]
Tensor places(const char* op, const Tensor& x) {
  if (x.rank() < 2)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text(),
                      .expected = "[batch, channel, d1, …]",
                      .remedy = "unsqueeze(x, 1) where there is one channel"});
  return reshape(x, {x.shape(0), x.shape(1), x.shape().elements(2, x.rank())});
}

}  // namespace

Tensor dice_loss(const Tensor& probabilities, const Tensor& target, const DiceOptions& options) {
  require_pair("dice_loss", probabilities, target);
  require_option("dice_loss", options.smooth >= 0, "smooth", options.smooth, "0 or more");
  const Tensor p = places("dice_loss", probabilities), t = places("dice_loss", as_numbers(target, probabilities));
  const Tensor above = sum(p * t, {2}) * 2.0 + options.smooth;
  return reduced(1.0 - above / (sum(p, {2}) + sum(t, {2}) + options.smooth), options.reduction);
}

Tensor tversky_loss(const Tensor& probabilities, const Tensor& target, const TverskyOptions& options) {
  require_pair("tversky_loss", probabilities, target);
  require_option("tversky_loss", options.smooth >= 0, "smooth", options.smooth, "0 or more");
  require_option("tversky_loss", options.alpha >= 0, "alpha", options.alpha, "0 or more");
  require_option("tversky_loss", options.beta >= 0, "beta", options.beta, "0 or more");
  require_option("tversky_loss", options.gamma > 0, "gamma", options.gamma, "a number above 0");
  const Tensor p = places("tversky_loss", probabilities), t = places("tversky_loss", as_numbers(target, probabilities));
  const Tensor hit = sum(p * t, {2});
  const Tensor wrong = (sum(p, {2}) - hit) * options.alpha + (sum(t, {2}) - hit) * options.beta;
  // 1 - (TP + s) / (TP + wrong + s), without the cancellation
  const Tensor losses = wrong / (hit + wrong + options.smooth);
  return reduced(options.gamma == 1 ? losses : pow(losses, options.gamma), options.reduction);
}

}  // namespace joist
