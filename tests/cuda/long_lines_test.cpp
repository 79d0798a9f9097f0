// ctest: TIMEOUT 180 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// What the short cases cannot show: lines that are sorted in parts, more taps and weights than a part holds, targets of
// several warps, all element types; on the emulator, beside the CPU's kernels.
#include <joist/core/random.h>
#include <joist/core/transfer.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/kernels.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();

Array numbers(const Shape& shape, std::uint32_t seed, float low, float high) {
  Random random({.seed = seed, .stream = Stream::test});
  const Array made = Array::empty(shape);
  std::generate_n(made.data<float>(), made.elements(), [&] { return random.uniform(low, high); });
  return made;
}
Array as(const Array& x, Dtype dtype) {
  const Array typed = Array::empty(x.shape(), dtype);
  kernels(x).elementwise.copy(x, {typed});
  return typed;
}
void expect_near(const Array& array, const Array& wanted, double tolerance) {
  const std::vector<float> got = array.to_vector<float>(), want = wanted.to_vector<float>();
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << "element " << i;
}

// 6200 elements are four parts, the last a short one, in two passes; 5000 are three, of which one is left over.
TEST(LongLines, AreSortedAsOnTheCpu) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (const Dtype dtype :
       {Dtype::float32, Dtype::float64, Dtype::bfloat16, Dtype::int64, Dtype::uint8, Dtype::boolean})
    for (const std::int64_t length : {1, 33, 2048, 2049, 5000, 6200}) {
      SCOPED_TRACE(std::string(name_of(dtype)) + " " + std::to_string(length));
      const Array drawn = numbers({length, 2}, 7, 0, 90);  // many are equal
      for (std::int64_t i = 0; i < drawn.elements(); ++i) {
        float& x = drawn.data<float>()[i];
        x = std::floor(x);
        if (is_floating(dtype) && i % 97 < 3) x = i % 97 == 0 ? nan : i % 97 == 1 ? infinity : -0.0F;
      }
      const Array x = as(drawn, dtype), here = on_device(x, gpu);
      for (const bool descending : {false, true}) {
        const Array y = Array::like(x), index = Array::empty(x.shape(), Dtype::int64), sorted = Array::like(here),
                    places = Array::empty(x.shape(), Dtype::int64, gpu);
        kernels(cpu, dtype).sorting.sort(x, 0, descending, y, index);
        if (descending)  // lines without gaps, too
          cuda_kernels().sorting.sort(on_device(as(x.permuted({1, 0}), dtype), gpu), 1, descending,
                                      sorted.permuted({1, 0}), places.permuted({1, 0}));
        else
          cuda_kernels().sorting.sort(here, 0, descending, sorted, places);
        ASSERT_EQ(places.to_vector<std::int64_t>(), index.to_vector<std::int64_t>());
        const std::vector<double> got = as(on_device(sorted, cpu), Dtype::float64).to_vector<double>(),
                                  wanted = as(y, Dtype::float64).to_vector<double>();
        for (std::size_t i = 0; i < got.size(); ++i)
          ASSERT_TRUE(got[i] == wanted[i] || (got[i] != got[i] && wanted[i] != wanted[i])) << i;
      }
    }
}

// More than there are blocks: each takes several.
TEST(LongLines, OrManyAreSorted) {
  const Array x = numbers({2100, 3}, 21, -1, 1), y = Array::like(x), index = Array::empty(x.shape(), Dtype::int64),
              sorted = Array::empty(x.shape(), Dtype::float32, gpu),
              places = Array::empty(x.shape(), Dtype::int64, gpu);
  kernels(cpu).sorting.sort(x, 1, false, y, index);
  cuda_kernels().sorting.sort(on_device(x, gpu), 1, false, sorted, places);
  EXPECT_EQ(sorted.to_vector<float>(), y.to_vector<float>());
  EXPECT_EQ(places.to_vector<std::int64_t>(), index.to_vector<std::int64_t>());
}

TEST(LongLines, AreSearched) {
  const Array drawn = numbers({4000}, 8, -50, 50), sequence = Array::like(drawn),
              place = Array::empty({4000}, Dtype::int64);
  for (std::int64_t i = 0; i < 4000; ++i) drawn.data<float>()[i] = std::round(drawn.data<float>()[i]);
  kernels(cpu).sorting.sort(drawn, 0, false, sequence, place);
  for (const Dtype dtype : {Dtype::float32, Dtype::float64, Dtype::int32})
    for (const bool right : {false, true}) {
      const Array line = as(sequence, dtype), values = as(numbers({300}, 9, -60, 60), dtype),
                  index = Array::empty({300}, Dtype::int64), found = Array::empty({300}, Dtype::int64, gpu);
      kernels(cpu, dtype).sorting.search(line, values, right, index);
      cuda_kernels().sorting.search(on_device(line, gpu), on_device(values, gpu), right, found);
      EXPECT_EQ(found.to_vector<std::int64_t>(), index.to_vector<std::int64_t>());
    }
}

// Added to what is there; every second of the bins in memory.
TEST(LongLines, AreCounted) {
  const Array bins = as(numbers({50, 60}, 10, 0, 7), Dtype::int64), weights = numbers({50, 60}, 11, -1, 1);
  const Array counts = Array::from(std::vector<std::int64_t>(14, 5), {14}),
              here = Array::from(std::vector<std::int64_t>(14, 5), {14}, gpu);
  kernels(cpu, Dtype::int64).sorting.count(bins, {}, counts.sliced(0, 0, 14, 2));
  cuda_kernels().sorting.count(on_device(bins, gpu), {}, here.sliced(0, 0, 14, 2));
  EXPECT_EQ(here.to_vector<std::int64_t>(), counts.to_vector<std::int64_t>());
  for (const Dtype dtype : {Dtype::float32, Dtype::float64}) {
    const Array sums = as(Array::from(std::vector<float>(14, 5), {14}), dtype), added = on_device(sums, gpu),
                given = as(weights, dtype);
    kernels(cpu, dtype).sorting.count(bins.permuted({1, 0}), given.permuted({1, 0}), sums.sliced(0, 0, 14, 2));
    cuda_kernels().sorting.count(on_device(bins, gpu).permuted({1, 0}), on_device(given, gpu).permuted({1, 0}),
                                 added.sliced(0, 0, 14, 2));
    expect_near(as(on_device(added, cpu), Dtype::float32), as(sums, Dtype::float32), 1e-6);
  }
}

TEST(ManyTaps, GiveThePicturesGradient) {
  const Array x = numbers({2, 3, 5, 6}, 12, -1, 1), grid = numbers({2, 20, 31, 2}, 13, -1.2F, 1.2F),
              dy = numbers({2, 3, 20, 31}, 14, -1, 1);
  for (const SampleMode mode : {SampleMode::bilinear, SampleMode::nearest, SampleMode::bicubic}) {
    const GridSampleOptions options{.mode = mode, .padding = SamplePadding::border};
    const Array dx = Array::like(x), dgrid = Array::like(grid), picture = Array::empty(x.shape(), Dtype::float32, gpu),
                points = Array::empty(grid.shape(), Dtype::float32, gpu);
    kernels(cpu).resize.grid_sample_backward(x, grid, dy, options, {dx}, {dgrid});
    cuda_kernels().resize.grid_sample_backward(on_device(x, gpu), on_device(grid, gpu), on_device(dy, gpu), options,
                                               {picture}, {points});
    expect_near(picture, dx, 1e-5);
    expect_near(points, dgrid, 1e-5);
  }
}

// Regions of any size, beyond the picture, upside down, without an end, not a number.
TEST(ManyRegions, AreAlignedAsOnTheCpu) {
  const Array x = numbers({2, 3, 9, 8}, 15, -1, 1), boxes = numbers({40, 5}, 16, -4, 14),
              dy = numbers({40, 3, 3, 2}, 17, -1, 1);
  for (std::int64_t i = 0; i < 40; ++i) boxes.data<float>()[5 * i] = static_cast<float>(i % 2);
  boxes.data<float>()[5 * 7 + 3] = std::numeric_limits<float>::infinity();
  boxes.data<float>()[5 * 8 + 2] = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t samples : {-1, 1, 3})
    for (const bool aligned : {false, true})
      for (const double scale : {1.0, 0.3}) {
        const RoiAlignOptions options{
            .height = 3, .width = 2, .spatial_scale = scale, .sampling_ratio = samples, .aligned = aligned};
        const Array y = Array::like(dy), dx = Array::like(x), got = Array::empty(dy.shape(), Dtype::float32, gpu),
                    gradient = Array::empty(x.shape(), Dtype::float32, gpu), given = on_device(boxes, gpu);
        kernels(cpu).windows.roi_align(x, boxes, options, {y});
        kernels(cpu).windows.roi_align_backward(dy, boxes, options, {dx});
        cuda_kernels().windows.roi_align(on_device(x, gpu), given, options, {got});
        cuda_kernels().windows.roi_align_backward(on_device(dy, gpu), given, options, {gradient});
        expect_near(got, y, 1e-5);
        expect_near(gradient, dx, 1e-5);
      }
}

TEST(LongTargets, HaveTheCpusLossAndGradient) {
  const std::int64_t steps = 90, longest = 40;
  const auto whole = [](const std::vector<std::int64_t>& values, const Shape& shape) {
    return Array::from(values, shape);
  };
  const Array x = numbers({steps, 3, 4}, 18, -3, -0.1F), dy = numbers({3}, 19, 0.5F, 2),
              targets = as(numbers({3, longest}, 20, 0, 3), Dtype::int64), inputs = whole({90, 88, 0}, {3}),
              lengths = whole({40, 35, 1}, {3});
  for (const bool zero_infinity : {false, true}) {
    const Array loss = Array::empty({3}), alpha = Array::empty({3, steps, 2 * longest + 1}, Dtype::float64),
                dx = Array::like(x), got = Array::empty({3}, Dtype::float32, gpu),
                kept = Array::empty(alpha.shape(), Dtype::float64, gpu),
                gradient = Array::empty(x.shape(), Dtype::float32, gpu);
    const auto here = [](const Array& array) { return on_device(array, gpu); };
    kernels(cpu).loss.ctc(x, targets, inputs, lengths, 3, {loss}, alpha);
    kernels(cpu).loss.ctc_backward(x, targets, inputs, lengths, 3, zero_infinity, alpha, dy, {dx});
    cuda_kernels().loss.ctc(here(x), here(targets), here(inputs), here(lengths), 3, {got}, kept);
    cuda_kernels().loss.ctc_backward(here(x), here(targets), here(inputs), here(lengths), 3, zero_infinity, kept,
                                     here(dy), {gradient});
    EXPECT_EQ(got.to_vector<float>()[2], std::numeric_limits<float>::infinity());
    expect_near(got.sliced(0, 0, 2), loss.sliced(0, 0, 2), 1e-6);
    expect_near(gradient, dx, 1e-6);
  }
}

}  // namespace
}  // namespace joist::cuda
