// Models, data and runs as small as the emulated GPU needs them.
#pragma once

#include <joist/core/transfer.h>
#include <joist/data/encode.h>
#include <joist/layers/linear.h>
#include <joist/layers/models/lstm_text.h>
#include <joist/tests/tools/training/tiny_task.h>
#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/detection_task.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace joist::testing {

namespace fs = std::filesystem;

struct TinyClassifier {
  explicit TinyClassifier(const ModelOptions& o) : head({.in = 4 * 4 * 4, .out = o.classes}) {}
  Tensor operator()(const Tensor& x) const {
    Tensor y = flatten(max_pool2d(bn(conv(x)), {}));
    if (training()) y = dropout(y, 0.2, next_random_key(Stream::dropout));
    return head(y);
  }
  auto fields() { return joist::fields("conv", conv, "bn", bn, "head", head); }
  Conv2d conv{{.in = 1, .out = 4, .bias = false}};
  BatchNorm2d bn{{.channels = 4, .activation = Relu{}}};
  Linear head;
};

struct TinyDetector {
  explicit TinyDetector(const ModelOptions& o)
      : head({.in = std::vector<std::int64_t>{8, 8}, .classes = o.classes, .bins = 4, .strides = {8, 16}}) {}
  Detections operator()(const Tensor& x) const {
    const Tensor y = second(max_pool2d(first(x), {}));
    return head({y, third(y)});
  }
  auto fields() { return joist::fields("first", first, "second", second, "third", third, "head", head); }
  ConvNorm first{{.in = 3, .out = 4, .stride = 2}}, second{{.in = 4, .out = 8, .stride = 2}},
      third{{.in = 8, .out = 8, .stride = 2}};
  DetectionHead head;
};

// Large activations, little work.
struct Wide {
  explicit Wide(const ModelOptions& o) : last({.in = 2048, .out = o.classes}) {}
  Tensor operator()(const Tensor& x) const { return last(relu(first(flatten(x)))); }
  auto fields() { return joist::fields("first", first, "last", last); }
  Linear first{{.in = 64, .out = 2048, .bias = false}}, last;  // sums of columns take long on the emulator
};

inline const ModelRegistry& registry() {
  static const ModelRegistry models(
      {model<TinyClassifier>("tiny_classifier", 1, 8), model<TinyDetector>("tiny_detector"), model<Wide>("wide", 1, 8),
       sequence_model(
           "tiny_lstm",
           [](const ModelOptions& o) {
             return LstmText({.vocabulary = o.classes, .embedding = 4, .hidden = 6, .layers = 2});
           },
           4)});
  return models;
}

inline void write_idx(const fs::path& path, const std::vector<std::uint8_t>& shape,
                      const std::vector<std::uint8_t>& values) {
  std::ofstream file(path, std::ios::binary);
  file.put(0).put(0).put(8).put(static_cast<char>(shape.size()));
  for (const std::uint8_t length : shape) file.put(0).put(0).put(0).put(static_cast<char>(length));
  file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size()));
}

// 12 pictures of 8 × 8: a bright bar in one of three places.
inline fs::path classes_in(const TemporaryFolder& folder) {
  const fs::path path = folder / "classes";
  fs::create_directories(path);
  std::vector<std::uint8_t> pixels, labels;
  for (int i = 0; i < 12; ++i) {
    labels.push_back(static_cast<std::uint8_t>(i % 3));
    for (int at = 0; at < 64; ++at)
      pixels.push_back(static_cast<std::uint8_t>((at / 8) / 3 == i % 3 ? 200 + i : (7 * at + 13 * i) % 50));
  }
  for (const std::string split : {"train", "t10k"}) {
    write_idx(path / (split + "-images-idx3-ubyte"), {12, 8, 8}, pixels);
    write_idx(path / (split + "-labels-idx1-ubyte"), {12}, labels);
  }
  return path;
}

// 4 pictures of 32 × 32 with a box or two each; the last has none.
inline fs::path boxes_in(const TemporaryFolder& folder) {
  const fs::path path = folder / "boxes";
  std::string images, annotations;
  for (int i = 0; i < 4; ++i) {
    Picture picture(32, 32, 60);
    const std::string name = "p" + std::to_string(i) + ".png";
    for (int box = 0; box < (i == 3 ? 0 : 1 + i % 2); ++box) {
      const int x = 2 + 7 * i + 3 * box, y = 3 + 10 * box, side = 9 + box;
      for (int row = y; row < y + side; ++row)
        for (int column = x; column < x + side; ++column)
          picture.pixels[static_cast<std::size_t>((row * 32 + column) * 3 + box)] = 220;
      annotations += (annotations.empty() ? "" : ",") + std::string("{\"id\":") + std::to_string(10 * i + box + 1) +
                     ",\"image_id\":" + std::to_string(i + 1) + ",\"category_id\":" + std::to_string(box + 1) +
                     ",\"bbox\":[" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(side) + "," +
                     std::to_string(side) + "],\"area\":" + std::to_string(side * side) + ",\"iscrowd\":0}";
    }
    write_png((path / name).string(), picture);
    images += (i ? "," : "") + std::string("{\"id\":") + std::to_string(i + 1) + ",\"file_name\":\"" + name +
              "\",\"width\":32,\"height\":32}";
  }
  std::ofstream(path / "truth.json") << "{\"images\":[" << images << "],\"annotations\":[" << annotations
                                     << "],\"categories\":[{\"id\":1,\"name\":\"red\"},{\"id\":2,\"name\":\"green\"}]}";
  return path / "truth.json";
}

inline TrainOptions options_for(const std::string& model, const fs::path& data, const fs::path& out,
                                const std::string& device) {
  return {.data = data.string(),
          .val = data.string(),
          .model = model,
          .out = out.string(),
          .size = model == "tiny_detector" ? 32 : 8,
          .batch = 4,
          .epochs = model == "tiny_detector" ? 2 : 1,
          .device = device,
          .threads = 1,
          .loader_threads = 1,
          .optimizer = model == "tiny_detector" ? "sgd" : "adamw",
          .lr = 0.01,
          .warmup = 0,
          .mosaic = 0,
          .given = {"device"}};
}

inline void expect_near(const std::vector<NamedState>& got, const std::vector<NamedState>& wanted, double tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].name, wanted[i].name);
    if (got[i].array.dtype() != Dtype::float32) continue;
    const std::vector<float> a = got[i].array.to_vector<float>(), b = wanted[i].array.to_vector<float>();
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t at = 0; at < a.size(); ++at)
      ASSERT_NEAR(a[at], b[at], tolerance * (1 + std::abs(b[at]))) << got[i].name << " " << at;
  }
}

// The logs and weights of two runs.
inline void expect_same_run(const fs::path& got, const fs::path& wanted, double tolerance, double of_logs = 1e-4) {
  const Checkpoint a = read_checkpoint(got / "last.h5"), b = read_checkpoint(wanted / "last.h5");
  ASSERT_EQ(a.training->log.rows(), b.training->log.rows());
  EXPECT_EQ(a.training->step, b.training->step);
  EXPECT_EQ(a.training->skipped, 0);
  for (std::size_t row = 0; row < a.training->log.rows(); ++row)
    for (const std::string& column : a.training->log.columns()) {
      if (column == "seconds" || column == "samples_per_second") continue;
      const auto x = a.training->log.at(row, column), y = b.training->log.at(row, column);
      ASSERT_EQ(x.has_value(), y.has_value());
      if (!x) continue;
      EXPECT_NEAR(*x, *y, of_logs * (1 + std::abs(*y))) << column << " of row " << row;
    }
  expect_near(a.model, b.model, tolerance);
  expect_near(a.average, b.average, tolerance);
  expect_near(a.training->optimizer.arrays, b.training->optimizer.arrays, tolerance);
}

}  // namespace joist::testing
