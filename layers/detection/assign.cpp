#include <joist/layers/detection/assign.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

struct Corners {
  float x1, y1, x2, y2;
};

Corners predicted_box(const float* distances, const Detections::Anchor& anchor) {
  const float s = anchor.stride;
  return {anchor.x - distances[0] * s, anchor.y - distances[1] * s, anchor.x + distances[2] * s,
          anchor.y + distances[3] * s};
}

// Complete IoU as in the loss (see kernels.h), in single precision, clamped at 0.
float overlap(const Corners& a, const TrueBox& b) {
  constexpr float epsilon = 1e-7F;
  const float wa = a.x2 - a.x1, ha = a.y2 - a.y1, wb = b.x2 - b.x1, hb = b.y2 - b.y1;
  const float inter = std::max(std::min(a.x2, b.x2) - std::max(a.x1, b.x1), 0.0F) *
                      std::max(std::min(a.y2, b.y2) - std::max(a.y1, b.y1), 0.0F);
  const float iou = inter / (wa * ha + wb * hb - inter + epsilon);
  if (inter <= 0) return 0;  // the penalties only subtract
  const float cw = std::max(a.x2, b.x2) - std::min(a.x1, b.x1), ch = std::max(a.y2, b.y2) - std::min(a.y1, b.y1);
  const float dx = b.x1 + b.x2 - a.x1 - a.x2, dy = b.y1 + b.y2 - a.y1 - a.y2;
  const float angle = std::atan(wb / (hb + epsilon)) - std::atan(wa / (ha + epsilon));
  const float v = 0.40528473456935109F * angle * angle;  // 4 / π²
  const float alpha = v / (1 - iou + v + epsilon);
  return std::max(iou - (dx * dx + dy * dy) / 4 / (cw * cw + ch * ch + epsilon) - alpha * v, 0.0F);
}

// The usual exponents without std::pow.
double power(double x, double exponent) {
  if (exponent == 0.5) return std::sqrt(x);
  if (exponent == 6) return x * x * x * (x * x * x);
  return std::pow(x, exponent);
}

struct Candidate {
  std::int64_t anchor;
  float alignment, overlap;
};

}  // namespace

std::vector<Assignment> assign(const float* distances, const float* class_logits, std::int64_t classes,
                               std::span<const Detections::Anchor> anchors, std::span<const TrueBox> objects,
                               const AssignOptions& options) {
  struct Claim {
    std::int64_t object = -1;
    float alignment = 0, overlap = -1;
  };
  std::vector<Claim> claims(anchors.size());
  std::vector<Candidate> candidates;

  for (std::size_t object = 0; object < objects.size(); ++object) {
    const TrueBox& truth = objects[object];
    const auto half = [&](float length) {
      return (length < options.small_side ? std::max(length, options.widened_to) : length) / 2;
    };
    const float cx = (truth.x1 + truth.x2) / 2, cy = (truth.y1 + truth.y2) / 2;
    const float rx = half(truth.x2 - truth.x1), ry = half(truth.y2 - truth.y1);
    candidates.clear();
    for (std::size_t i = 0; i < anchors.size(); ++i) {
      if (!(std::fabs(anchors[i].x - cx) < rx && std::fabs(anchors[i].y - cy) < ry)) continue;
      const auto at = static_cast<std::int64_t>(i);
      const float score = 1 / (1 + std::exp(-class_logits[at * classes + truth.category]));
      const float iou = overlap(predicted_box(distances + at * 4, anchors[i]), truth);
      const double alignment =
          power(static_cast<double>(score), options.alpha) * power(static_cast<double>(iou), options.beta);
      candidates.push_back({at, static_cast<float>(alignment), iou});
    }
    const std::size_t kept = std::min(candidates.size(), static_cast<std::size_t>(options.top));
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept), candidates.end(),
                      [](const Candidate& a, const Candidate& b) {
                        return a.alignment != b.alignment ? a.alignment > b.alignment : a.anchor < b.anchor;
                      });
    for (std::size_t i = 0; i < kept; ++i) {
      Claim& claim = claims[static_cast<std::size_t>(candidates[i].anchor)];
      if (candidates[i].overlap > claim.overlap)
        claim = {static_cast<std::int64_t>(object), candidates[i].alignment, candidates[i].overlap};
    }
  }

  // Each object's best alignment is worth its best overlap.
  std::vector<float> best_alignment(objects.size(), 0), best_overlap(objects.size(), 0);
  for (const Claim& claim : claims) {
    if (claim.object < 0) continue;
    const auto object = static_cast<std::size_t>(claim.object);
    best_alignment[object] = std::max(best_alignment[object], claim.alignment);
    best_overlap[object] = std::max(best_overlap[object], claim.overlap);
  }
  std::vector<Assignment> result;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    if (claims[i].object < 0) continue;
    const auto object = static_cast<std::size_t>(claims[i].object);
    result.push_back({static_cast<std::int64_t>(i), claims[i].object,
                      claims[i].alignment * best_overlap[object] / (best_alignment[object] + 1e-9F)});
  }
  return result;
}

}  // namespace joist
