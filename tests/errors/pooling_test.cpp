// Wrong shapes and options of pooling: the error's type, and that its message names the rule and the values.
#include <joist/core/ops.h>
#include <joist/tests/support/expect_error.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(PoolingErrors, NameShapesAndRule) {
  const Tensor picture = zeros({2, 3, 5, 6});
  expect_error<ShapeError>([&] { return max_pool1d(picture, {}); }, {"max_pool1d", "[batch, channel, length]"});
  expect_error<ShapeError>([&] { return avg_pool3d(picture, {}); }, {"avg_pool3d", "[2, 3, 5, 6]"});
  expect_error<ShapeError>(
      [&] {
        return max_pool2d(picture, {.kernel = {7, 1}});
      },
      {"kernel [7, 1]", "does not fit input [2, 3, 5, 6]", "smaller kernel"});
  expect_error<ShapeError>(
      [&] {
        return avg_pool2d(picture, {.kernel = {2, 2}, .padding = {2, 0}});
      },
      {"padding [2, 0]", "at most half the kernel"});
  expect_error<ShapeError>([&] { return max_pool2d(picture, {.kernel = {2, 2, 2}}); }, {"per spatial axis: 2"});
  expect_error<ShapeError>([&] { return avg_pool2d(picture, {.dilation = {2}}); },
                           {"dilation [2, 2]", "1 for averages"});
  expect_error<UsageError>([&] { return lp_pool2d(picture, 0, {}); }, {"lp_pool2d", "other than 0"});
  expect_error<ShapeError>([&] { return lp_pool2d(picture, 2, {.padding = {1, 1}}); }, {"no padding", "pad() first"});
  expect_error<ShapeError>([&] { return adaptive_avg_pool2d(picture, {1, 2, 3}); }, {"output_size [1, 2, 3]"});
  expect_error<ShapeError>([&] { return adaptive_max_pool2d(picture, {-2, 1}); }, {"adaptive_max_pool2d", "[-2, 1]"});
  expect_error<ShapeError>([&] { return adaptive_max_pool2d(zeros({2, 3, 0, 4}), {1}); }, {"[2, 3, 0, 4]"});
}

TEST(FractionalPoolErrors, NameShapesAndRule) {
  const Tensor picture = zeros({2, 3, 5, 6});
  expect_error<UsageError>([&] { return fractional_max_pool2d(picture, {}); }, {"one of the two"});
  expect_error<UsageError>([&] { return fractional_max_pool2d(picture, {.output_ratio = 1.5}); }, {"1.5", "below 1"});
  expect_error<ShapeError>(
      [&] {
        return fractional_max_pool2d(picture, {.output_size = {5, 3}});
      },
      {"[2, 3, 5, 6]", "[5, 3]", "kernel [2, 2]"});
  expect_error<ShapeError>(
      [&] {
        return fractional_max_pool2d(picture, {.output_size = {2}}, zeros({2, 3}));
      },
      {"samples [2, 3]", "[2, 3, 2]"});
}

TEST(MaxUnpoolErrors, NameShapesAndRule) {
  const Tensor x = zeros({1, 1, 2, 2});
  const auto index = [](double value) { return full({1, 1, 2, 2}, value, Dtype::int64); };
  expect_error<DtypeError>(
      [&] {
        return max_unpool2d(x, zeros({1, 1, 2, 2}), {});
      },
      {"max_unpool2d", "int64 indices", "max_pool*_with_indices"});
  expect_error<ShapeError>([&] { return max_unpool2d(x, full({1, 1, 4}, 0, Dtype::int64), {}); }, {"[1, 1, 4]"});
  expect_error<ShapeError>([&] { return max_unpool2d(x, index(0), {}, {7, 4}); }, {"lengths [7, 4]", "away from 4"});
  expect_error<ShapeError>([&] { return max_unpool2d(x, index(0), {}, {4}); }, {"output_size [4]"});
  expect_error<DataError>([&] { return max_unpool2d(x, index(16), {}); }, {"index 16", "0 to 15"});
  expect_error<DataError>([&] { return max_unpool2d(x, index(-1), {}); }, {"index -1"});
}

}  // namespace
}  // namespace joist
