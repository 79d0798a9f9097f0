// What losses as layers refuse.
#include <joist/layers/loss.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

Tensor classes(const std::vector<std::int64_t>& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())});
}

// Losses of an input and a target of one shape.
template <class Loss>
void expect_unequal(const std::string& name, const std::string& function) {
  const Loss loss{};
  const Tensor x = ones({3, 4});
  expect_refusals({
      wrong_shape(name,
                  [&] {
                    return loss(x, ones({2, 4}));
                  },
                  {function, "input [3, 4], target [2, 4]", "equal shapes", "expand or reshape"}),
      wrong_shape(name,
                  [&] {
                    return loss(x, ones({3, 1}));
                  },
                  {function, "input [3, 4], target [3, 1]", "equal shapes"}),
  });
}
template <class Loss>
void expect_pair(const std::string& name, const std::string& function) {
  expect_unequal<Loss>(name, function);
  const Loss loss{};
  const Tensor integers = ones({3, 4}, Dtype::int64);
  expect_refusals({wrong_dtype(name, [&] { return loss(integers, integers); },
                               {function, "input of int64", "float32, float64", "to(x, Dtype::float32)"})});
}

TEST(LossLayerErrors, PairsOfOneShape) {
  expect_pair<BCELoss>("BCELoss", "binary_cross_entropy:");
  expect_pair<BCEWithLogitsLoss>("BCEWithLogitsLoss", "binary_cross_entropy_with_logits:");
  expect_pair<SigmoidFocalLoss>("SigmoidFocalLoss", "sigmoid_focal_loss:");
  expect_pair<MSELoss>("MSELoss", "mse_loss:");
  expect_pair<L1Loss>("L1Loss", "l1_loss:");
  expect_pair<HuberLoss>("HuberLoss", "huber_loss:");
  expect_pair<SmoothL1Loss>("SmoothL1Loss", "smooth_l1_loss:");
  expect_pair<KLDivLoss>("KLDivLoss", "kl_div:");
  expect_unequal<PoissonNLLLoss>("PoissonNLLLoss", "poisson_nll_loss:");
  expect_pair<HingeEmbeddingLoss>("HingeEmbeddingLoss", "hinge_embedding_loss:");
  expect_pair<SoftMarginLoss>("SoftMarginLoss", "soft_margin_loss:");
  expect_pair<MultiLabelMarginLoss>("MultiLabelMarginLoss", "multilabel_margin_loss:");
  expect_pair<MultiLabelSoftMarginLoss>("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss:");
  expect_pair<DiceLoss>("DiceLoss", "dice_loss:");
  expect_pair<TverskyLoss>("TverskyLoss", "tversky_loss:");
}

TEST(LossLayerErrors, OptionsAndNumbersOfPairs) {
  const Tensor x = ones({3, 4}), y = ones({3, 4}), rows = ones({3});
  expect_refusals({
      wrong_numbers("BCELoss", [&] { return BCELoss{}(x * 1.5, y); },
                    {"binary_cross_entropy", "input 1.5", "0 to 1", "with_logits"}),
      wrong_option("BCELoss", [&] { return BCELoss{{.pos_weight = y}}(x, y); },
                   {"binary_cross_entropy", "pos_weight given", "weight only", "with_logits"}),
      wrong_option<ShapeError>("BCEWithLogitsLoss",
                               [&] {
                                 return BCEWithLogitsLoss{{.weight = ones({2, 3, 4})}}(x, y);
                               },
                               {"weight [2, 3, 4] for losses [3, 4]", "broadcasts", "reshape"}),
      wrong_option<ShapeError>("BCEWithLogitsLoss", [&] { return BCEWithLogitsLoss{{.pos_weight = ones({3})}}(x, y); },
                               {"binary_cross_entropy_with_logits", "[3]", "[3, 4]", "reshape()"}),
      wrong_option("SigmoidFocalLoss", [&] { return SigmoidFocalLoss{{.alpha = 2}}(x, y); },
                   {"sigmoid_focal_loss", "alpha 2", "at most 1", "another alpha"}),
      wrong_option("SigmoidFocalLoss", [&] { return SigmoidFocalLoss{{.gamma = -1}}(x, y); },
                   {"gamma -1", "0 or more"}),
      wrong_option("HuberLoss", [&] { return HuberLoss{0}(x, y); },
                   {"huber_loss", "delta 0", "above 0", "another delta"}),
      wrong_option("SmoothL1Loss", [&] { return SmoothL1Loss{-1}(x, y); }, {"smooth_l1_loss", "beta -1", "0 or more"}),
      wrong_option("PoissonNLLLoss", [&] { return PoissonNLLLoss{{.eps = -1}}(x, y); }, {"poisson_nll_loss", "eps -1"}),
      wrong_numbers("MultiLabelMarginLoss",
                    [&] {
                      return MultiLabelMarginLoss{}(x, full({3, 4}, 4, Dtype::int64));
                    },
                    {"multilabel_margin_loss", "target 4 in row 0", "0 to 3", "check the labels"}),
      wrong_dtype("MultiLabelMarginLoss", [&] { return MultiLabelMarginLoss{}(x, y); },
                  {"multilabel_margin_loss", "target of float32", "int64", "to(x, Dtype::int64)"}),
      wrong_option<ShapeError>("MultiLabelSoftMarginLoss", [&] { return MultiLabelSoftMarginLoss{ones({3})}(x, y); },
                               {"multilabel_soft_margin_loss", "[3]", "[3, 4]"}),
      wrong_option("DiceLoss", [&] { return DiceLoss{{.smooth = -1}}(x, y); }, {"dice_loss", "smooth -1", "0 or more"}),
      wrong_shape("DiceLoss", [&] { return DiceLoss{}(rows, rows); },
                  {"dice_loss", "[3]", "[batch, channel", "unsqueeze"}),
      wrong_option("TverskyLoss", [&] { return TverskyLoss{{.alpha = -1}}(x, y); }, {"tversky_loss", "alpha -1"}),
      wrong_option("TverskyLoss", [&] { return TverskyLoss{{.gamma = 0}}(x, y); },
                   {"tversky_loss", "gamma 0", "above 0"}),
  });
}

TEST(LossLayerErrors, Classes) {
  const Tensor x = ones({3, 4}), integers = ones({3, 4}, Dtype::int64), good = classes({0, 1, 3});
  expect_refusals({
      wrong_shape("CrossEntropyLoss",
                  [&] {
                    return CrossEntropyLoss{}(x, classes({0, 1}));
                  },
                  {"cross_entropy", "input [3, 4], target [2]", "target [3]", "axis 1"}),
      wrong_dtype("CrossEntropyLoss", [&] { return CrossEntropyLoss{}(x, to(good, Dtype::int32)); },
                  {"cross_entropy", "target of int32", "int64", "to(x, Dtype::int64)"}),
      wrong_dtype("CrossEntropyLoss", [&] { return CrossEntropyLoss{}(integers, good); },
                  {"cross_entropy", "input of int64", "to(x, Dtype::float32)"}),
      wrong_numbers("CrossEntropyLoss",
                    [&] {
                      return CrossEntropyLoss{}(x, classes({0, 4, 1}));
                    },
                    {"cross_entropy", "target 4 in row 1", "0 to 3", "check the labels"}),
      wrong_option("CrossEntropyLoss", [&] { return CrossEntropyLoss{{.label_smoothing = 1.5}}(x, good); },
                   {"cross_entropy", "label_smoothing 1.5", "0 to 1", "another"}),
      wrong_option<ShapeError>("CrossEntropyLoss", [&] { return CrossEntropyLoss{{.weight = ones({3})}}(x, good); },
                               {"cross_entropy", "weight of shape [3]", "[4]", "one value for each"}),
      wrong_shape("NLLLoss", [&] { return NLLLoss{}(x, classes({0})); },
                  {"nll_loss", "input [3, 4], target [1]", "axis 1"}),
      wrong_dtype("NLLLoss", [&] { return NLLLoss{}(x, ones({3})); }, {"nll_loss", "target of float32", "int64"}),
      wrong_dtype("NLLLoss", [&] { return NLLLoss{}(integers, good); }, {"nll_loss", "input of int64", "to(x"}),
      wrong_numbers("NLLLoss",
                    [&] {
                      return NLLLoss{}(x, classes({0, -1, 1}));
                    },
                    {"nll_loss", "target -1 in row 1"}),
      wrong_shape("MultiMarginLoss", [&] { return MultiMarginLoss{}(x, classes({0})); },
                  {"multi_margin_loss", "input [3, 4], target [1]", "target [3]", "one class number"}),
      wrong_dtype("MultiMarginLoss", [&] { return MultiMarginLoss{}(integers, good); }, {"multi_margin_loss", "int64"}),
      wrong_dtype("MultiMarginLoss", [&] { return MultiMarginLoss{}(x, ones({3})); }, {"target of float32", "int64"}),
      wrong_numbers("MultiMarginLoss",
                    [&] {
                      return MultiMarginLoss{}(x, classes({0, 9, 1}));
                    },
                    {"target 9 in row 1"}),
      wrong_option("MultiMarginLoss", [&] { return MultiMarginLoss{{.p = 3}}(x, good); },
                   {"p 3", "1 or 2", "another p"}),
  });
}

TEST(LossLayerErrors, OfSeveralInputs) {
  const Tensor x = ones({3, 4}), other = ones({2, 4}), integers = ones({3, 4}, Dtype::int64), rows = ones({3});
  const std::vector<std::string> unequal{"[3, 4]", "[2, 4]", "equal shapes"}, type{"input of int64", "to(x"};
  expect_refusals({
      wrong_shape(
          "GaussianNLLLoss", [&] { return GaussianNLLLoss{}(x, other, x); }, unequal),
      wrong_shape("GaussianNLLLoss", [&] { return GaussianNLLLoss{}(x, x, ones({4})); },
                  {"gaussian_nll_loss", "input [3, 4], variance [4]", "last axis", "one variance"}),
      wrong_dtype(
          "GaussianNLLLoss", [&] { return GaussianNLLLoss{}(integers, x, x); }, type),
      wrong_numbers("GaussianNLLLoss", [&] { return GaussianNLLLoss{}(x, x, -x); }, {"negative variance", "softplus"}),
      wrong_option("GaussianNLLLoss", [&] { return GaussianNLLLoss{{.eps = 0}}(x, x, x); }, {"eps 0", "above 0"}),
      wrong_shape("MarginRankingLoss", [&] { return MarginRankingLoss{}(x, other, x); },
                  {"margin_ranking_loss", "[3, 4] and [2, 4]", "equal lengths, or 1", "reshape()"}),
      wrong_dtype(
          "MarginRankingLoss", [&] { return MarginRankingLoss{}(integers, integers, x); }, type),
      wrong_dtype("MarginRankingLoss", [&] { return MarginRankingLoss{}(x, integers, x); },
                  {"float32 and int64", "to(x, Dtype::float32) for the second"}),
      wrong_shape(
          "TripletMarginLoss", [&] { return TripletMarginLoss{}(x, other, x); }, unequal),
      wrong_option("TripletMarginLoss", [&] { return TripletMarginLoss{{.margin = 0}}(x, x, x); },
                   {"margin 0", "above 0"}),
      wrong_option("TripletMarginLoss", [&] { return TripletMarginLoss{{.p = 0}}(x, x, x); }, {"p 0", "above 0"}),
      wrong_shape(
          "TripletMarginWithDistanceLoss", [&] { return TripletMarginWithDistanceLoss{}(x, x, other); }, unequal),
      wrong_option("TripletMarginWithDistanceLoss",
                   [&] { return TripletMarginWithDistanceLoss{{.margin = -1}}(x, x, x); }, {"margin -1", "above 0"}),
      wrong_shape(
          "CosineEmbeddingLoss", [&] { return CosineEmbeddingLoss{}(x, other, rows); }, unequal),
      wrong_shape("CosineEmbeddingLoss", [&] { return CosineEmbeddingLoss{}(x, x, ones({4})); },
                  {"cosine_embedding_loss", "inputs [3, 4], target [4]", "[batch]", "1 or -1"}),
  });
}

// As PyTorch's, these take integers.
TEST(LossLayerErrors, IntegersAreComputedInFloat32) {
  const Tensor x = ones({3, 4}, Dtype::int64), rows = ones({3}, Dtype::int64);
  for (const Tensor& loss : {PoissonNLLLoss{}(x, x), TripletMarginLoss{}(x, x, x), CosineEmbeddingLoss{}(x, x, rows),
                             TripletMarginWithDistanceLoss{}(x, x, x)})
    EXPECT_EQ(loss.dtype(), Dtype::float32);
}

TEST(LossLayerErrors, Ctc) {
  const Tensor x = zeros({5, 2, 3}), targets = ones({2, 2}, Dtype::int64), five = classes({5, 5}),
               two = classes({2, 2});
  expect_refusals({
      wrong_shape("CTCLoss", [&] { return CTCLoss{}(x, targets, classes({5}), two); },
                  {"ctc_loss", "[5, 2, 3]", "input_lengths [1]", "[batch]", "transpose"}),
      wrong_dtype("CTCLoss", [&] { return CTCLoss{}(targets, targets, five, two); },
                  {"ctc_loss", "log_probabilities of int64", "float32", "to(x"}),
      wrong_dtype("CTCLoss",
                  [&] {
                    return CTCLoss{}(x, ones({2, 2}), five, two);
                  },
                  {"targets of float32", "int64"}),
      wrong_numbers("CTCLoss",
                    [&] {
                      return CTCLoss{}(x, targets, classes({6, 5}), two);
                    },
                    {"input length 6 of sample 0", "0 to 5", "before padding"}),
      wrong_numbers("CTCLoss", [&] { return CTCLoss{}(x, targets * 3.0, five, two); },
                    {"label 3", "0 to 2", "blank, 0"}),
      wrong_option("CTCLoss", [&] { return CTCLoss{{.blank = 3}}(x, targets, five, two); },
                   {"blank 3", "one of the classes"}),
  });
}

template <class Head>
void expect_head(const std::string& name, const std::string& function) {
  const Head head{{.in = 4, .classes = 3}};
  const Tensor x = ones({2, 4});
  expect_refusals({
      wrong_shape(name,
                  [&] {
                    return head(ones({2, 5}));
                  },
                  {"cosine_logits", "[2, 5] and [3, 4]", "equal features"}),
      wrong_shape(name, [&] { return head(x, classes({0})); },
                  {function, "cosines [2, 3], target [1]", "one class number"}),
      wrong_dtype(name,
                  [&] {
                    return head(ones({2, 4}, Dtype::int64));
                  },
                  {"cosine_logits", "input of int64", "to(x"}),
      wrong_dtype(name, [&] { return head(x, ones({2})); }, {function, "target of float32", "int64", "to(x"}),
      wrong_numbers(name,
                    [&] {
                      return head(x, classes({0, 3}));
                    },
                    {function, "target 3 in row 1", "0 to 2"}),
      wrong_option(name, [] { return Head{{.in = 0, .classes = 3}}; }, {name + ":", "in 0", "1 or more"}),
      wrong_option(name, [] { return Head{{.in = 4, .classes = 0}}; }, {name + ":", "classes 0", "1 or more"}),
      wrong_option(name, [] { return Head{{.in = 4, .classes = 3, .margin = 4}}; },
                   {name + ":", "margin 4", "below π"}),
      wrong_option(name, [] { return Head{{.in = 4, .classes = 3, .scale = 0}}; }, {name + ":", "scale 0", "above 0"}),
  });
}

TEST(LossLayerErrors, MarginHeads) {
  expect_head<ArcFace>("ArcFace", "arcface_logits:");
  expect_head<CosFace>("CosFace", "cosface_logits:");
}

}  // namespace
}  // namespace joist
