#include <joist/core/ops.h>
#include <joist/layers/detection/padded_loss.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

namespace joist {
namespace {

Tensor on(Device device, const std::vector<float>& values, const Shape& shape) {
  return Tensor(Array::from(values, shape, device));
}

Tensor numbered(Device device, std::int64_t count, const Shape& shape) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return Tensor(Array::from(numbers, shape, device));
}

// One of the four numbers of each box, as `shape`.
Tensor side(const Tensor& boxes, int k, const Shape& shape) { return reshape(slice(boxes, -1, k, k + 1), shape); }

// The usual exponents without pow(), as assign() has them.
Tensor power(const Tensor& x, double exponent) {
  if (exponent == 0.5) return sqrt(x);
  if (exponent != 6) return pow(x, exponent);
  const Tensor cube = x * x * x;
  return cube * cube;
}

struct Corners {
  Tensor x1, y1, x2, y2;
};

// Complete IoU of every pair, 0 where they do not touch, and never less: overlap() of assign().
Tensor overlaps(const Corners& a, const Corners& b) {
  constexpr double epsilon = 1e-7;
  const Tensor wa = a.x2 - a.x1, ha = a.y2 - a.y1, wb = b.x2 - b.x1, hb = b.y2 - b.y1;
  const Tensor inter =
      clamp_min(minimum(a.x2, b.x2) - maximum(a.x1, b.x1), 0) * clamp_min(minimum(a.y2, b.y2) - maximum(a.y1, b.y1), 0);
  const Tensor iou = inter / (wa * ha + wb * hb - inter + epsilon);
  const Tensor cw = maximum(a.x2, b.x2) - minimum(a.x1, b.x1), ch = maximum(a.y2, b.y2) - minimum(a.y1, b.y1);
  const Tensor dx = b.x1 + b.x2 - a.x1 - a.x2, dy = b.y1 + b.y2 - a.y1 - a.y2;
  const Tensor angle = atan(wb / (hb + epsilon)) - atan(wa / (ha + epsilon));
  const Tensor v = angle * angle * 0.40528473456935109;  // 4 / π²
  const Tensor alpha = v / (1.0 - iou + v + epsilon);
  const Tensor away = (dx * dx + dy * dy) * 0.25 / (cw * cw + ch * ch + epsilon);
  return where(gt(inter, 0), clamp_min(iou - away - alpha * v, 0), 0.0);
}

}  // namespace

PaddedTruth padded(std::span<const std::vector<TrueBox>> truth, std::int64_t places) {
  const auto batch = std::ssize(truth);
  std::vector<float> boxes(static_cast<std::size_t>(batch * places * 4));
  std::vector<std::int64_t> categories(static_cast<std::size_t>(batch * places), -1);
  for (std::int64_t picture = 0; picture < batch; ++picture) {
    const std::vector<TrueBox>& objects = truth[static_cast<std::size_t>(picture)];
    if (std::ssize(objects) > places)
      throw UsageError({.where = "padded",
                        .what = std::to_string(objects.size()) + " objects in a picture",
                        .expected = "at most " + std::to_string(places),
                        .remedy = "as many places as the fullest picture has objects"});
    for (std::size_t i = 0; i < objects.size(); ++i) {
      const auto place = static_cast<std::size_t>(picture * places) + i;
      const std::array<float, 4> corners{objects[i].x1, objects[i].y1, objects[i].x2, objects[i].y2};
      std::ranges::copy(corners, boxes.begin() + 4 * static_cast<std::ptrdiff_t>(place));
      categories[place] = objects[i].category;
    }
  }
  return {Array::from(boxes, {batch, places, 4}), Array::from(categories, {batch, places})};
}

PaddedLoss::PaddedLoss(const Detections& predicted, std::int64_t places, const DetectionLossOptions& options)
    : options_(options),
      anchors_(predicted.anchors),
      bins_(predicted.bins),
      places_(places),
      classes_(predicted.class_logits.shape(2)) {
  const Device device = predicted.class_logits.device();
  const auto count = std::ssize(anchors_);
  std::vector<float> strides, xs, ys, centres, cells;
  for (const Detections::Anchor& anchor : anchors_) {
    const float s = 1 / anchor.stride, x = anchor.x * s, y = anchor.y * s;
    strides.push_back(anchor.stride);
    xs.push_back(anchor.x);
    ys.push_back(anchor.y);
    centres.insert(centres.end(), {x, y, x, y});
    cells.insert(cells.end(), {x - 1, y - 1, x + 1, y + 1});
  }
  std::vector<float> bins(static_cast<std::size_t>(bins_));
  std::iota(bins.begin(), bins.end(), 0.0F);
  bins_values_ = on(device, bins, {bins_});
  strides_ = on(device, strides, {1, count, 1});
  x_ = on(device, xs, {1, 1, count});
  y_ = on(device, ys, {1, 1, count});
  centres_ = on(device, centres, {1, count, 4});
  cells_ = on(device, cells, {1, count, 4});
  outwards_ = on(device, {-1, -1, 1, 1}, {1, 1, 4});
  anchor_numbers_ = numbered(device, count, {1, 1, count});
  place_numbers_ = numbered(device, places, {1, places, 1});
  class_numbers_ = numbered(device, classes_, {1, 1, classes_});
  if (!options.class_weights.empty()) class_weights_ = class_weight_tensor(options.class_weights, classes_, device);
}

bool PaddedLoss::fits(const Detections& predicted, std::int64_t places) const {
  const auto same = [](const Detections::Anchor& a, const Detections::Anchor& b) {
    return a.x == b.x && a.y == b.y && a.stride == b.stride;
  };
  return places == places_ && predicted.bins == bins_ && predicted.class_logits.shape(2) == classes_ &&
         predicted.class_logits.device() == bins_values_.device() &&
         std::equal(anchors_.begin(), anchors_.end(), predicted.anchors.begin(), predicted.anchors.end(), same);
}

/// Of every anchor and object, [batch, place, anchor].
struct PaddedLoss::Fit {
  Tensor inside, alignment, overlap;
};

PaddedLoss::Fit PaddedLoss::fit(const Tensor& distances, const Tensor& class_logits, const PaddedTruth& truth) const {
  const std::int64_t batch = distances.shape(0), anchors = distances.shape(1);
  const Shape predicted{batch, 1, anchors}, objects{batch, places_, 1}, pairs{batch, places_, anchors};
  const Tensor pixels = distances * strides_, boxes(truth.boxes);
  const Corners a{x_ - side(pixels, 0, predicted), y_ - side(pixels, 1, predicted), x_ + side(pixels, 2, predicted),
                  y_ + side(pixels, 3, predicted)};
  const Corners b{side(boxes, 0, objects), side(boxes, 1, objects), side(boxes, 2, objects), side(boxes, 3, objects)};
  const Tensor categories = reshape(Tensor(truth.categories), objects);
  const auto half = [&](const Tensor& length) {
    const AssignOptions& o = options_.assign;
    return where(lt(length, static_cast<double>(o.small_side)), clamp_min(length, static_cast<double>(o.widened_to)),
                 length) *
           0.5;
  };
  const Tensor near_x = lt(abs(x_ - (b.x1 + b.x2) * 0.5), half(b.x2 - b.x1)),
               near_y = lt(abs(y_ - (b.y1 + b.y2) * 0.5), half(b.y2 - b.y1));
  // Places without an object take the first class, and have no anchor inside.
  const Tensor own_class = expand(maximum(categories, Tensor::full({}, 0, Dtype::int64, distances.device())), pairs);
  const Tensor score = sigmoid(gather(permute(class_logits, {0, 2, 1}), 1, own_class));
  const Tensor overlap = overlaps(a, b);
  return {.inside = logical_and(logical_and(near_x, near_y), ge(categories, 0)),
          .alignment = power(score, options_.assign.alpha) * power(overlap, options_.assign.beta),
          .overlap = overlap};
}

PaddedLoss::Targets PaddedLoss::targets(const Tensor& distances, const Tensor& class_logits,
                                        const PaddedTruth& truth) const {
  const NoGradient off;
  const std::int64_t batch = distances.shape(0), anchors = distances.shape(1);
  const Fit pairs = fit(distances, class_logits, truth);

  // The best of each object, one after the other. Those outside are at -1, those that were taken at -2.
  Tensor left = where(pairs.inside, pairs.alignment, -1.0);
  for (std::int64_t i = 0; i < std::min<std::int64_t>(options_.assign.top, anchors); ++i)
    left = where(eq(anchor_numbers_, max(left, 2, true).indices), -2.0, left);
  const Tensor taken = logical_and(pairs.inside, lt(left, -1.5));

  // An anchor that several objects took learns the one that it overlaps most, the first of equals.
  const ValuesIndices best = max(where(taken, pairs.overlap, -1.0), 1, true);  // [batch, 1, anchor]
  const Tensor learns = ge(best.values, 0);
  const Tensor claims = logical_and(logical_and(taken, eq(best.indices, place_numbers_)), learns);

  // Each object's best alignment is worth its best overlap.
  const Tensor alignment = where(claims, pairs.alignment, 0.0), overlap = where(claims, pairs.overlap, 0.0);
  const Tensor best_alignment = max(alignment, 2, true).values, best_overlap = max(overlap, 2, true).values;

  const Tensor weights = sum(alignment * best_overlap / (best_alignment + 1e-9), 1);
  const Tensor own = reshape(best.indices, {batch, anchors});
  const Tensor categories = reshape(gather(Tensor(truth.categories), 1, own), {batch, anchors, 1});
  const Tensor boxes = gather(Tensor(truth.boxes), 1, expand(reshape(own, {batch, anchors, 1}), {batch, anchors, 4}));
  const Tensor learning = reshape(learns, {batch, anchors, 1});
  return {.weights = weights,
          .scores = where(eq(categories, class_numbers_), reshape(weights, {batch, anchors, 1}), 0.0),
          .boxes = where(learning, boxes / strides_, cells_),
          .positives = to(reshape(learns, {batch, anchors}), Dtype::float32)};
}

PaddedDetectionLoss PaddedLoss::compute(const Detections& predicted, const PaddedTruth& truth) const {
  const Tensor box_logits = contiguous(predicted.box_logits), class_logits = contiguous(predicted.class_logits);
  const std::int64_t batch = class_logits.shape(0), anchors = class_logits.shape(1), rows = batch * anchors;
  const Tensor distances = expected_distances(reshape(box_logits, {batch, anchors, 4, bins_}), bins_values_);
  const Targets wanted = targets(distances.detach(), class_logits.detach(), truth);
  const Tensor weights = reshape(wanted.weights, {rows});

  const Tensor boxes = reshape(distances * outwards_ + centres_, {rows, 4});
  const Tensor overlap = complete_iou(boxes, contiguous(reshape(wanted.boxes, {rows, 4})).value());
  const Tensor box = sum((1.0 - overlap) * weights);

  const auto farthest = static_cast<double>(static_cast<float>(bins_ - 1) - 0.01F);
  const Tensor sides = clamp((wanted.boxes - centres_) * outwards_, 0, farthest);
  const Tensor focal =
      distribution_focal_loss(reshape(box_logits, {rows * 4, bins_}), contiguous(reshape(sides, {rows * 4})).value());
  const Tensor distribution = sum(mean(reshape(focal, {rows, 4}), {1}) * weights);

  const Tensor classification = detection_class_sum(class_logits, wanted.scores, class_weights_);

  PaddedDetectionLoss loss;
  loss.sum = classification * options_.classification + box * options_.box + distribution * options_.distribution;
  const NoGradient off;
  loss.count = clamp_min(sum(weights), 1);
  const Tensor positives = reshape(wanted.positives, {rows});
  const Tensor count = sum(positives);
  const Tensor terms = stack({box.detach(), classification.detach(), distribution.detach()}) / loss.count;
  const Tensor others = stack({count, sum(overlap.detach() * positives) / clamp_min(count, 1)});
  loss.numbers = concat({terms, others}).value();
  return loss;
}

}  // namespace joist
