// MTCNN: faces by a cascade of three small networks (Zhang et al. 2016). Names, shapes and steps are facenet-pytorch's.
#pragma once

#include <joist/layers/activation.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>

#include <array>
#include <cstdint>
#include <vector>

namespace joist {

/// What a network of the cascade says of each window. Corrections are in sides of the window.
struct FaceWindows {
  Tensor boxes;        ///< [windows, 4], or of PNet [batch, 4, rows, columns]
  Tensor scores;       ///< probability of no face and of a face: [windows, 2], or of PNet [batch, 2, rows, columns]
  Tensor landmarks{};  ///< of ONet only: [windows, 10], five x and five y
};

/// Every window of 12 × 12 pixels, two pixels apart: [batch, 3, height, width], from 12 pixels.
struct PNet {
  FaceWindows operator()(const Tensor& x) const;
  auto fields() {
    return joist::fields("conv1", conv1, "prelu1", prelu1, "conv2", conv2, "prelu2", prelu2, "conv3", conv3, "prelu3",
                         prelu3, "conv4_1", scores, "conv4_2", boxes);
  }
  Conv2d conv1{{.in = 3, .out = 10, .padding = 0}};
  PReLU prelu1{{.channels = 10}};
  Conv2d conv2{{.in = 10, .out = 16, .padding = 0}};
  PReLU prelu2{{.channels = 16}};
  Conv2d conv3{{.in = 16, .out = 32, .padding = 0}};
  PReLU prelu3{{.channels = 32}};
  Conv2d scores{{.in = 32, .out = 2, .kernel = 1}}, boxes{{.in = 32, .out = 4, .kernel = 1}};
};

/// Windows [windows, 3, 24, 24].
struct RNet {
  FaceWindows operator()(const Tensor& x) const;
  auto fields() {
    return joist::fields("conv1", conv1, "prelu1", prelu1, "conv2", conv2, "prelu2", prelu2, "conv3", conv3, "prelu3",
                         prelu3, "dense4", dense4, "prelu4", prelu4, "dense5_1", scores, "dense5_2", boxes);
  }
  Conv2d conv1{{.in = 3, .out = 28, .padding = 0}};
  PReLU prelu1{{.channels = 28}};
  Conv2d conv2{{.in = 28, .out = 48, .padding = 0}};
  PReLU prelu2{{.channels = 48}};
  Conv2d conv3{{.in = 48, .out = 64, .kernel = 2, .padding = 0}};
  PReLU prelu3{{.channels = 64}};
  Linear dense4{{.in = 576, .out = 128}};
  PReLU prelu4{{.channels = 128}};
  Linear scores{{.in = 128, .out = 2}}, boxes{{.in = 128, .out = 4}};
};

/// Windows [windows, 3, 48, 48].
struct ONet {
  FaceWindows operator()(const Tensor& x) const;
  auto fields() {
    return joist::fields("conv1", conv1, "prelu1", prelu1, "conv2", conv2, "prelu2", prelu2, "conv3", conv3, "prelu3",
                         prelu3, "conv4", conv4, "prelu4", prelu4, "dense5", dense5, "prelu5", prelu5, "dense6_1",
                         scores, "dense6_2", boxes, "dense6_3", landmarks);
  }
  Conv2d conv1{{.in = 3, .out = 32, .padding = 0}};
  PReLU prelu1{{.channels = 32}};
  Conv2d conv2{{.in = 32, .out = 64, .padding = 0}};
  PReLU prelu2{{.channels = 64}};
  Conv2d conv3{{.in = 64, .out = 64, .padding = 0}};
  PReLU prelu3{{.channels = 64}};
  Conv2d conv4{{.in = 64, .out = 128, .kernel = 2, .padding = 0}};
  PReLU prelu4{{.channels = 128}};
  Linear dense5{{.in = 1152, .out = 256}};
  PReLU prelu5{{.channels = 256}};
  Linear scores{{.in = 256, .out = 2}}, boxes{{.in = 256, .out = 4}}, landmarks{{.in = 256, .out = 10}};
};

struct MtcnnOptions {
  double smallest = 20;                             ///< side of the smallest face, in pixels
  std::array<double, 3> thresholds{0.6, 0.7, 0.7};  ///< least probability behind each network
  double factor = 0.709;                            ///< from one scale of the picture to the next
};

struct Face {
  float x1, y1, x2, y2;  ///< pixels of the picture; may reach beyond it
  float score;
  std::array<std::array<float, 2>, 5> landmarks;  ///< x, y of eyes, nose and corners of the mouth, left ones first
};

/// [batch, 3, height, width] in [0, 1] -> the faces of each picture, best first. Without gradients. Throws UsageError
/// for options that find nothing.
struct Mtcnn {
  explicit Mtcnn(const MtcnnOptions& given = {});
  std::vector<std::vector<Face>> operator()(const Tensor& pictures) const;
  auto fields() { return joist::fields("pnet", pnet, "rnet", rnet, "onet", onet); }

  MtcnnOptions options;
  PNet pnet{};
  RNet rnet{};
  ONet onet{};
};

}  // namespace joist
