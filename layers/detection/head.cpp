#include <joist/layers/check.h>
#include <joist/layers/detection/head.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

// [batch, channel, height, width] -> [batch, height · width, channel]; a view for channels-last memory.
Tensor cells(const Tensor& x) {
  return reshape(permute(x, {0, 2, 3, 1}), {x.shape(0), x.shape(2) * x.shape(3), x.shape(1)});
}

// Bins that fall by a factor e every three: distances of 2.4 strides on average, boxes of about five, as large as what
// a level learns. Equal bins begin with 15 strides, whose overlap with objects, which is what classes are to learn, is
// next to nothing for long.
Parameter first_distances(std::int64_t bins) {
  constexpr double fall = 3;
  std::vector<float> logits;
  for (std::int64_t i = 0; i < 4 * bins; ++i)
    logits.push_back(static_cast<float>(-static_cast<double>(i % bins) / fall));
  return Parameter(Array::from(logits, {4 * bins}));
}

}  // namespace

Tensor expected_distances(const Tensor& logits) {
  std::vector<float> bins;
  for (std::int64_t i = 0; i < logits.shape(-1); ++i) bins.push_back(static_cast<float>(i));
  return expected_distances(logits, Tensor(Array::from(bins, {logits.shape(-1)}, logits.device())));
}

Tensor expected_distances(const Tensor& logits, const Tensor& bins) {
  // A sum, not a matrix product: the number of rows changes from step to step, and a product would be prepared for each
  // anew.
  return sum(softmax(logits, -1) * bins, {-1});
}

DetectionHead::DetectionHead(const DetectionHeadOptions& options) : bins(options.bins), strides(options.strides) {
  const std::vector<std::int64_t>& in = options.in;
  if (in.empty() || in.size() != strides.size())
    throw UsageError({.where = "DetectionHead",
                      .what = std::to_string(in.size()) + " levels and " + std::to_string(strides.size()) + " strides",
                      .expected = "one stride per level",
                      .remedy = "strides 8, 16, 32 for three levels"});
  require_positive("DetectionHead", "bins", bins);
  require_positive("DetectionHead", "classes", options.classes);
  for (std::size_t level = 0; level < in.size(); ++level) {
    require_positive("DetectionHead", "in", in[level]);
    require_positive("DetectionHead", "stride", strides[level]);
  }
  const std::int64_t box_width = std::max<std::int64_t>({16, in[0] / 4, 4 * bins});
  const std::int64_t class_width = std::max<std::int64_t>(in[0], std::min<std::int64_t>(options.classes, 100));
  for (std::size_t level = 0; level < in.size(); ++level) {
    box.emplace_back(in[level], box_width, 4 * bins);
    cls.emplace_back(in[level], class_width, options.classes);
    box.back().last.bias = first_distances(bins);
    // Five objects per picture of 640 × 640.
    const double cells_at_640 = std::pow(640.0 / static_cast<double>(strides[level]), 2);
    cls.back().last.bias =
        init::constant({options.classes}, std::log(5.0 / static_cast<double>(options.classes) / cells_at_640));
  }
}

Detections DetectionHead::operator()(const std::vector<Tensor>& features) const {
  if (features.size() != box.size())
    throw ShapeError({.where = "DetectionHead",
                      .what = std::to_string(features.size()) + " feature maps",
                      .expected = std::to_string(box.size()) + ", one for each level",
                      .remedy = "a head made with one entry of in for each feature map"});
  for (std::size_t level = 0; level < features.size(); ++level)
    require_pictures("DetectionHead", features[level].shape(), box[level].first.conv.weight.shape(1));
  Detections result{.bins = bins};
  std::vector<Tensor> boxes, scores;
  for (std::size_t level = 0; level < features.size(); ++level) {
    boxes.push_back(cells(unhalved(box[level](features[level]))));
    scores.push_back(cells(unhalved(cls[level](features[level]))));
    const auto stride = static_cast<float>(strides[level]);
    for (std::int64_t y = 0; y < features[level].shape(2); ++y)
      for (std::int64_t x = 0; x < features[level].shape(3); ++x)
        result.anchors.push_back(
            {(static_cast<float>(x) + 0.5F) * stride, (static_cast<float>(y) + 0.5F) * stride, stride});
  }
  result.box_logits = concat(boxes, 1);
  result.class_logits = concat(scores, 1);
  return result;
}

Tensor decode(const Detections& detections) {
  if (detections.boxes)
    return transpose(concat({decode_boxes(detections.box_logits, *detections.boxes),
                             class_scores(detections.class_logits, *detections.boxes)},
                            2),
                     1, 2);
  const std::int64_t batch = detections.box_logits.shape(0), anchors = detections.box_logits.shape(1);
  const Tensor distances = expected_distances(reshape(detections.box_logits, {batch, anchors, 4, detections.bins}));
  std::vector<float> centres, signed_strides;
  for (const Detections::Anchor& anchor : detections.anchors) {
    centres.insert(centres.end(), {anchor.x, anchor.y, anchor.x, anchor.y});
    signed_strides.insert(signed_strides.end(), {-anchor.stride, -anchor.stride, anchor.stride, anchor.stride});
  }
  const Shape shape{1, anchors, 4};
  const Tensor boxes = distances * Tensor(Array::from(signed_strides, shape, distances.device())) +
                       Tensor(Array::from(centres, shape, distances.device()));
  return transpose(concat({boxes, sigmoid(detections.class_logits)}, 2), 1, 2);
}

}  // namespace joist
