// The reference kernels of padding, windows, pooling and resampling against numbers worked out by hand.
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

namespace joist {
namespace {

const Kernels& table() { return kernels(use_reference()); }

Array array(const Shape& shape, const std::vector<double>& values) {
  return Array::from(values, shape, use_reference());
}
Array counting(const Shape& shape) {  // 1, 2, 3, …
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i + 1);
  return array(shape, values);
}
Array unset(const Shape& shape, Dtype dtype = Dtype::float64) { return Array::empty(shape, dtype, use_reference()); }

void expect(const Array& got, const std::vector<double>& wanted) {
  EXPECT_TRUE(near(values_of(got), {got.shape(), wanted}, 1e-12));
}

TEST(PictureReference, TransposedConvolutionSpreadsEachElement) {
  const Array dx = unset({1, 1, 1, 6});
  table().convolution.backward_input(array({1, 1, 1, 2}, {1, 10}), array({1, 1, 1, 3}, {1, 2, 3}), {.stride = {1, 3}},
                                     Out{dx});
  expect(dx, {1, 2, 3, 10, 20, 30});
  const Array y = unset({1, 1, 1, 1, 2});  // a volume: 1 + 2 · 10 + 3 · 100 and the next place
  table().convolution.forward(array({1, 1, 3, 1, 2}, {1, 4, 10, 40, 100, 400}), array({1, 1, 3, 1, 1}, {1, 2, 3}),
                              Array(), {.stride = {1, 1, 1}, .padding = {0, 0, 0}, .dilation = {1, 1, 1}}, Out{y});
  expect(y, {321, 1284});
}

TEST(PictureReference, PaddingRepeatsAsItsModeSays) {
  const Array x = counting({4});
  const auto padded = [&](PadMode mode) {
    const Array y = unset({9});
    table().windows.pad(x, {{2}, {3}, mode, 7}, Out{y});
    return y;
  };
  expect(padded(PadMode::constant), {7, 7, 1, 2, 3, 4, 7, 7, 7});
  expect(padded(PadMode::reflect), {3, 2, 1, 2, 3, 4, 3, 2, 1});
  expect(padded(PadMode::replicate), {1, 1, 1, 2, 3, 4, 4, 4, 4});
  expect(padded(PadMode::circular), {3, 4, 1, 2, 3, 4, 1, 2, 3});
  const Array dx = unset({4});
  table().windows.pad_backward(counting({9}), {{2}, {3}, PadMode::reflect}, Out{dx});
  expect(dx, {3 + 9, 4 + 2 + 8, 5 + 1 + 7, 6});
}

TEST(PictureReference, UnfoldListsWindowsAndFoldAddsThemUp) {
  const UnfoldOptions options{.kernel = {1, 2}, .stride = {1, 1}, .padding = {0, 1}};
  const Array columns = unset({1, 2, 4}), y = unset({1, 1, 1, 3});
  table().windows.unfold(counting({1, 1, 1, 3}), options, Out{columns});
  expect(columns, {0, 1, 2, 3, 1, 2, 3, 0});
  table().windows.fold(counting({1, 2, 4}), options, Out{y});
  expect(y, {2 + 5, 3 + 6, 4 + 7});
}

TEST(PictureReference, RegionsAverageBetweenPixels) {
  const Array y = unset({1, 1, 1, 2});
  // Columns 0.5 to 2.5 of one row, one sample in the middle of each half: at 1 and 2 without the shift.
  table().windows.roi_align(array({1, 1, 1, 4}, {0, 10, 20, 30}), array({1, 5}, {0, 0.5, 0, 2.5, 1}),
                            {.height = 1, .width = 2, .sampling_ratio = 1}, Out{y});
  expect(y, {10, 20});
  table().windows.roi_align(array({1, 1, 1, 4}, {0, 10, 20, 30}), array({1, 5}, {0, 0.5, 0, 2.5, 1}),
                            {.height = 1, .width = 2, .sampling_ratio = 1, .aligned = true}, Out{y});
  expect(y, {5, 15});
}

TEST(PictureReference, PoolingKeepsWindowsInsideThePadding) {
  const Array y = unset({1, 1, 1, 3});
  PoolOptions options{.kernel = {1, 3}, .stride = {1, 2}, .padding = {0, 1}, .ceil_mode = true};
  table().pool.average(array({1, 1, 1, 4}, {1, 2, 3, 4}), options, Out{y});
  expect(y, {3.0 / 3, 9.0 / 3, 4.0 / 2});  // the last window ends with the padding
  options.divisor = 2;
  table().pool.average(array({1, 1, 1, 4}, {1, 2, 3, 4}), options, Out{y});
  expect(y, {1.5, 4.5, 2});
  const Array best = unset({1, 1, 1, 2}), index = unset({1, 1, 1, 2}, Dtype::int32);
  table().pool.maximum(array({1, 1, 1, 4}, {1, 2, 9, 4}), {.kernel = {1, 2}, .stride = {1, 1}, .dilation = {1, 2}},
                       Out{best}, index);
  expect(best, {9, 4});
  EXPECT_EQ(index.to_vector<std::int32_t>(), (std::vector<std::int32_t>{2, 3}));
}

TEST(PictureReference, AdaptiveWindowsOverlap) {
  const Array mean = unset({1, 1, 3}), best = unset({1, 1, 3}), index = unset({1, 1, 3}, Dtype::int64);
  table().pool.adaptive_average(counting({1, 1, 5}), Out{mean});  // 0 1 | 1 2 3 | 3 4
  expect(mean, {1.5, 3, 4.5});
  table().pool.adaptive_maximum(counting({1, 1, 5}), Out{best}, index);
  expect(best, {2, 4, 5});
  EXPECT_EQ(index.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 3, 4}));
}

TEST(PictureReference, ResamplingWeighsNeighbours) {
  const Array y = unset({1, 1, 4}), x = array({1, 1, 2}, {0, 8});
  table().resize.resample(x, {}, Out{y});
  expect(y, {0, 2, 6, 8});
  table().resize.resample(x, {.align_corners = true}, Out{y});
  expect(y, {0, 8.0 / 3, 16.0 / 3, 8});
  const Array half = unset({1, 1, 2});  // triangles of two pixels to each side, cut at the edges
  table().resize.resample(array({1, 1, 4}, {0, 0, 7, 0}), {.antialias = true}, Out{half});
  expect(half, {1, 3});
  const Array exact = unset({1, 1, 2});
  table().resize.nearest_any(counting({1, 1, 5}), true, {}, Out{exact});
  expect(exact, {2, 4});
  table().resize.nearest_any(counting({1, 1, 5}), false, {}, Out{exact});
  expect(exact, {1, 3});
}

TEST(PictureReference, GridPointsReadBetweenPixels) {
  const Array x = array({1, 1, 1, 4}, {1, 2, 3, 4}), y = unset({1, 1, 1, 3});
  const Array grid = array({1, 1, 3, 2}, {-1, 0, 0, 0, 1.25, 0});
  table().resize.grid_sample(x, grid, {}, Out{y});  // at -0.5, 1.5 and 4
  expect(y, {0.5, 2.5, 0});
  table().resize.grid_sample(x, grid, {.padding = SamplePadding::border}, Out{y});
  expect(y, {1, 2.5, 4});
  table().resize.grid_sample(x, grid, {.padding = SamplePadding::reflection}, Out{y});  // 4 is mirrored to 3
  expect(y, {1, 2.5, 4});
}

}  // namespace
}  // namespace joist
