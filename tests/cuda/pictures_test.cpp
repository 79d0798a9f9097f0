// Colours and mirror images of a batch where it lies: what the CPU's augmentation does, within 1 of 255.
#include <joist/core/picture_change.h>
#include <joist/core/transfer.h>
#include <joist/cuda/emulator/device.h>
#include <joist/data/augment/colour.h>
#include <joist/data/augment/warp.h>
#include <joist/tests/support/expect_error.h>

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();
constexpr std::int64_t height = 5, width = 7;

// Changes of every kind and at their limits, then drawn ones.
std::vector<std::pair<ColourShift, PictureChange>> changes() {
  std::vector<std::pair<ColourShift, PictureChange>> all;
  for (const ColourShift& shift : {ColourShift{}, ColourShift{-0.5F, 1, 1}, ColourShift{0, 0, 1}, ColourShift{0, 2, 2},
                                   ColourShift{1e-9F, 1, 0}, ColourShift{-1e-9F, 1.7F, 0.6F}})
    all.emplace_back(shift, PictureChange{});
  Random random({.seed = 5, .stream = Stream::test});
  while (all.size() < 40) {
    const float hue = random.uniform(-1, 1), saturation = random.uniform(0, 2), value = random.uniform(0, 2);
    all.emplace_back(ColourShift{hue, saturation, value}, PictureChange{});
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    note_colour(all[i].second, all[i].first);
    all[i].second.upside_down = i % 2 == 1 ? 1.0F : 0.0F;
    all[i].second.left_to_right = i % 4 > 1 ? 1.0F : 0.0F;
  }
  return all;
}

TEST(Pictures, AreThoseOfTheCpusAugmentation) {
  const auto wanted = changes();
  const auto count = static_cast<std::int64_t>(wanted.size());
  const Array pixels = Array::empty({count, 3, height, width}, Dtype::uint8, cpu, Order::channels_last),
              rows = Array::empty({count, PictureChange::numbers});
  Random random({.seed = 6, .stream = Stream::test});
  std::generate_n(pixels.data<std::uint8_t>(), pixels.elements(),
                  [&] { return static_cast<std::uint8_t>(random.bits()); });
  std::fill_n(pixels.data<std::uint8_t>(), 30, std::uint8_t{77});  // greys
  std::vector<std::uint8_t> expected;
  for (std::int64_t n = 0; n < count; ++n) {
    const auto& [shift, change] = wanted[static_cast<std::size_t>(n)];
    std::copy_n(&change.turn, PictureChange::numbers, rows.data<float>() + n * PictureChange::numbers);
    Example example{Picture(width, height), {}};
    std::vector<std::uint8_t>& bytes = example.picture.pixels;
    std::copy_n(pixels.data<std::uint8_t>() + n * 3 * height * width, bytes.size(), bytes.data());
    shift_colour(example.picture, shift);
    if (change.upside_down != 0) mirror_rows(example);
    if (change.left_to_right != 0) mirror_columns(example);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
  }
  const Array rows_first = Array::empty(pixels.shape(), Dtype::uint8);
  for (std::int64_t n = 0; n < count; ++n)
    for (std::int64_t place = 0; place < height * width; ++place)
      for (std::int64_t c = 0; c < 3; ++c)
        rows_first.data<std::uint8_t>()[(n * 3 + c) * height * width + place] =
            pixels.data<std::uint8_t>()[(n * height * width + place) * 3 + c];
  for (const Device device : {cpu, gpu})
    for (const Array& batch : {pixels, rows_first}) {
      SCOPED_TRACE(device.text() + (&batch == &pixels ? "" : ", rows first"));
      const Array got = on_host(change_pictures(on_device(batch, device), on_device(rows, device)));
      EXPECT_EQ(got.dtype(), Dtype::float32);
      EXPECT_EQ(got.strides(), batch.strides());
      int apart = 0;
      for (std::int64_t n = 0; n < count; ++n)
        for (std::int64_t place = 0; place < height * width; ++place)
          for (std::int64_t c = 0; c < 3; ++c) {
            const Strides& s = got.strides();
            const float value = got.data<float>()[n * s[0] + c * s[1] + place / width * s[2] + place % width * s[3]];
            const std::uint8_t byte = expected[static_cast<std::size_t>((n * height * width + place) * 3 + c)];
            ASSERT_EQ(value, std::round(value * 255) / 255.0F) << "a byte as a number";
            ASSERT_NEAR(value * 255, byte, 1.001) << "picture " << n << ", place " << place << ", channel " << c;
            apart += value == static_cast<float>(byte) / 255.0F ? 0 : 1;
          }
      EXPECT_LE(apart, got.elements() / 1000) << "only where halves are rounded";
    }
}

TEST(Pictures, RefuseWhatIsNone) {
  for (const Device device : {cpu, gpu}) {
    const Array pixels = Array::empty({2, 3, 4, 4}, Dtype::uint8, device),
                rows = Array::empty({2, 5}, Dtype::float32, device);
    expect_error<ShapeError>([&] { return change_pictures(pixels.sliced(0, 0, 1), rows); }, {"[1, 3, 4, 4]", "[2, 5]"});
    expect_error<ShapeError>([&] { return change_pictures(pixels.sliced(1, 0, 1), rows); }, {"[n, 3, height, width]"});
    expect_error<DtypeError>([&] { return change_pictures(rows, rows); }, {"float32 pixels", "uint8 and float32"});
    EXPECT_EQ(change_pictures(pixels.sliced(0, 0, 0), rows.sliced(0, 0, 0)).elements(), 0);
  }
}

}  // namespace
}  // namespace joist::cuda
