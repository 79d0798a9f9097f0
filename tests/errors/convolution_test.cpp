// Wrong shapes, element types and options of convolutions, padding, windows and their layers: the error's type, and
// that its message names the rule and the values.
#include <joist/core/ops.h>
#include <joist/layers/convolution.h>
#include <joist/layers/convolution_transposed.h>
#include <joist/layers/padding.h>
#include <joist/layers/reshape.h>
#include <joist/tests/support/expect_error.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(ConvolutionErrors, NameShapesAndRule) {
  const Tensor line = zeros({2, 3, 5}), picture = zeros({2, 3, 5, 6}), volume = zeros({2, 3, 4, 5, 6});
  expect_error<ShapeError>(
      [&] {
        return conv1d(picture, zeros({4, 3, 2}));
      },
      {"conv1d", "[2, 3, 5, 6]", "[batch, channel, length]"});
  expect_error<ShapeError>(
      [&] {
        return conv3d(picture, zeros({4, 3, 2, 2, 2}));
      },
      {"conv3d", "[batch, channel, depth, height, width]"});
  expect_error<ShapeError>(
      [&] {
        return conv1d(line, zeros({4, 2, 2}));
      },
      {"conv1d", "input [2, 3, 5]", "weight [4, 2, 2]", "in = 3"});
  expect_error<ShapeError>(
      [&] {
        return conv3d(volume, zeros({4, 3, 5, 2, 2}));
      },
      {"a window of 5", "[2, 3, 4, 5, 6]", "larger picture"});
  expect_error<ShapeError>([&] { return conv2d(picture, zeros({4, 3, 2, 2}), zeros({3})); }, {"bias", "[3]", "[4]"});
  expect_error<ShapeError>(
      [&] {
        return conv2d(picture, zeros({4, 3, 2, 2}), {}, {.stride = {1, 2, 3}});
      },
      {"stride [1, 2, 3]", "one per spatial axis: 2"});
  expect_error<ShapeError>(
      [&] {
        return conv1d(line, zeros({4, 3, 2}), {}, {.stride = {0}});
      },
      {"stride [0]", "at least 1"});
  expect_error<DtypeError>([&] { return conv1d(line, zeros({4, 3, 2}, Dtype::float64)); }, {"float32", "float64"});
  expect_error<ShapeError>(
      [&] {
        return conv2d(picture, zeros({4, 3, 3, 3}), {}, Padding::same, {.stride = {2, 2}});
      },
      {"padding same", "stride [2, 2]", "stride 1", "padding as numbers"});
}

TEST(TransposedConvolutionErrors, NameShapesAndRule) {
  const Tensor picture = zeros({2, 3, 5, 6});
  expect_error<ShapeError>(
      [&] {
        return conv_transpose2d(picture, zeros({4, 3, 2, 2}));
      },
      {"conv_transpose2d", "input [2, 3, 5, 6]", "weight [4, 3, 2, 2]", "[in, out/groups"});
  expect_error<ShapeError>(
      [&] {
        return conv_transpose2d(picture, zeros({3, 4, 2, 2}), {}, {.stride = {2, 2}, .output_padding = {2, 0}});
      },
      {"output_padding [2, 0]", "below the stride or the dilation"});
  expect_error<ShapeError>(
      [&] {
        return conv_transpose2d(picture, zeros({3, 4, 1, 1}), {}, {.padding = {3, 3}});
      },
      {"nothing is left", "[3, 3]", "less padding"});
  expect_error<ShapeError>(
      [&] {
        return conv_transpose1d(zeros({2, 3, 5}), zeros({3, 4, 2}), zeros({3}));
      },
      {"bias", "[3]", "[4]"});
  expect_error<ShapeError>([&] { return conv_transpose3d(picture, zeros({3, 4, 2, 2, 2})); }, {"conv_transpose3d"});
}

TEST(WindowErrors, NameShapesAndRule) {
  const Tensor picture = zeros({2, 3, 5, 6});
  expect_error<ShapeError>([&] { return pad(picture, {1, 2, 3}); }, {"pad", "3 amounts", "pairs"});
  expect_error<ShapeError>([&] { return pad(picture, {6, 0}, PadMode::reflect); }, {"[2, 3, 5, 6]", "length - 1"});
  expect_error<ShapeError>([&] { return pad(picture, {7, 0}, PadMode::circular); }, {"at most the length"});
  expect_error<ShapeError>([&] { return pad(zeros({2, 0}), {1, 0}, PadMode::replicate); }, {"to replicate"});
  expect_error<ShapeError>([&] { return pad(picture, {-4, -3}); }, {"crop at most"});
  expect_error<UnsupportedError>([&] { return pad(picture, {-1, 0}, PadMode::reflect); }, {"unsupported", "slice()"});
  expect_error<ShapeError>([&] { return unfold(zeros({3, 5, 6}), {}); }, {"unfold", "[batch, channel, height, width]"});
  expect_error<ShapeError>(
      [&] {
        return unfold(picture, {.kernel = {6, 1}});
      },
      {"kernel [6, 1]", "does not fit [2, 3, 5, 6]"});
  expect_error<ShapeError>([&] { return unfold(picture, {.stride = {0, 1}}); }, {"stride [0, 1]", "at least 1"});
  expect_error<ShapeError>(
      [&] {
        return fold(zeros({2, 12, 7}), 4, 4, {.kernel = {2, 2}});
      },
      {"fold", "[2, 12, 7]", "a multiple of 4, 9"});
  expect_error<ShapeError>([&] { return pixel_shuffle(picture, 2); }, {"pixel_shuffle", "factor 2", "factor²"});
  expect_error<ShapeError>([&] { return pixel_unshuffle(picture, 2); }, {"pixel_unshuffle", "divisible"});
  expect_error<ShapeError>([&] { return channel_shuffle(picture, 2); }, {"channel_shuffle", "groups 2"});
}

TEST(ConvolutionLayerErrors, NameTheOptions) {
  expect_error<UsageError>([] { return Conv2d{{.in = 3, .out = 4, .groups = 2}}; }, {"3 channels to 4 in 2 groups"});
  expect_error<UsageError>([] { return ConvTranspose1d{{.in = 4, .out = 3, .groups = 2}}; }, {"4 channels to 3"});
  expect_error<UsageError>(
      [] {
        return Conv1d{{.in = 3, .out = 4, .kernel = {3, 3}}};
      },
      {"[3, 3]", "one per spatial axis: 1"});
  expect_error<ShapeError>([] { return ZeroPad2d{{1, 2, 3}}(zeros({1, 1, 2, 2})); }, {"[1, 2, 3]", "one amount or 4"});
  expect_error<ShapeError>(
      [] {
        return Unflatten{1, {4, -1}}(zeros({2, 6}));
      },
      {"axis 1 of shape [2, 6]", "product is 6"});
}

}  // namespace
}  // namespace joist
