#include <joist/core/kernels.h>
#include <joist/core/transfer.h>
#include <joist/layers/detection/anchor_loss.h>
#include <joist/layers/detection/loss.h>

#include <algorithm>
#include <array>

namespace joist {
namespace {

// What the anchors of a whole batch shall learn.
struct Targets {
  std::vector<std::int64_t> rows;  // anchor rows of [batch · anchor]
  std::vector<float> weights;      // target score of each row
  std::vector<float> boxes;        // x1, y1, x2, y2 in strides
  std::vector<float> centres;      // anchor x, y, x, y in strides
  std::vector<float> distances;    // left, top, right, bottom in strides, within the bins
  Array scores;                    // [batch, anchor, class], on the host
  double total = 0;
};

void append(Targets& targets, const Assignment& chosen, const Detections::Anchor& anchor, const TrueBox& truth,
            std::int64_t first_row, std::int64_t bins) {
  const float s = 1 / anchor.stride;
  const float x = anchor.x * s, y = anchor.y * s;
  const std::array<float, 4> box{truth.x1 * s, truth.y1 * s, truth.x2 * s, truth.y2 * s};
  const std::array<float, 4> distances{x - box[0], y - box[1], box[2] - x, box[3] - y};
  targets.rows.push_back(first_row + chosen.anchor);
  targets.weights.push_back(chosen.score);
  targets.boxes.insert(targets.boxes.end(), box.begin(), box.end());
  targets.centres.insert(targets.centres.end(), {x, y, x, y});
  for (float distance : distances)
    targets.distances.push_back(std::clamp(distance, 0.0F, static_cast<float>(bins - 1) - 0.01F));
  targets.total += static_cast<double>(chosen.score);
}

Targets targets_of(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth,
                   const AssignOptions& options) {
  const Shape& shape = predicted.class_logits.shape();
  const std::int64_t anchors = shape[1], classes = shape[2];
  Targets targets;
  targets.scores = Array::empty(shape);
  kernels(cpu).elementwise.fill(0, targets.scores);
  const Array distances = on_host(
      expected_distances(reshape(predicted.box_logits.detach(), {shape[0] * anchors, 4, predicted.bins})).value());
  const Array logits = on_host(predicted.class_logits.value());
  const float* scores = logits.data<float>();
  for (std::size_t picture = 0; picture < truth.size(); ++picture) {
    const auto first = static_cast<std::int64_t>(picture) * anchors;
    const auto chosen = assign(distances.data<float>() + first * 4, scores + first * classes, classes,
                               predicted.anchors, truth[picture], options);
    for (const Assignment& one : chosen) {
      const TrueBox& object = truth[picture][static_cast<std::size_t>(one.object)];
      append(targets, one, predicted.anchors[static_cast<std::size_t>(one.anchor)], object, first, predicted.bins);
      targets.scores.data<float>()[(first + one.anchor) * classes + object.category] = one.score;
    }
  }
  return targets;
}

}  // namespace

void require_truth(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth) {
  const Shape& shape = predicted.class_logits.shape();
  if (shape.rank() != 3 || static_cast<std::int64_t>(truth.size()) != shape[0] ||
      static_cast<std::int64_t>(predicted.anchors.size()) != shape[1] ||
      predicted.box_logits.shape() != Shape{shape[0], shape[1], 4 * predicted.bins})
    throw ShapeError(
        {.where = "detection_loss",
         .what = "boxes " + predicted.box_logits.shape().text() + ", classes " + shape.text() + ", " +
                 std::to_string(predicted.anchors.size()) + " anchors, truth of " + std::to_string(truth.size()) +
                 " pictures",
         .expected = "[batch, anchor, 4 · bins], [batch, anchor, class] and one list per picture",
         .remedy = "what DetectionHead made of this batch, and an empty list for a picture without objects"});
  for (const Tensor* logits : {&predicted.box_logits, &predicted.class_logits})
    if (logits->dtype() != Dtype::float32)
      throw DtypeError({.where = "detection_loss",
                        .what = "predictions of " + std::string(name_of(logits->dtype())),
                        .expected = "float32",
                        .remedy = "to(x, Dtype::float32)"});
  for (const auto& picture : truth)
    for (const TrueBox& box : picture)
      if (box.category < 0 || box.category >= shape[2])
        throw DataError({.where = "detection_loss",
                         .what = "class " + std::to_string(box.category),
                         .expected = "0 to " + std::to_string(shape[2] - 1),
                         .remedy = "check the labels against the number of classes"});
}

Tensor class_weight_tensor(const std::vector<float>& weights, std::int64_t classes, Device device) {
  if (static_cast<std::int64_t>(weights.size()) != classes)
    throw UsageError({.where = "detection_loss",
                      .what = std::to_string(weights.size()) + " class weights",
                      .expected = std::to_string(classes) + ", one per class, or none"});
  return Tensor(Array::from(weights, {1, 1, classes}, device));
}

Tensor detection_class_sum(const Tensor& logits, const Tensor& scores, const Tensor& weights) {
  if (!weights.defined()) return sum(binary_cross_entropy_with_logits(logits, scores));
  return binary_cross_entropy_with_logits(logits, scores, {.pos_weight = weights, .reduction = Reduction::sum});
}

DetectionLoss detection_loss(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth,
                             const DetectionLossOptions& options) {
  if (predicted.boxes) return anchor_loss(predicted, truth, options);
  require_truth(predicted, truth);
  Detections dense = predicted;  // assignment reads rows
  dense.box_logits = contiguous(predicted.box_logits);
  dense.class_logits = contiguous(predicted.class_logits);
  const Targets targets = targets_of(dense, truth, options.assign);

  DetectionLoss loss;
  loss.total = targets.total;
  loss.count = std::max(targets.total, 1.0);
  loss.positives = static_cast<std::int64_t>(targets.rows.size());
  const Device device = dense.class_logits.device();
  const Tensor class_weights = options.class_weights.empty()
                                   ? Tensor()
                                   : class_weight_tensor(options.class_weights, dense.class_logits.shape(2), device);
  const Tensor classification =
      detection_class_sum(dense.class_logits, Tensor(on_device(targets.scores, device)), class_weights);
  loss.classification = classification.item() / loss.count;
  loss.sum = classification * options.classification;
  if (targets.rows.empty()) return loss;

  const std::int64_t rows = loss.positives, bins = predicted.bins;
  const Tensor all = reshape(dense.box_logits, {-1, 4 * bins});
  const Tensor logits = reshape(index_select(all, Array::from(targets.rows, {rows}, device)), {rows * 4, bins});
  const Tensor weights(Array::from(targets.weights, {rows}, device));

  const Tensor distances = expected_distances(reshape(logits, {rows, 4, bins}));
  const Tensor outwards(Array::from(std::vector<float>{-1, -1, 1, 1}, {1, 4}, device));
  const Tensor boxes = distances * outwards + Tensor(Array::from(targets.centres, {rows, 4}, device));
  const Tensor overlap = complete_iou(boxes, Array::from(targets.boxes, {rows, 4}, device));
  const Tensor box = sum((1.0 - overlap) * weights);

  const Tensor focal = distribution_focal_loss(logits, Array::from(targets.distances, {rows * 4}, device));
  const Tensor distribution = sum(mean(reshape(focal, {rows, 4}), {1}) * weights);

  loss.box = box.item() / loss.count;
  loss.distribution = distribution.item() / loss.count;
  loss.mean_overlap = mean(overlap.detach()).item();
  loss.sum = loss.sum + box * options.box + distribution * options.distribution;
  return loss;
}

}  // namespace joist
