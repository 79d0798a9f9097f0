// RetinaNet with a ResNet-50 and a feature pyramid (Lin et al. 2017). Names, shapes and initial values are
// torchvision's retinanet_resnet50_fpn.
#pragma once

#include <joist/layers/detection/feature_pyramid.h>
#include <joist/layers/detection/head.h>
#include <joist/layers/models/resnet.h>

#include <array>
#include <cmath>
#include <cstdint>

namespace joist {

struct RetinaNetOptions {
  std::int64_t classes = 91;  ///< all of them objects; the original's first one is never seen
  bool frozen_norms = false;  ///< of the ResNet: where its pretrained statistics shall stay
};

/// [batch, 3, height, width] in [0, 1] -> Detections with nine boxes per cell at strides 8 to 128.
struct RetinaNet {
  /// Four 3×3 convolutions and a last one at every level: the same ones.
  struct Branch {
    Branch(std::int64_t width, std::int64_t out, double bias) : last({.in = width, .out = out}) {
      for (int i = 0; i < 4; ++i) {
        Conv2d& conv = hidden.emplace_back().add(Conv2d{{.in = width, .out = width}});
        conv.weight = init::normal(conv.weight.shape(), 0.01);
        conv.bias = init::zeros(conv.bias.shape());
      }
      last.weight = init::normal(last.weight.shape(), 0.01);
      last.bias = init::constant(last.bias.shape(), bias);
    }
    Tensor operator()(const Tensor& x) const {
      Tensor y = x;
      for (const auto& conv : hidden) y = relu(conv(y));
      return last(y);
    }
    std::vector<Sequence<Conv2d>> hidden{};
    Conv2d last;
  };

  explicit RetinaNet(const RetinaNetOptions& o = {})
      : classes(require_positive("RetinaNet", "classes", o.classes)),
        body({.depth = 50, .classes = 1, .frozen_norms = o.frozen_norms}),
        fpn({.in = {512, 1024, 2048}}),
        classification(256, 9 * classes, -std::log((1 - 0.01) / 0.01)),
        regression(256, 36, 0) {}

  Detections operator()(const Tensor& x) const {
    require_pictures("RetinaNet", x.shape(), 3);
    const Tensor mean = to(Tensor::from({0.485F, 0.456F, 0.406F}, {1, 3, 1, 1}), x.device());
    const Tensor deviation = to(Tensor::from({0.229F, 0.224F, 0.225F}, {1, 3, 1, 1}), x.device());
    std::vector<Tensor> features = body.features((x - mean) / deviation);
    features.erase(features.begin());
    std::vector<Tensor> boxes, scores;
    std::vector<AnchorLevel> levels;
    double side = 32;
    for (const Tensor& map : fpn(features)) {
      boxes.push_back(per_anchor(regression(map), 4));
      scores.push_back(per_anchor(classification(map), classes));
      levels.push_back({sides_of(side), map.shape(2), map.shape(3)});
      side *= 2;
    }
    return {.box_logits = unhalved(concat(boxes, 1)),
            .class_logits = unhalved(concat(scores, 1)),
            .boxes = AnchorBoxes{.corners = anchors_at_corners(levels, x.shape(2), x.shape(3))}};
  }
  auto fields() {
    return joist::fields("backbone.body.conv1", body.conv1, "backbone.body.bn1", body.bn1, "backbone.body.layer1",
                         body.layer1, "backbone.body.layer2", body.layer2, "backbone.body.layer3", body.layer3,
                         "backbone.body.layer4", body.layer4, "backbone.fpn", fpn, "head.classification_head.conv",
                         classification.hidden, "head.classification_head.cls_logits", classification.last,
                         "head.regression_head.conv", regression.hidden, "head.regression_head.bbox_reg",
                         regression.last);
  }

  std::int64_t classes;
  ResNet body;
  FeaturePyramid fpn;
  Branch classification, regression;

 private:
  // Three sizes, a third of an octave apart, in three shapes each: low, square, high; whole numbers.
  static std::vector<std::pair<float, float>> sides_of(double side) {
    std::vector<std::pair<float, float>> found;
    for (const float ratio : {0.5F, 1.0F, 2.0F})
      for (const double third : {0.0, 1.0 / 3, 2.0 / 3}) {
        const auto scale = static_cast<float>(std::floor(side * std::pow(2.0, third)));
        const float root = std::sqrt(ratio);
        found.emplace_back(2 * std::nearbyint(1 / root * scale / 2), 2 * std::nearbyint(root * scale / 2));
      }
    return found;
  }
};

}  // namespace joist
