// Wrong shapes and options of resampling, regions, boxes and dropout: the error's type, and that its message names the
// rule and the values.
#include <joist/core/ops.h>
#include <joist/tests/support/expect_error.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(ResizeErrors, NameShapesAndRule) {
  using Mode = InterpolateMode;
  const Tensor picture = zeros({2, 3, 5, 6});
  const auto resized = [&](const InterpolateOptions& options) { return [=] { return interpolate(picture, options); }; };
  expect_error<UsageError>(resized({}), {"interpolate", "one of the two"});
  expect_error<UsageError>(resized({.size = {2, 2}, .scale_factor = {2}}), {"size [2, 2]", "[2.0"});
  expect_error<ShapeError>(resized({.size = {2, 2, 2}}), {"size [2, 2, 2]", "axis: 2"});
  expect_error<UsageError>(resized({.scale_factor = {1, 2, 3}}), {"[2, 3, 5, 6]", "one per spatial axis"});
  expect_error<UsageError>(resized({.scale_factor = {-1}}), {"-1", "above 0"});
  expect_error<ShapeError>(resized({.scale_factor = {0.1}}), {"[2, 3, 0, 0]", "at least one pixel"});
  expect_error<ShapeError>(resized({.size = {2, 2}, .mode = Mode::linear}), {"[2, 3, 5, 6]", "bilinear"});
  expect_error<UsageError>(resized({.size = {2, 2}, .align_corners = true}), {"align_corners", "bicubic"});
  expect_error<UsageError>(resized({.size = {2, 2}, .antialias = true}), {"antialias", "bilinear or bicubic"});
  expect_error<ShapeError>([] { return interpolate(zeros({2, 3}), {.size = {2}}); }, {"[2, 3]", "three axes"});

  expect_error<ShapeError>(
      [&] {
        return grid_sample(picture, zeros({2, 3, 3, 3}));
      },
      {"grid_sample", "[2, 3, 5, 6]", "[2, 3, 3, 3]"});
  expect_error<ShapeError>([&] { return grid_sample(picture, zeros({1, 3, 3, 2})); }, {"grid [2, height, width, 2]"});
  expect_error<DtypeError>([&] { return grid_sample(picture, zeros({2, 3, 3, 2}, Dtype::float64)); }, {"float64"});
  expect_error<UnsupportedError>(
      [] {
        return grid_sample(zeros({1, 1, 2, 2, 2}), zeros({1, 1, 2, 2, 3}));
      },
      {"unsupported", "volumes"});
  expect_error<ShapeError>(
      [] {
        return affine_grid(zeros({2, 3, 3}), {2, 1, 4, 4});
      },
      {"theta [2, 3, 3]", "[batch, 2, 3]"});
}

TEST(DetectionErrors, NameShapesAndRule) {
  const Tensor picture = zeros({2, 3, 5, 6});
  expect_error<ShapeError>(
      [&] {
        return roi_align(picture, zeros({4, 4}), {});
      },
      {"roi_align", "[4, 4]", "[regions, 5]"});
  expect_error<DataError>([&] { return roi_align(picture, full({1, 5}, 2), {}); }, {"region 0", "0 to 1"});
  expect_error<DataError>([&] { return roi_pool(picture, full({1, 5}, -1), 2, 2); }, {"roi_pool", "region 0"});
  expect_error<ShapeError>([&] { return roi_align(picture, zeros({1, 5}), {.height = 0}); }, {"at least one bin"});
  expect_error<ShapeError>([] { return box_iou(zeros({4, 4}), zeros({4, 5})); }, {"box_iou", "[4, 5]", "[n, 4]"});
  expect_error<ShapeError>([] { return box_area(zeros({3})); }, {"box_area", "[3]"});
  expect_error<ShapeError>([] { return box_convert(zeros({2, 3}), BoxFormat::xywh, BoxFormat::xyxy); }, {"[2, 3]"});
  expect_error<ShapeError>([] { return clip_boxes_to_image(zeros({2, 3}), 4, 4); }, {"clip_boxes_to_image"});
  expect_error<ShapeError>([] { return remove_small_boxes(zeros({2, 3}), 4); }, {"remove_small_boxes"});
  expect_error<ShapeError>([] { return nms(zeros({4, 4}), zeros({3}), 0.5); }, {"nms", "[4, 4]", "[3]"});
  expect_error<DataError>([] { return nms(zeros({1, 4}), full({1}, std::nan("")), 0.5); }, {"NaN", "nan_to_num"});
  expect_error<ShapeError>(
      [] {
        return batched_nms(zeros({4, 4}), zeros({4}), zeros({4}), 0.5);
      },
      {"batched_nms", "int64 classes"});
  expect_error<UsageError>([] { return soft_nms(zeros({1, 4}), zeros({1}), {.sigma = 0}).keep; }, {"sigma 0"});
}

TEST(DropoutErrors, NameTheProbability) {
  const Tensor picture = zeros({2, 3, 5, 6});
  expect_error<UsageError>([&] { return dropout(picture, 1.5); }, {"dropout", "1.5", "0 <= p <= 1"});
  expect_error<UsageError>([&] { return dropout2d(picture, -0.5); }, {"dropout2d", "-0.5"});
  expect_error<ShapeError>([&] { return dropout1d(picture, 0.5); },
                           {"dropout1d", "[2, 3, 5, 6]", "[batch, channel, length]"});
  expect_error<ShapeError>([&] { return dropout3d(picture, 0.5); },
                           {"dropout3d", "[batch, channel, depth, height, width]"});
  expect_error<UsageError>([&] { return alpha_dropout(picture, 2); }, {"alpha_dropout"});
  expect_error<ShapeError>([] { return feature_alpha_dropout(zeros({3}), 0.5); }, {"feature_alpha_dropout", "[3]"});
  expect_error<UsageError>([&] { return drop_path(picture, 2); }, {"drop_path"});
  expect_error<ShapeError>([] { return drop_path(zeros(Shape{}), 0.5); }, {"drop_path", "input of shape []"});
}

}  // namespace
}  // namespace joist
