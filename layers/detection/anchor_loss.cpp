#include <joist/core/ops.h>
#include <joist/core/transfer.h>
#include <joist/layers/detection/anchor_loss.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

namespace joist {
namespace {

float area(float x1, float y1, float x2, float y2) { return (x2 - x1) * (y2 - y1); }

float overlap_of(const float* a, float x1, float y1, float x2, float y2) {
  const float width = std::min(a[2], x2) - std::max(a[0], x1), height = std::min(a[3], y2) - std::max(a[1], y1);
  if (!(width > 0) || !(height > 0)) return 0;
  const float shared = width * height;
  return shared / (area(a[0], a[1], a[2], a[3]) + area(x1, y1, x2, y2) - shared);
}

void check(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth,
           const DetectionLossOptions& options) {
  const Shape& shape = predicted.class_logits.shape();
  const std::int64_t anchors = predicted.boxes->corners.shape(0);
  if (shape.rank() != 3 || static_cast<std::int64_t>(truth.size()) != shape[0] || anchors != shape[1] ||
      predicted.box_logits.shape() != Shape{shape[0], shape[1], 4})
    throw ShapeError(
        {.where = "anchor_loss",
         .what = "boxes " + predicted.box_logits.shape().text() + ", classes " + shape.text() + ", " +
                 std::to_string(anchors) + " anchor boxes, truth of " + std::to_string(truth.size()) + " pictures",
         .expected = "[batch, anchor, 4], [batch, anchor, class] and one list per picture",
         .remedy = "what the detector made of this batch, and an empty list for a picture without objects"});
  for (const Tensor* logits : {&predicted.box_logits, &predicted.class_logits})
    if (logits->dtype() != Dtype::float32)
      throw DtypeError({.where = "anchor_loss",
                        .what = "predictions of " + std::string(name_of(logits->dtype())),
                        .expected = "float32",
                        .remedy = "to(x, Dtype::float32)"});
  if (!options.class_weights.empty())
    throw UnsupportedError({.where = "anchor_loss",
                            .what = "class weights",
                            .expected = "none: these detectors balance their classes by their own loss",
                            .remedy = "a yolo model, or leave the class weights out"});
  const std::int64_t classes = shape[2] - (predicted.boxes->background ? 1 : 0);
  for (const auto& picture : truth)
    for (const TrueBox& box : picture) {
      if (box.category < 0 || box.category >= classes)
        throw DataError({.where = "anchor_loss",
                         .what = "class " + std::to_string(box.category),
                         .expected = "0 to " + std::to_string(classes - 1),
                         .remedy = "check the labels against the number of classes"});
      if (!(box.x2 > box.x1) || !(box.y2 > box.y1))
        throw DataError({.where = "anchor_loss",
                         .what = "a box of width " + std::to_string(box.x2 - box.x1) + " and height " +
                                 std::to_string(box.y2 - box.y1),
                         .expected = "both above 0",
                         .remedy = "joist data check"});
    }
}

// What predictions for an object shall be.
std::array<float, 4> encoded(const float* corner, const TrueBox& box, const std::array<double, 4>& weights) {
  const float width = corner[2] - corner[0], height = corner[3] - corner[1];
  const float wide = box.x2 - box.x1, high = box.y2 - box.y1;
  const std::array<float, 4> plain{(box.x1 + 0.5F * wide - corner[0] - 0.5F * width) / width,
                                   (box.y1 + 0.5F * high - corner[1] - 0.5F * height) / height, std::log(wide / width),
                                   std::log(high / height)};
  std::array<float, 4> result{};
  for (std::size_t i = 0; i < 4; ++i) result[i] = static_cast<float>(weights[i]) * plain[i];
  return result;
}

// What the matched boxes of a batch shall learn.
struct Matches {
  std::vector<std::vector<std::int64_t>> objects;  // of each picture and box
  std::vector<std::int64_t> rows;                  // matched rows of [batch · anchor]
  std::vector<std::int64_t> per_picture;           // how many of them
  std::vector<float> deltas, weights;              // [rows, 4], and 1 / matched boxes of the picture
  std::vector<float> boxes;                        // the objects', x1, y1, x2, y2
};

Matches matches_of(const AnchorBoxes& anchors, const std::vector<std::vector<TrueBox>>& truth) {
  Matches found;
  const std::int64_t count = anchors.corners.shape(0);
  const auto* corners = anchors.corners.data<float>();
  for (std::size_t picture = 0; picture < truth.size(); ++picture) {
    found.objects.push_back(match_boxes(anchors.corners, truth[picture], anchors.background));
    const auto& objects = found.objects.back();
    const auto matched = std::count_if(objects.begin(), objects.end(), [](std::int64_t one) { return one >= 0; });
    found.per_picture.push_back(matched);
    for (std::int64_t anchor = 0; anchor < count; ++anchor) {
      const std::int64_t object = objects[static_cast<std::size_t>(anchor)];
      if (object < 0) continue;
      const TrueBox& box = truth[picture][static_cast<std::size_t>(object)];
      const auto deltas = encoded(corners + 4 * anchor, box, anchors.weights);
      found.rows.push_back(static_cast<std::int64_t>(picture) * count + anchor);
      found.deltas.insert(found.deltas.end(), deltas.begin(), deltas.end());
      found.weights.push_back(1 / static_cast<float>(matched));
      found.boxes.insert(found.boxes.end(), {box.x1, box.y1, box.x2, box.y2});
    }
  }
  return found;
}

// Sum of the focal losses, each picture's divided by its matched boxes.
Tensor focal(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth, const Matches& matches) {
  const Shape& shape = predicted.class_logits.shape();
  std::vector<float> target(static_cast<std::size_t>(shape.elements()), 0.0F), weight;
  for (std::size_t picture = 0; picture < truth.size(); ++picture) {
    const float each = 1 / static_cast<float>(std::max<std::int64_t>(matches.per_picture[picture], 1));
    for (std::size_t anchor = 0; anchor < matches.objects[picture].size(); ++anchor) {
      const std::int64_t object = matches.objects[picture][anchor];
      weight.push_back(object == ignored_object ? 0 : each);
      if (object < 0) continue;
      const auto row = static_cast<std::int64_t>(picture) * shape[1] + static_cast<std::int64_t>(anchor);
      const TrueBox& box = truth[picture][static_cast<std::size_t>(object)];
      target[static_cast<std::size_t>(row * shape[2] + box.category)] = 1;
    }
  }
  const Device device = predicted.class_logits.device();
  return sum(sigmoid_focal_loss(predicted.class_logits, Tensor(Array::from(target, shape, device))) *
             Tensor(Array::from(weight, {shape[0], shape[1], 1}, device)));
}

// Sum of the cross entropies of matched boxes and of the worst others.
Tensor hard_negatives(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth,
                      const Matches& matches) {
  constexpr std::int64_t others_per_match = 3;
  const Shape& shape = predicted.class_logits.shape();
  std::vector<std::int64_t> target;
  for (std::size_t picture = 0; picture < truth.size(); ++picture)
    for (const std::int64_t object : matches.objects[picture])
      target.push_back(object < 0 ? 0 : 1 + truth[picture][static_cast<std::size_t>(object)].category);
  const Device device = predicted.class_logits.device();
  const Tensor losses = cross_entropy(reshape(predicted.class_logits, {-1, shape[2]}),
                                      Tensor(Array::from(target, {shape[0] * shape[1]}, device)),
                                      CrossEntropyLossOptions{.reduction = Reduction::none});
  const Array here = on_host(losses.value());
  const auto* loss = here.data<float>();
  std::vector<float> kept(target.size(), 0.0F);
  std::vector<std::int64_t> others;
  for (std::size_t picture = 0; picture < truth.size(); ++picture) {
    const auto first = static_cast<std::int64_t>(picture) * shape[1];
    others.clear();
    for (std::int64_t row = first; row < first + shape[1]; ++row)
      if (target[static_cast<std::size_t>(row)] > 0)
        kept[static_cast<std::size_t>(row)] = 1;
      else
        others.push_back(row);
    const std::int64_t most =
        std::min(others_per_match * matches.per_picture[picture], static_cast<std::int64_t>(others.size()));
    std::partial_sort(others.begin(), others.begin() + most, others.end(),
                      [&](std::int64_t a, std::int64_t b) { return loss[a] != loss[b] ? loss[a] > loss[b] : a < b; });
    for (std::int64_t i = 0; i < most; ++i) kept[static_cast<std::size_t>(others[static_cast<std::size_t>(i)])] = 1;
  }
  return sum(losses * Tensor(Array::from(kept, losses.shape(), device)));
}

double mean_overlap(const Detections& predicted, const Matches& matches) {
  const NoGradient off;
  const Tensor decoded = contiguous(decode_boxes(predicted.box_logits.detach(), *predicted.boxes));
  const Array here = on_host(decoded.value());
  const auto* boxes = here.data<float>();
  double sum = 0;
  for (std::size_t i = 0; i < matches.rows.size(); ++i) {
    const float* truth = matches.boxes.data() + 4 * i;
    sum += static_cast<double>(overlap_of(boxes + 4 * matches.rows[i], truth[0], truth[1], truth[2], truth[3]));
  }
  return sum / static_cast<double>(matches.rows.size());
}

}  // namespace

std::vector<std::int64_t> match_boxes(const Array& corners, std::span<const TrueBox> objects, bool background) {
  constexpr float near = 0.5F;
  const float far = background ? near : 0.4F;
  const std::int64_t count = corners.shape(0);
  const auto* corner = corners.data<float>();
  std::vector<std::int64_t> best(static_cast<std::size_t>(count), no_object), found(best);
  std::vector<float> most(static_cast<std::size_t>(count), 0.0F), overlaps(static_cast<std::size_t>(count));
  std::vector<std::vector<std::int64_t>> forced(objects.size());  // boxes that are an object's best
  for (std::size_t object = 0; object < objects.size(); ++object) {
    const TrueBox& box = objects[object];
    float highest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const float overlap = overlap_of(corner + 4 * i, box.x1, box.y1, box.x2, box.y2);
      const auto at = static_cast<std::size_t>(i);
      if (overlap > most[at] || best[at] == no_object) {
        most[at] = overlap;
        best[at] = static_cast<std::int64_t>(object);
      }
      if (overlap <= 0 || overlap < highest) continue;
      if (overlap > highest) forced[object].clear();
      highest = overlap;
      forced[object].push_back(i);
    }
  }
  for (std::size_t i = 0; i < found.size(); ++i)
    if (most[i] >= near)
      found[i] = best[i];
    else if (most[i] >= far && !objects.empty())
      found[i] = ignored_object;
  for (std::size_t object = 0; object < objects.size(); ++object) {
    if (forced[object].empty()) continue;
    if (background)
      found[static_cast<std::size_t>(forced[object].front())] = static_cast<std::int64_t>(object);
    else
      for (const std::int64_t i : forced[object])
        found[static_cast<std::size_t>(i)] = best[static_cast<std::size_t>(i)];
  }
  return found;
}

DetectionLoss anchor_loss(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth,
                          const DetectionLossOptions& options) {
  check(predicted, truth, options);
  const bool background = predicted.boxes->background;
  const Matches matches = matches_of(*predicted.boxes, truth);
  DetectionLoss loss;
  loss.positives = static_cast<std::int64_t>(matches.rows.size());
  loss.count = static_cast<double>(
      std::max<std::int64_t>(background ? loss.positives : static_cast<std::int64_t>(truth.size()), 1));
  const Tensor classes = background ? hard_negatives(predicted, truth, matches) : focal(predicted, truth, matches);
  loss.classification = classes.item() / loss.count;
  loss.sum = classes;
  if (matches.rows.empty()) return loss;
  const std::int64_t rows = loss.positives;
  const Device device = predicted.box_logits.device();
  const Tensor deltas = index_select(reshape(predicted.box_logits, {-1, 4}), Array::from(matches.rows, {rows}, device));
  const Tensor wanted(Array::from(matches.deltas, {rows, 4}, device));
  const Tensor box = background ? smooth_l1_loss(deltas, wanted, 1, Reduction::sum)
                                : sum(abs(deltas - wanted) * Tensor(Array::from(matches.weights, {rows, 1}, device)));
  loss.box = box.item() / loss.count;
  loss.mean_overlap = mean_overlap(predicted, matches);
  loss.sum = loss.sum + box;
  return loss;
}

}  // namespace joist
