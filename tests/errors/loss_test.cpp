// Losses and the softmax family refuse what does not fit before any work: the error's type, and that its message holds
// the rule, the values and the remedy.
#include <joist/core/ops.h>
#include <joist/layers/penalty.h>
#include <joist/tests/support/expect_error.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

Tensor floats(const Shape& shape, double value = 0.5) { return Tensor::full(shape, value); }
Tensor labels(const std::vector<std::int64_t>& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())});
}

TEST(LossErrors, ElementwiseLossesWantEqualShapes) {
  using Loss = std::function<Tensor(const Tensor&, const Tensor&)>;
  const std::vector<std::pair<std::string, Loss>> losses{
      {"mse_loss", [](auto& a, auto& b) { return mse_loss(a, b); }},
      {"l1_loss", [](auto& a, auto& b) { return l1_loss(a, b); }},
      {"huber_loss", [](auto& a, auto& b) { return huber_loss(a, b); }},
      {"smooth_l1_loss", [](auto& a, auto& b) { return smooth_l1_loss(a, b); }},
      {"kl_div", [](auto& a, auto& b) { return kl_div(a, b); }},
      {"poisson_nll_loss", [](auto& a, auto& b) { return poisson_nll_loss(a, b); }},
      {"gaussian_nll_loss", [](auto& a, auto& b) { return gaussian_nll_loss(a, b, a); }},
      {"hinge_embedding_loss", [](auto& a, auto& b) { return hinge_embedding_loss(a, b); }},
      {"soft_margin_loss", [](auto& a, auto& b) { return soft_margin_loss(a, b); }},
      {"multilabel_margin_loss", [](auto& a, auto& b) { return multilabel_margin_loss(a, b); }},
      {"multilabel_soft_margin_loss", [](auto& a, auto& b) { return multilabel_soft_margin_loss(a, b); }},
      {"triplet_margin_loss", [](auto& a, auto& b) { return triplet_margin_loss(a, b, a); }},
      {"triplet_margin_with_distance_loss",
       [](auto& a, auto& b) { return triplet_margin_with_distance_loss(a, a, b, {}); }},
      {"cosine_embedding_loss", [](auto& a, auto& b) { return cosine_embedding_loss(a, b, a); }},
      {"binary_cross_entropy", [](auto& a, auto& b) { return binary_cross_entropy(a, b); }},
      {"binary_cross_entropy_with_logits", [](auto& a, auto& b) { return binary_cross_entropy_with_logits(a, b); }},
      {"binary_cross_entropy_with_logits", [](auto& a, auto& b) { return binary_cross_entropy_with_logits(a, b, {}); }},
      {"sigmoid_focal_loss", [](auto& a, auto& b) { return sigmoid_focal_loss(a, b); }},
      {"quality_focal_loss", [](auto& a, auto& b) { return quality_focal_loss(a, b); }},
      {"varifocal_loss", [](auto& a, auto& b) { return varifocal_loss(a, b); }},
      {"distillation_loss", [](auto& a, auto& b) { return distillation_loss(a, b); }},
      {"dice_loss", [](auto& a, auto& b) { return dice_loss(a, b); }},
      {"tversky_loss", [](auto& a, auto& b) { return tversky_loss(a, b); }},
      {"box_iou_loss", [](auto& a, auto& b) { return box_iou_loss(a, b); }},
      {"generalized_box_iou_loss", [](auto& a, auto& b) { return generalized_box_iou_loss(a, b); }},
      {"distance_box_iou_loss", [](auto& a, auto& b) { return distance_box_iou_loss(a, b); }},
      {"complete_box_iou_loss", [](auto& a, auto& b) { return complete_box_iou_loss(a, b); }},
      {"scylla_box_iou_loss", [](auto& a, auto& b) { return scylla_box_iou_loss(a, b); }},
      {"nt_xent_loss", [](auto& a, auto& b) { return nt_xent_loss(a, b); }},
  };
  for (const auto& [name, loss] : losses) {
    SCOPED_TRACE(name);
    const std::vector<std::string> words{name, "[3, 4]", "[2, 4]", "expected",
                                         name == "nt_xent_loss" ? "equal" : "try"};
    expect_error<ShapeError>([&loss = loss] { loss(floats({3, 4}), floats({2, 4})); }, words);
  }
}

TEST(LossErrors, CrossEntropy) {
  const Tensor x = floats({3, 4});
  expect_error<ShapeError>([&] { cross_entropy(x, labels({0, 1})); }, {"[3, 4]", "[2]", "target [3]", "axis 1"});
  expect_error<ShapeError>([&] { cross_entropy(x, floats({3})); }, {"[3, 4]", "[3]", "target [3, 4]"});
  expect_error<ShapeError>([&] { cross_entropy(floats({}), labels({0})); }, {"[]", "[batch, classes]"});
  expect_error<ShapeError>([&] { cross_entropy(x, labels({0, 1}).value()); }, {"[3, 4]", "[2]"});
  expect_error<ShapeError>(
      [&] {
        cross_entropy(x, labels({0, 1, 2}), {.weight = floats({3})});
      },
      {"weight", "[3]", "[4]"});
  expect_error<DataError>(
      [&] {
        cross_entropy(x, labels({0, 4, 1}));
      },
      {"target 4 in row 1", "0 to 3", "-100", "check"});
  expect_error<DataError>([&] { cross_entropy(x, labels({0, -1, 1})); }, {"target -1 in row 1", "0 to 3"});
  expect_error<DtypeError>([&] { cross_entropy(x, to(labels({0, 1, 1}), Dtype::int32)); }, {"int32", "int64", "to(x"});
  expect_error<UsageError>(
      [&] {
        cross_entropy(x, labels({0, 1, 1}), {.label_smoothing = 1.5});
      },
      {"label_smoothing 1.5", "0 to 1"});
  expect_error<UsageError>([&] { cross_entropy(x, x, {.ignore_index = 2}); }, {"ignore_index 2", "class numbers"});
  expect_error<DataError>([&] { nll_loss(x, labels({0, 1, 7})); }, {"nll_loss", "target 7 in row 2", "0 to 3"});
  expect_error<ShapeError>([&] { nll_loss(floats({2, 3, 5}), labels({0, 1})); }, {"[2, 3, 5]", "[2]", "target [2, 5]"});
  expect_error<DtypeError>([&] { nll_loss(x, floats({3})); }, {"nll_loss", "float32", "int64"});
  expect_error<DataError>([&] { smooth_labels(labels({0, 5}), 5, 0.1); }, {"smooth_labels", "target 5", "0 to 4"});
  expect_error<UsageError>([&] { smooth_labels(labels({0}), 5, -0.1); }, {"smoothing -0.1", "0 to 1"});
}

TEST(LossErrors, Options) {
  const Tensor x = floats({3, 4}), boxes = floats({3, 4});
  expect_error<UsageError>([&] { huber_loss(x, x, 0); }, {"huber_loss", "delta 0", "above 0"});
  expect_error<UsageError>([&] { smooth_l1_loss(x, x, -1); }, {"beta -1", "0 or more"});
  expect_error<UsageError>([&] { sigmoid_focal_loss(x, x, {.alpha = 2}); }, {"alpha 2", "at most 1"});
  expect_error<UsageError>([&] { distillation_loss(x, x, 0); }, {"temperature 0", "above 0"});
  expect_error<UsageError>([&] { gaussian_nll_loss(x, x, x, {.eps = 0}); }, {"eps 0", "above 0"});
  expect_error<ShapeError>([&] { gaussian_nll_loss(x, x, floats({4})); }, {"[3, 4]", "[4]", "last axis"});
  expect_error<DataError>([&] { gaussian_nll_loss(x, x, floats({3, 4}, -1)); }, {"negative variance", "softplus"});
  expect_error<DataError>([&] { binary_cross_entropy(floats({3, 4}, 1.5), x); }, {"1.5", "0 to 1", "with_logits"});
  expect_error<UsageError>([&] { binary_cross_entropy(x, x, {.pos_weight = x}); }, {"pos_weight", "with_logits"});
  expect_error<ShapeError>(
      [&] {
        binary_cross_entropy_with_logits(x, x, {.weight = floats({2, 3, 4})});
      },
      {"weight [2, 3, 4]", "[3, 4]", "broadcasts"});
  expect_error<UsageError>([&] { multi_margin_loss(x, labels({0, 1, 2}), {.p = 3}); }, {"p 3", "1 or 2"});
  expect_error<DataError>([&] { multi_margin_loss(x, labels({0, 1, 4})); }, {"target 4 in row 2", "0 to 3"});
  expect_error<ShapeError>([&] { multi_margin_loss(x, labels({0, 1})); }, {"[3, 4]", "[2]", "target [3]"});
  expect_error<DataError>([&] { multilabel_margin_loss(floats({2}), labels({0, 2})); }, {"target 2", "0 to 1"});
  expect_error<UsageError>([&] { triplet_margin_loss(x, x, x, {.margin = 0}); }, {"margin 0", "above 0"});
  expect_error<UsageError>([&] { triplet_margin_loss(x, x, x, {.p = 0}); }, {"p 0", "above 0"});
  expect_error<ShapeError>([&] { cosine_embedding_loss(x, x, floats({4})); }, {"[3, 4]", "[4]", "[batch]"});
  expect_error<ShapeError>([&] { info_nce_loss(x, floats({2, 4})); }, {"[3, 4]", "[2, 4]", "one key per query"});
  expect_error<ShapeError>([&] { cosine_logits(x, floats({2, 5})); }, {"[3, 4]", "[2, 5]", "equal features"});
  expect_error<UsageError>([&] { arcface_logits(x, labels({0, 1, 2}), 4); }, {"margin 4", "below π"});
  expect_error<DataError>([&] { cosface_logits(x, labels({0, 1, 9})); }, {"cosface_logits", "target 9", "0 to 3"});
  expect_error<ShapeError>([&] { box_iou_loss(floats({3, 5}), floats({3, 5})); }, {"[3, 5]", "x1, y1, x2, y2"});
  expect_error<ShapeError>([&] { dice_loss(floats({3}), floats({3})); }, {"[3]", "[batch, channel"});
  expect_error<UsageError>([&] { tversky_loss(x, x, {.gamma = 0}); }, {"gamma 0", "above 0"});
  expect_error<ShapeError>([&] { loss_sum(x, floats({2, 4})); }, {"[2, 4]"});
  expect_error<ShapeError>([&] { orthogonality_penalty(floats({3})); }, {"[3]", "two axes", "biases"});
}

TEST(LossErrors, Ctc) {
  const Tensor x = log_softmax(floats({5, 2, 3}), 2), targets = tensor(std::vector<std::int64_t>{1, 2, 2, 1}, {2, 2});
  const Tensor five = labels({5, 5}), two = labels({2, 2});
  expect_error<ShapeError>([&] { ctc_loss(x, targets, labels({5}), two); }, {"[5, 2, 3]", "[2, 2]", "[1]", "[batch]"});
  expect_error<ShapeError>([&] { ctc_loss(floats({5}), targets, five, two); }, {"[5]", "[steps, classes]"});
  expect_error<DataError>([&] { ctc_loss(x, targets, labels({6, 5}), two); }, {"input length 6 of sample 0", "0 to 5"});
  expect_error<DataError>(
      [&] {
        ctc_loss(x, targets, five, labels({2, 3}));
      },
      {"target length 3 of sample 1", "0 to 2"});
  expect_error<DataError>([&] { ctc_loss(x, targets, five, labels({-1, 2})); }, {"target length -1 of sample 0"});
  expect_error<DataError>([&] { ctc_loss(x, labels({1, 2, 1}), five, labels({1, 1})); }, {"sum to 2", "3"});
  expect_error<DataError>(
      [&] {
        ctc_loss(x, labels({1, 2, 0, 1}), five, two);
      },
      {"label 0 at position 0 of sample 1", "not the blank, 0"});
  expect_error<DataError>([&] { ctc_loss(x, labels({1, 3, 2, 1}), five, two); }, {"label 3", "0 to 2"});
  expect_error<UsageError>([&] { ctc_loss(x, targets, five, two, {.blank = 3}); }, {"blank 3", "one of the classes"});
  expect_error<DtypeError>([&] { ctc_loss(x, floats({2, 2}), five, two); }, {"targets of float32", "integers"});
  expect_error<DtypeError>([&] { ctc_loss(targets, targets, five, two); },
                           {"log_probabilities of int64", "to(x"});
}

TEST(SoftmaxErrors, AxesAndOptions) {
  const Tensor x = floats({3, 4});
  expect_error<ShapeError>([&] { softmin(x, 2); }, {"2", "[3, 4]"});
  expect_error<ShapeError>([&] { sparsemax(x, -3); }, {"-3", "[3, 4]"});
  expect_error<ShapeError>([&] { softmax_2d(x); }, {"softmax_2d", "[3, 4]", "[channel, height, width]"});
  expect_error<UsageError>([&] { gumbel_softmax(x, 0); }, {"temperature 0", "above 0"});
}

}  // namespace
}  // namespace joist
