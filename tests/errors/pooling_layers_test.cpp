// What pooling layers refuse, each kind for one, two and three axes.
#include <joist/layers/pooling.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

Tensor pictures(int axes, Dtype dtype = Dtype::float32) {
  return zeros(Shape::filled(axes + 2, 5).with(0, 2).with(1, 3), dtype);
}
std::string text(int axes, std::int64_t value) { return Shape::filled(axes, value).text(); }

// Rank and element types.
template <class Call>
std::vector<Refusal> input_rows(const std::string& name, const std::string& function, int axes, Call call) {
  const char* words = axes == 1   ? "[batch, channel, length]"
                      : axes == 2 ? "[batch, channel, height, width]"
                                  : "[batch, channel, depth, height, width]";
  return {
      wrong_shape(name,
                  [=] {
                    return call(zeros({3, 5}));
                  },
                  {function, "[3, 5]", words, "unsqueeze"}),
      wrong_dtype(name, [=] { return call(pictures(axes, Dtype::int64)); },
                  {function, "input of int64", "float32, float64, float16 or bfloat16", "to(x, Dtype::float32)"}),
      wrong_dtype(name, [=] { return call(pictures(axes, Dtype::uint8)); }, {function, "input of uint8", "to(x"}),
      wrong_dtype(name, [=] { return call(pictures(axes, Dtype::boolean)); }, {function, "input of bool", "to(x"}),
  };
}

// Windows: `call(x, options)`.
template <class Call>
std::vector<Refusal> window_rows(const std::string& name, const std::string& function, int axes, Call call) {
  const Tensor x = pictures(axes);
  const auto with = [=](const PoolOptions& options) { return [=] { return call(x, options); }; };
  return {
      wrong_shape(
          name, with({.kernel = {7}}),
          {function, "kernel " + text(axes, 7), x.shape().text(), "at most the padded length", "smaller kernel"}),
      wrong_option<ShapeError>(name, with({.kernel = {0}}), {function, "kernel " + text(axes, 0), "at least 1"}),
      wrong_option<ShapeError>(name, with({.stride = {-1}}), {function, "stride " + text(axes, -1), "at least 1"}),
      wrong_option<ShapeError>(name, with({.kernel = {2, 2, 2, 2}}),
                               {function, "kernel [2, 2, 2, 2]", "per spatial axis: " + std::to_string(axes)}),
  };
}

template <class Layer>
void expect_max(const std::string& name, const std::string& function, int axes) {
  const auto call = [](const Tensor& x, const PoolOptions& options) { return Layer{options}(x); };
  const Tensor x = pictures(axes);
  expect_refusals(input_rows(name, function, axes, [=](const Tensor& t) { return call(t, {}); }));
  expect_refusals(window_rows(name, function, axes, call));
  expect_refusals({
      wrong_option<ShapeError>(name, [=] { return call(x, {.padding = {2}}); },
                               {function, "padding " + text(axes, 2), "at most half the kernel", "pad() first"}),
      wrong_option<ShapeError>(name, [=] { return call(x, {.dilation = {0}}); },
                               {function, "dilation " + text(axes, 0)}),
  });
}

template <class Layer>
void expect_average(const std::string& name, const std::string& function, int axes) {
  const auto call = [](const Tensor& x, const PoolOptions& options) { return Layer{options}(x); };
  const Tensor x = pictures(axes);
  expect_refusals(input_rows(name, function, axes, [=](const Tensor& t) { return call(t, {}); }));
  expect_refusals(window_rows(name, function, axes, call));
  expect_refusals({
      wrong_option<ShapeError>(name, [=] { return call(x, {.padding = {2}}); }, {function, "padding " + text(axes, 2)}),
      wrong_option<ShapeError>(name, [=] { return call(x, {.dilation = {2}}); },
                               {function, "dilation " + text(axes, 2), "1 for averages", "a convolution"}),
  });
}

template <class Layer>
void expect_lp(const std::string& name, const std::string& function, int axes) {
  const Tensor x = pictures(axes);
  expect_refusals(input_rows(name, function, axes, [](const Tensor& t) { return Layer{}(t); }));
  expect_refusals(window_rows(name, function, axes, [](const Tensor& t, const PoolOptions& options) {
    return Layer{2, options}(t);
  }));
  expect_refusals({
      wrong_option(name, [=] { return Layer{0}(x); }, {function, "norm 0", "other than 0", "max_pool"}),
      wrong_option<ShapeError>(name,
                               [=] {
                                 return Layer{2, {.padding = {1}}}(x);
                               },
                               {function, "padding [1]", "no padding", "pad() first"}),
  });
}

template <class Layer>
void expect_adaptive(const std::string& name, const std::string& function, int axes) {
  const Tensor x = pictures(axes), empty = zeros(x.shape().with(2, 0));
  expect_refusals(input_rows(name, function, axes, [](const Tensor& t) { return Layer{}(t); }));
  expect_refusals({
      wrong_shape(name, [=] { return Layer{}(empty); }, {function, empty.shape().text(), "not empty"}),
      wrong_option<ShapeError>(name, [=] { return Layer{{-2}}(x); }, {function, text(axes, -2), "-1 to keep one"}),
      wrong_option<ShapeError>(name,
                               [=] {
                                 return Layer{{1, 2, 3, 4}}(x);
                               },
                               {function, "output_size [1, 2, 3, 4]", "per spatial axis: " + std::to_string(axes)}),
  });
}

template <class Layer>
void expect_unpool(const std::string& name, const std::string& function, int axes) {
  const Tensor x = pictures(axes), index = pictures(axes, Dtype::int64);
  expect_refusals(input_rows(name, function, axes, [](const Tensor& t) { return Layer{}(t, t); }));
  expect_refusals({
      wrong_shape(name,
                  [=] {
                    return Layer{}(x, zeros({2, 3}, Dtype::int64));
                  },
                  {function, x.shape().text(), "indices [2, 3]", "of the input's shape", "with_indices"}),
      wrong_dtype(name, [=] { return Layer{}(x, x); }, {function, "indices of float32", "int64", "with_indices"}),
      wrong_shape(name, [=] { return Layer{}(x, index, Shape::filled(axes, 20)); },
                  {function, x.shape().text(), text(axes, 20), "away from 10", "the length that the pooling had"}),
      wrong_numbers(name, [=] { return Layer{}(x, full(x.shape(), 100000, Dtype::int64)); },
                    {function, "index 100000", "0 to", "output_size"}),
      wrong_option<ShapeError>(name, [=] { return Layer{{.kernel = {0}}}(x, index); },
                               {function, "kernel " + text(axes, 0), "at least 1"}),
      wrong_option<ShapeError>(name,
                               [=] {
                                 return Layer{}(x, index, Shape{1, 2, 3, 4});
                               },
                               {function, "output_size [1, 2, 3, 4]", std::to_string(axes) + " lengths"}),
  });
}

TEST(PoolingLayerErrors, Largest) {
  expect_max<MaxPool1d>("MaxPool1d", "max_pool1d:", 1);
  expect_max<MaxPool2d>("MaxPool2d", "max_pool2d:", 2);
  expect_max<MaxPool3d>("MaxPool3d", "max_pool3d:", 3);
  expect_unpool<MaxUnpool1d>("MaxUnpool1d", "max_unpool1d:", 1);
  expect_unpool<MaxUnpool2d>("MaxUnpool2d", "max_unpool2d:", 2);
  expect_unpool<MaxUnpool3d>("MaxUnpool3d", "max_unpool3d:", 3);
}

TEST(PoolingLayerErrors, Average) {
  expect_average<AvgPool1d>("AvgPool1d", "avg_pool1d:", 1);
  expect_average<AvgPool2d>("AvgPool2d", "avg_pool2d:", 2);
  expect_average<AvgPool3d>("AvgPool3d", "avg_pool3d:", 3);
}

TEST(PoolingLayerErrors, Norm) {
  expect_lp<LPPool1d>("LPPool1d", "lp_pool1d:", 1);
  expect_lp<LPPool2d>("LPPool2d", "lp_pool2d:", 2);
  expect_lp<LPPool3d>("LPPool3d", "lp_pool3d:", 3);
}

TEST(PoolingLayerErrors, Adaptive) {
  expect_adaptive<AdaptiveAvgPool1d>("AdaptiveAvgPool1d", "adaptive_avg_pool1d:", 1);
  expect_adaptive<AdaptiveAvgPool2d>("AdaptiveAvgPool2d", "adaptive_avg_pool2d:", 2);
  expect_adaptive<AdaptiveAvgPool3d>("AdaptiveAvgPool3d", "adaptive_avg_pool3d:", 3);
  expect_adaptive<AdaptiveMaxPool1d>("AdaptiveMaxPool1d", "adaptive_max_pool1d:", 1);
  expect_adaptive<AdaptiveMaxPool2d>("AdaptiveMaxPool2d", "adaptive_max_pool2d:", 2);
  expect_adaptive<AdaptiveMaxPool3d>("AdaptiveMaxPool3d", "adaptive_max_pool3d:", 3);
}

}  // namespace
}  // namespace joist
