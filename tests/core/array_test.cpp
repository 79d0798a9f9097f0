#include <joist/core/array.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

Array counted(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return Array::from(values, shape);
}

TEST(Shape, NegativeAxesCountFromTheEndAndBadOnesAreNamed) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape[-1], 4);
  EXPECT_EQ(shape.text(), "[2, 3, 4]");
  EXPECT_EQ(shape.without(1), (Shape{2, 4}));
  EXPECT_EQ(shape.inserted(-1, 5), (Shape{2, 3, 4, 5}));
  try {
    (void)shape[3];
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("axis 3 of shape [2, 3, 4]"), std::string::npos) << error.what();
  }
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
}

TEST(Shape, ElementCountsDoNotOverflowSilently) {
  EXPECT_THROW((Shape{std::int64_t{1} << 40, std::int64_t{1} << 40}.elements()), ShapeError);
  EXPECT_THROW(Array::empty({std::int64_t{1} << 61}), ShapeError);
  EXPECT_THROW(Array::empty({-1}), ShapeError);
}

TEST(Shape, BroadcastNamesBothShapes) {
  EXPECT_EQ(broadcast({2, 1, 4}, {3, 1}, "add"), (Shape{2, 3, 4}));
  try {
    broadcast({2, 3}, {2, 4}, "add");
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("[2, 3] and [2, 4]"), std::string::npos);
  }
}

TEST(Array, ChannelsLastIsLogicallyTheSame) {
  const Array x = Array::empty({2, 3, 4, 5}, Dtype::float32, cpu, Order::channels_last);
  EXPECT_EQ(x.strides(), (Shape{60, 1, 15, 3}));
  EXPECT_TRUE(x.is_channels_last());
  EXPECT_TRUE(x.is_dense());
  EXPECT_FALSE(x.is_row_major());
  EXPECT_EQ(Array::like(x, {2, 7, 2, 2}).order(), Order::channels_last);
  // One channel or one pixel: both orders hold, and pictures count as channels-last.
  EXPECT_EQ(Array::empty({2, 1, 4, 5}).order(), Order::channels_last);
  EXPECT_EQ(Array::empty({2, 9, 1, 1}).order(), Order::channels_last);
  EXPECT_EQ(Array::empty({2, 3, 4, 5}).order(), Order::row_major);
}

TEST(Array, SlicesAreViewsWithGaps) {
  const Array x = counted({2, 6});
  const Array part = x.sliced(1, 1, 6, 2);
  EXPECT_EQ(part.to_vector<float>(), (std::vector<float>{1, 3, 5, 7, 9, 11}));
  EXPECT_TRUE(part.shares_memory_with(x));
  EXPECT_FALSE(part.is_dense());
  EXPECT_THROW(x.sliced(1, 3, 7), ShapeError);
  const Array channels = Array::empty({2, 8, 4, 4}, Dtype::float32, cpu, Order::channels_last).sliced(1, 2, 6);
  EXPECT_EQ(channels.order(), Order::channels_last);
  EXPECT_FALSE(channels.is_channels_last());
}

TEST(Array, ViewsMergeAndSplitOnlyWhatLiesTogether) {
  const Array x = counted({2, 3, 4});
  EXPECT_EQ(x.view({6, 4}).to_vector<float>(), x.to_vector<float>());
  const Array swapped = x.permuted({1, 0, 2});
  EXPECT_EQ(swapped.view({3, 2, 2, 2}).to_vector<float>(), swapped.to_vector<float>());
  EXPECT_THROW(swapped.view({6, 4}), ShapeError);
  EXPECT_THROW(x.view({5, 5}), ShapeError);
  // A channels-last activation as rows of cells: the view that the detection head relies on.
  const Array pixels = Array::empty({2, 3, 4, 5}, Dtype::float32, cpu, Order::channels_last).permuted({0, 2, 3, 1});
  EXPECT_TRUE(pixels.view({2, 20, 3}).is_row_major());
}

TEST(Array, ExpandedAxesHaveStrideZero) {
  const Array row = counted({1, 3}).expanded({2, 3});
  EXPECT_EQ(row.to_vector<float>(), (std::vector<float>{0, 1, 2, 0, 1, 2}));
  EXPECT_FALSE(row.is_dense());
  EXPECT_THROW(counted({2, 3}).expanded({2, 4}), ShapeError);
}

TEST(Array, WrongElementTypeIsAnErrorNotAReinterpretation) {
  EXPECT_THROW((void)counted({2}).data<double>(), DtypeError);
  EXPECT_THROW((void)counted({2}).item(), ShapeError);
  EXPECT_EQ(counted({1}).item(), 0.0);
}

TEST(Array, CopiesShareMemoryAndVersion) {
  const Array x = counted({3});
  const Array y = x;
  y.bump_version();
  EXPECT_EQ(x.version(), 1U);
}

}  // namespace
}  // namespace joist
