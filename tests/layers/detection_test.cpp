#include <joist/core/mode.h>
#include <joist/layers/detection/loss.h>
#include <joist/layers/detection/padded_loss.h>
#include <joist/layers/detection/suppress.h>
#include <joist/layers/models/yolo.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(Yolo, HasThePublishedNumberOfParameters) {
  const auto count = [](char size) {
    Yolo model(YoloOptions::sized(size, 80));
    std::int64_t total = 0;
    for (const Field& field : fields_of(model))
      if (field.trainable) total += field.tensor.value().elements();
    return total;
  };
  EXPECT_EQ(count('n'), 3157200 - 16);  // the published count includes the 16 fixed bin values
  EXPECT_EQ(count('s'), 11166560 - 16);
  EXPECT_THROW(YoloOptions::sized('q', 80), UsageError);
}

TEST(Yolo, AnchorsAreTheCellsOfThreeLevels) {
  const Inference inference;
  const Yolo model({.classes = 3});
  const Detections found = model(Tensor::zeros({2, 3, 64, 96}));
  const std::int64_t anchors = 8 * 12 + 4 * 6 + 2 * 3;
  EXPECT_EQ(found.box_logits.shape(), (Shape{2, anchors, 64}));
  EXPECT_EQ(found.class_logits.shape(), (Shape{2, anchors, 3}));
  ASSERT_EQ(found.anchors.size(), static_cast<std::size_t>(anchors));
  EXPECT_EQ(found.anchors[13].x, 12);  // second row, second cell of stride 8
  EXPECT_EQ(found.anchors[13].y, 12);
  EXPECT_EQ(found.anchors.back().stride, 32);
  EXPECT_EQ(decode(found).shape(), (Shape{2, 7, anchors}));
  EXPECT_THROW(model(Tensor::zeros({1, 3, 60, 64})), ShapeError);
}

// One level of 4 × 4 cells of 8 pixels with every logit zero: all distances are the bins' mean.
Detections flat_predictions(std::int64_t batch, std::int64_t classes, std::int64_t bins = 4) {
  Detections result{.bins = bins};
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 4; ++x)
      result.anchors.push_back({static_cast<float>(x) * 8 + 4, static_cast<float>(y) * 8 + 4, 8});
  result.box_logits = Tensor::zeros({batch, 16, 4 * bins});
  result.class_logits = Tensor::zeros({batch, 16, classes});
  return result;
}

TEST(Decode, IsTheExpectedDistanceAroundTheAnchor) {
  const Detections found = flat_predictions(1, 2);
  const Array boxes = decode(found).value();
  const std::vector<float> values = boxes.to_vector<float>();  // [1, 6, 16]
  EXPECT_FLOAT_EQ(values[0], 4 - 1.5F * 8);                    // x1 of anchor 0
  EXPECT_FLOAT_EQ(values[2 * 16 + 5], 12 + 12);                // x2 of anchor 5
  EXPECT_FLOAT_EQ(values[4 * 16 + 3], 0.5F);                   // probability
}

std::vector<Assignment> assigned(const Detections& found, const std::vector<TrueBox>& objects,
                                 const AssignOptions& options = {}) {
  const Shape& shape = found.class_logits.shape();
  const Tensor distances = expected_distances(reshape(found.box_logits, {-1, 4, found.bins}));
  return assign(distances.value().data<float>(), found.class_logits.value().data<float>(), shape[2], found.anchors,
                objects, options);
}

TEST(Assign, TakesAnchorsInsideTheObject) {
  const Detections found = flat_predictions(1, 1);
  const std::vector<TrueBox> objects{{8, 8, 24, 24, 0}};
  const auto chosen = assigned(found, objects);
  ASSERT_EQ(chosen.size(), 4U);  // cells 5, 6, 9, 10
  EXPECT_EQ(chosen[0].anchor, 5);
  EXPECT_EQ(chosen[3].anchor, 10);
  for (const Assignment& one : chosen) {
    EXPECT_GT(one.score, 0.0F);
    EXPECT_LE(one.score, 1.0F);
    EXPECT_FLOAT_EQ(one.score, chosen[0].score);  // by symmetry
  }
}

TEST(Assign, ASharedAnchorGoesToTheBetterOverlap) {
  const Detections found = flat_predictions(1, 1);  // every prediction is 24 × 24 around its anchor
  const std::vector<TrueBox> objects{{0, 0, 32, 32, 0}, {0, 0, 24, 24, 0}};
  const auto chosen = assigned(found, objects);
  for (const Assignment& one : chosen)
    if (one.anchor == 5) {
      EXPECT_EQ(one.object, 1);  // exactly its prediction
      EXPECT_NEAR(one.score, 1.0F, 1e-3);
    }
}

TEST(Assign, TinyObjectsBetweenAnchorsStillGetOne) {
  const Detections found = flat_predictions(1, 1);
  const std::vector<TrueBox> objects{{7, 7, 9, 9, 0}};  // no anchor centre inside
  EXPECT_FALSE(assigned(found, objects).empty());
  EXPECT_TRUE(assigned(found, objects, {.widened_to = 0}).empty());
}

TEST(DetectionLoss, GradientFollowsCentralDifferencesWhileTheAssignmentIsFixed) {
  Detections found = flat_predictions(2, 2);
  const std::vector<std::vector<TrueBox>> truth{{{8, 8, 24, 24, 1}}, {}};
  std::vector<float> logits(static_cast<std::size_t>(2 * 16 * 16));
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = 0.1F * std::sin(static_cast<float>(i));
  found.box_logits = Tensor::from(logits, {2, 16, 16}, true);
  // Class logits so low that alignment scores, which are constants, stay small: their change is second order.
  found.class_logits = Tensor::from(std::vector<float>(64, 0), {2, 16, 2}, true);
  const DetectionLossOptions options{.classification = 0};
  detection_loss(found, truth, options).sum.backward();
  const std::vector<float> gradient = found.box_logits.gradient().to_vector<float>();
  double largest = 0;
  for (float g : gradient) largest = std::max(largest, std::fabs(static_cast<double>(g)));
  EXPECT_GT(largest, 1e-3);
  for (std::size_t i = 16 * 16; i < gradient.size(); ++i) EXPECT_EQ(gradient[i], 0.0F);  // the second picture is empty
}

TEST(DetectionLoss, FallsToNearZeroWhenPredictionsAreRight) {
  Detections found = flat_predictions(1, 1);
  const std::vector<std::vector<TrueBox>> truth{{{4, 4, 20, 20, 0}}};  // one stride around anchor 5
  std::vector<float> boxes(16 * 16, 0), scores(16, -20);
  for (int side = 0; side < 4; ++side) boxes[static_cast<std::size_t>(5 * 16 + side * 4 + 1)] = 30;
  scores[5] = 20;
  found.box_logits = Tensor::from(boxes, {1, 16, 16});
  found.class_logits = Tensor::from(scores, {1, 16, 1});
  const DetectionLoss loss = detection_loss(found, truth);
  EXPECT_NEAR(loss.box, 0, 0.05);
  EXPECT_NEAR(loss.classification, 0, 0.05);
}

TEST(DetectionLoss, PicturesWithoutObjectsTrainTheClassesOnly) {
  Detections found = flat_predictions(1, 2);
  const DetectionLoss loss = detection_loss(found, {{}});
  EXPECT_EQ(loss.positives, 0);
  EXPECT_NEAR(loss.classification, 32 * std::log(2.0), 1e-3);
  EXPECT_THROW(detection_loss(found, {{{0, 0, 1, 1, 2}}}), DataError);
  EXPECT_THROW(detection_loss(found, {{}, {}}), ShapeError);
}

TEST(DetectionLoss, ClassWeightsMultiplyWhatObjectsAdd) {
  const std::vector<std::vector<TrueBox>> truth{{{8, 8, 24, 24, 1}}};
  const auto classification = [&](const std::vector<float>& weights) {
    const DetectionLoss loss = detection_loss(flat_predictions(1, 2), truth, {.class_weights = weights});
    return loss.classification * loss.count;
  };
  const double plain = classification({});
  EXPECT_NEAR(classification({1, 1}), plain, 1e-4);
  EXPECT_NEAR(classification({5, 1}), plain, 1e-4);  // no object of class 0
  const double twice = classification({1, 2}), thrice = classification({1, 3});
  EXPECT_GT(twice, plain + 1e-3);
  EXPECT_NEAR(thrice - twice, twice - plain, 1e-3);
  EXPECT_THROW(classification({1}), UsageError);
}

// Predictions of three pictures that differ everywhere.
Detections varied_predictions() {
  Detections found = flat_predictions(3, 2);
  std::vector<float> boxes(3 * 16 * 16), scores(3 * 16 * 2);
  for (std::size_t i = 0; i < boxes.size(); ++i) boxes[i] = 2 * std::sin(static_cast<float>(7 * i % 101));
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = 2 * std::sin(static_cast<float>(5 * i % 97));
  found.box_logits = Tensor::from(boxes, {3, 16, 16}, true);
  found.class_logits = Tensor::from(scores, {3, 16, 2}, true);
  return found;
}
struct Learnt {
  std::vector<double> numbers;
  std::vector<float> boxes, classes;  // gradients
};
Learnt learnt(const std::vector<std::vector<TrueBox>>& truth, const DetectionLossOptions& options) {
  const Detections found = varied_predictions();
  const DetectionLoss loss = detection_loss(found, truth, options);
  (loss.sum / loss.count).backward();
  const Array boxes = found.box_logits.gradient();
  return {{loss.sum.item() / loss.count, loss.count, loss.box, loss.classification, loss.distribution,
           static_cast<double>(loss.positives), loss.mean_overlap},
          boxes.defined() ? boxes.to_vector<float>() : std::vector<float>(3 * 16 * 16),
          found.class_logits.gradient().to_vector<float>()};
}
Learnt learnt_padded(const std::vector<std::vector<TrueBox>>& truth, const DetectionLossOptions& options,
                     std::int64_t places) {
  const Detections found = varied_predictions();
  const PaddedLoss padded_loss(found, places, options);
  EXPECT_TRUE(padded_loss.fits(found, places));
  EXPECT_FALSE(padded_loss.fits(found, places + 1));
  const PaddedDetectionLoss loss = padded_loss.compute(found, padded(truth, places));
  const Tensor mean = loss.sum / loss.count;
  mean.backward();
  Learnt result{{mean.item(), loss.count.item()},
                found.box_logits.gradient().to_vector<float>(),
                found.class_logits.gradient().to_vector<float>()};
  for (const float number : loss.numbers.to_vector<float>()) result.numbers.push_back(static_cast<double>(number));
  return result;
}

TEST(PaddedLoss, IsTheLossWithShapesThatDoNotDependOnTheTruth) {
  const std::vector<std::vector<std::vector<TrueBox>>> truths{
      {{{8, 8, 24, 24, 1}}, {}, {{0, 0, 32, 32, 0}, {0, 0, 24, 24, 0}, {4, 2, 30, 31, 1}}},  // shared anchors
      {{{7, 7, 9, 9, 0}, {15, 14, 17, 18, 1}}, {{1, 1, 31, 31, 1}, {1, 1, 31, 31, 0}}, {}},  // tiny, and twice the same
      {{}, {}, {}}};
  for (const DetectionLossOptions& options :
       {DetectionLossOptions{}, DetectionLossOptions{.assign = {.top = 3, .alpha = 1, .beta = 2, .widened_to = 0}},
        DetectionLossOptions{.class_weights = {1, 3}}})
    for (const auto& truth : truths) {
      const Learnt wanted = learnt(truth, options), got = learnt_padded(truth, options, 3);
      ASSERT_EQ(got.numbers.size(), wanted.numbers.size());
      for (std::size_t i = 0; i < wanted.numbers.size(); ++i)
        EXPECT_NEAR(got.numbers[i], wanted.numbers[i], 1e-5 * (1 + std::fabs(wanted.numbers[i]))) << i;
      for (std::size_t i = 0; i < wanted.boxes.size(); ++i) ASSERT_NEAR(got.boxes[i], wanted.boxes[i], 1e-5F) << i;
      for (std::size_t i = 0; i < wanted.classes.size(); ++i)
        ASSERT_NEAR(got.classes[i], wanted.classes[i], 1e-5F) << i;
      const Learnt roomy = learnt_padded(truth, options, 7);  // places without an object change no bit
      EXPECT_EQ(roomy.numbers, got.numbers);
      EXPECT_EQ(roomy.boxes, got.boxes);
      EXPECT_EQ(roomy.classes, got.classes);
    }
  const std::vector<std::vector<TrueBox>> crowded{{{8, 8, 24, 24, 1}, {0, 0, 32, 32, 0}}};
  EXPECT_THROW(padded(crowded, 1), UsageError);
}

TEST(Suppress, KeepsTheBestOfEachClass) {
  // anchors: two overlapping of class 0, one of class 1 at the same place, one apart, one below the threshold
  const std::vector<float> rows{0,  0.5F,  0,  50, 50, 0,    0.5F, 0,    50,   50,   10,   10.5F, 10,   60,   60,
                                10, 10.5F, 10, 60, 60, 0.9F, 0.8F, 0.1F, 0.7F, 0.2F, 0.1F, 0.1F,  0.6F, 0.1F, 0.1F};
  const auto boxes = suppress(Array::from(rows, {1, 6, 5}));
  ASSERT_EQ(boxes[0].size(), 3U);
  EXPECT_FLOAT_EQ(boxes[0][0].score, 0.9F);
  EXPECT_FLOAT_EQ(boxes[0][1].score, 0.7F);
  EXPECT_FLOAT_EQ(boxes[0][2].score, 0.6F);
  EXPECT_EQ(boxes[0][2].category, 1);
  EXPECT_EQ(suppress(Array::from(rows, {1, 6, 5}), {.most = 1})[0].size(), 1U);
  EXPECT_EQ(suppress(Array::from(rows, {1, 6, 5}), {.confidence = 0.05, .several_classes = true})[0].size(), 4U);
}

TEST(Suppress, DropsBoxesThatAreNotNumbers) {
  const std::vector<float> rows{NAN, 0, 10, 10, 0.9F};
  EXPECT_TRUE(suppress(Array::from(rows, {1, 5, 1}))[0].empty());
}

}  // namespace
}  // namespace joist
