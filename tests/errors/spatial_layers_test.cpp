// What the layers that pad, rearrange and resample refuse.
#include <joist/layers/padding.h>
#include <joist/layers/reshape.h>
#include <joist/layers/resize.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

// What every padding of `axes` axes refuses.
template <class Layer>
void expect_padding(const std::string& name, int axes) {
  const std::string sides = "one amount or " + std::to_string(2 * axes);
  const Tensor x = zeros(Shape::filled(axes + 2, 4)), flat = zeros({4, 4});
  expect_refusals({
      wrong_shape(name, [&] { return Layer{{1}}(flat); }, {name + ":", "[4, 4]", "[batch, channel,", "unsqueeze"}),
      wrong_option<ShapeError>(name,
                               [&] {
                                 return Layer{{1, 2, 3, 4, 5}}(x);
                               },
                               {name + ":", "amounts [1, 2, 3, 4, 5]", sides}),
      wrong_option<ShapeError>(name, [&] { return Layer{Shape{}}(x); }, {name + ":", "amounts []", sides}),
  });
}

// Amounts that the lengths do not allow.
template <class Layer>
Refusal too_much(const std::string& name, int axes, std::int64_t amount, const char* rule) {
  return wrong_shape(name, [=] { return Layer{{amount}}(zeros(Shape::filled(axes + 2, 4))); },
                     {"pad:", Shape::filled(axes + 2, 4).text(), rule, "smaller amounts"});
}
template <class Layer>
Refusal empty(const std::string& name, int axes) {
  return wrong_shape(name, [=] { return Layer{{1}}(zeros(Shape::filled(axes + 2, 0))); },
                     {"pad:", Shape::filled(axes + 2, 0).text(), "something to replicate"});
}
template <class Layer>
Refusal negative(const std::string& name, int axes) {
  return wrong_option<UnsupportedError>(name, [=] { return Layer{{-1}}(zeros(Shape::filled(axes + 2, 4))); },
                                        {"pad:", "negative amounts", "slice() first"});
}

TEST(SpatialLayerErrors, Padding) {
  expect_padding<ConstantPad1d>("ConstantPad1d", 1);
  expect_padding<ConstantPad2d>("ConstantPad2d", 2);
  expect_padding<ConstantPad3d>("ConstantPad3d", 3);
  expect_padding<ZeroPad1d>("ZeroPad1d", 1);
  expect_padding<ZeroPad2d>("ZeroPad2d", 2);
  expect_padding<ZeroPad3d>("ZeroPad3d", 3);
  expect_padding<ReflectionPad1d>("ReflectionPad1d", 1);
  expect_padding<ReflectionPad2d>("ReflectionPad2d", 2);
  expect_padding<ReflectionPad3d>("ReflectionPad3d", 3);
  expect_padding<ReplicationPad1d>("ReplicationPad1d", 1);
  expect_padding<ReplicationPad2d>("ReplicationPad2d", 2);
  expect_padding<ReplicationPad3d>("ReplicationPad3d", 3);
  expect_padding<CircularPad1d>("CircularPad1d", 1);
  expect_padding<CircularPad2d>("CircularPad2d", 2);
  expect_padding<CircularPad3d>("CircularPad3d", 3);
  expect_refusals({
      too_much<ConstantPad2d>("ConstantPad2d", 2, -3, "crop at most"),
      too_much<ZeroPad1d>("ZeroPad1d", 1, -3, "crop at most"),
      too_much<ReflectionPad1d>("ReflectionPad1d", 1, 4, "at most length - 1"),
      too_much<ReflectionPad2d>("ReflectionPad2d", 2, 4, "at most length - 1"),
      too_much<ReflectionPad3d>("ReflectionPad3d", 3, 4, "at most length - 1"),
      too_much<CircularPad1d>("CircularPad1d", 1, 5, "at most the length"),
      too_much<CircularPad2d>("CircularPad2d", 2, 5, "at most the length"),
      too_much<CircularPad3d>("CircularPad3d", 3, 5, "at most the length"),
      empty<ReplicationPad1d>("ReplicationPad1d", 1),
      empty<ReplicationPad2d>("ReplicationPad2d", 2),
      empty<ReplicationPad3d>("ReplicationPad3d", 3),
      negative<ReflectionPad2d>("ReflectionPad2d", 2),
      negative<ReplicationPad2d>("ReplicationPad2d", 2),
      negative<CircularPad2d>("CircularPad2d", 2),
  });
}

TEST(SpatialLayerErrors, Rearranging) {
  const Tensor x = zeros({2, 6}), picture = zeros({1, 2, 4, 4});
  expect_refusals({
      wrong_option<ShapeError>("Flatten", [&] { return Flatten{2}(x); },
                               {"flatten", "axis 2 of shape [2, 6]", "-2 to 1"}),
      wrong_option<ShapeError>("Flatten",
                               [&] {
                                 return Flatten{1, 0}(x);
                               },
                               {"flatten", "axes 1 to 0 of [2, 6]", "first at most last"}),
      wrong_shape("Flatten", [] { return Flatten{}(zeros({})); }, {"flatten", "axis 1 of shape []", "unsqueeze"}),
      wrong_shape("Unflatten",
                  [&] {
                    return Unflatten{1, {4, -1}}(x);
                  },
                  {"unflatten", "axis 1 of shape [2, 6] as [4, -1]", "product is 6", "-1 for"}),
      wrong_option<ShapeError>("Unflatten",
                               [&] {
                                 return Unflatten{1, {-1, -1}}(x);
                               },
                               {"[-1, -1]", "at most one -1"}),
      wrong_option<ShapeError>("Unflatten",
                               [&] {
                                 return Unflatten{1, {-2, -3}}(x);
                               },
                               {"unflatten", "[-2, -3]"}),
      wrong_option<ShapeError>("Unflatten",
                               [&] {
                                 return Unflatten{2, {2, 3}}(x);
                               },
                               {"unflatten", "axis 2 of shape [2, 6]", "-2 to 1"}),
      wrong_shape("Unfold", [&] { return Unfold{}(x); }, {"unfold", "[2, 6]", "[batch, channel, height, width]"}),
      wrong_shape("Unfold",
                  [&] {
                    return Unfold{{.kernel = {5, 5}}}(picture);
                  },
                  {"unfold", "kernel [5, 5]", "[1, 2, 4, 4]", "larger picture"}),
      wrong_option<ShapeError>("Unfold",
                               [&] {
                                 return Unfold{{.kernel = {2, 0}}}(picture);
                               },
                               {"unfold", "kernel [2, 0]", "at least 1"}),
      wrong_option<ShapeError>("Unfold", [&] { return Unfold{{.stride = {1}}}(picture); },
                               {"unfold", "[1]", "[height, width]", "two lengths"}),
      wrong_dtype("Unfold",
                  [] {
                    return Unfold{}(zeros({1, 2, 4, 4}, Dtype::int64));
                  },
                  {"unfold", "int64", "to(x"}),
      wrong_shape("Fold",
                  [&] {
                    return Fold{4, 4}(picture);
                  },
                  {"fold", "[1, 2, 4, 4]", "kernel area"}),
      wrong_shape("Fold",
                  [] {
                    return Fold{4, 4, {.kernel = {2, 2}}}(zeros({1, 8, 7}));
                  },
                  {"fold", "[1, 8, 7]", "picture [4, 4]", "9]", "unfold()"}),
      wrong_option<ShapeError>("Fold",
                               [] {
                                 return Fold{1, 4, {.kernel = {2, 2}}}(zeros({1, 8, 3}));
                               },
                               {"fold", "kernel [2, 2]", "[1, 1, 1, 4]"}),
      wrong_dtype("Fold",
                  [] {
                    return Fold{4, 4, {.kernel = {2, 2}}}(zeros({1, 8, 9}, Dtype::int64));
                  },
                  {"fold", "int64", "to(x"}),
  });
}

TEST(SpatialLayerErrors, Resampling) {
  const Tensor x = zeros({2, 6}), picture = zeros({1, 6, 4, 4});
  const auto of_two = [&](InterpolateMode mode) { return Upsample{{.scale_factor = {2}, .mode = mode}}(picture); };
  expect_refusals({
      wrong_shape("Upsample", [&] { return Upsample{{.scale_factor = {2}}}(x); },
                  {"interpolate", "[2, 6]", "one to three axes", "unsqueeze"}),
      wrong_dtype("Upsample",
                  [] {
                    return Upsample{{.scale_factor = {2}}}(zeros({1, 6, 4, 4}, Dtype::uint8));
                  },
                  {"interpolate", "input of uint8", "to(x, Dtype::float32)"}),
      wrong_option("Upsample", [&] { return Upsample{}(picture); }, {"interpolate", "size []", "one of the two"}),
      wrong_option("Upsample", [&] { return Upsample{{.scale_factor = {-2}}}(picture); },
                   {"interpolate", "scale_factor [-2", "above 0", "doubles"}),
      wrong_option("Upsample",
                   [&] {
                     return Upsample{{.scale_factor = {2, 2, 2}}}(picture);
                   },
                   {"interpolate", "[1, 6, 4, 4]", "one per spatial axis"}),
      wrong_option<ShapeError>("Upsample",
                               [&] {
                                 return Upsample{{.size = {0, 4}}}(picture);
                               },
                               {"interpolate", "[1, 6, 4, 4] to [1, 6, 0, 4]", "at least one pixel"}),
      wrong_option<ShapeError>("Upsample", [&] { return of_two(InterpolateMode::linear); },
                               {"interpolate", "[1, 6, 4, 4]", "linear for one spatial axis", "nearest"}),
      wrong_shape("PixelShuffle", [&] { return PixelShuffle{}(picture); },
                  {"pixel_shuffle", "[1, 6, 4, 4]", "factor 2", "divisible by factor²"}),
      wrong_shape("PixelShuffle", [&] { return PixelShuffle{}(x); }, {"pixel_shuffle", "[2, 6]", "height, width]"}),
      wrong_option<ShapeError>("PixelShuffle", [&] { return PixelShuffle{0}(picture); }, {"pixel_shuffle", "factor 0"}),
      wrong_shape("PixelUnshuffle", [&] { return PixelUnshuffle{3}(picture); },
                  {"pixel_unshuffle", "[1, 6, 4, 4]", "factor 3", "divisible"}),
      wrong_option<ShapeError>("PixelUnshuffle", [&] { return PixelUnshuffle{-1}(picture); }, {"factor -1"}),
      wrong_shape("ChannelShuffle", [&] { return ChannelShuffle{4}(picture); },
                  {"channel_shuffle", "[1, 6, 4, 4]", "groups 4", "divisible by groups"}),
      wrong_option<ShapeError>("ChannelShuffle", [&] { return ChannelShuffle{0}(picture); }, {"groups 0"}),
  });
}

}  // namespace
}  // namespace joist
