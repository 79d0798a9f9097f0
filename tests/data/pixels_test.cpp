// The inner loops against plain ones, for lengths that no register divides, on every instruction set of this machine.
#include <joist/core/random.h>
#include <joist/data/augment/pixels.h>

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/targets.h>

namespace joist {
namespace {

std::vector<std::uint8_t> noise(std::size_t count) {
  Random random({count, Stream::test});
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.bits());
  return bytes;
}

// Runs the test with each set; the first choice is what the other tests see.
template <class Test>
void on_every_set(const Test& test) {
  for (const std::int64_t disabled : std::vector<std::int64_t>{0, HWY_AVX2 - 1, HWY_SSE4 - 1}) {
    hwy::DisableTargets(disabled);
    SCOPED_TRACE("disabled " + std::to_string(disabled));
    test();
  }
  hwy::DisableTargets(0);
}

constexpr std::size_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 191};

TEST(Pixels, BecomeFloatsExactly) {
  on_every_set([] {
    for (const std::size_t length : lengths) {
      const std::vector<std::uint8_t> bytes = noise(length);
      std::vector<float> floats(length + 1, -1);
      pixels::to_floats(bytes.data(), floats.data(), length);
      for (std::size_t i = 0; i < length; ++i) ASSERT_EQ(floats[i], static_cast<float>(bytes[i]) / 255.0F);
      ASSERT_EQ(floats[length], -1);
    }
  });
}

TEST(Pixels, RowsAreMirrored) {
  on_every_set([] {
    for (const std::size_t length : lengths) {
      const std::vector<std::uint8_t> before = noise(3 * length);
      std::vector<std::uint8_t> row = before;
      pixels::mirror_row(row.data(), length);
      for (std::size_t i = 0; i < length; ++i)
        for (std::size_t c = 0; c < 3; ++c) ASSERT_EQ(row[3 * i + c], before[3 * (length - 1 - i) + c]);
    }
  });
}

TEST(Pixels, AreBlendedBetweenColumnsAndRows) {
  on_every_set([] {
    for (const std::size_t length : lengths) {
      const std::vector<std::uint8_t> upper = noise(3 * 50 + 8), lower = noise(3 * 50 + 9);
      std::vector<std::int32_t> offsets(length);
      std::vector<std::uint32_t> shares(length), above(length), below(length);
      for (std::size_t i = 0; i < length; ++i) {
        offsets[i] = static_cast<std::int32_t>(i * 7 % 49) * 3;
        const auto share = static_cast<std::uint32_t>(i * 37 % 256);
        shares[i] = share | share << 16;
      }
      pixels::blend_columns(upper.data(), offsets.data(), shares.data(), length, above.data());
      pixels::blend_columns(lower.data(), offsets.data(), shares.data(), length, below.data());
      for (const std::uint32_t down : {0U, 1U, 128U, 255U, 256U}) {
        std::vector<std::uint8_t> row(3 * length + 1, 77);
        pixels::blend_rows(above.data(), below.data(), down, length, row.data());
        const auto between = [](std::uint32_t a, std::uint32_t b, std::uint32_t share) {
          return (a * (256 - share) + b * share + 128) >> 8;
        };
        for (std::size_t i = 0; i < length; ++i) {
          for (std::size_t c = 0; c < 3; ++c) {
            const std::size_t at = static_cast<std::size_t>(offsets[i]) + c;
            const std::uint32_t share = shares[i] & 255;
            const std::uint32_t expected =
                between(between(upper[at], upper[at + 3], share), between(lower[at], lower[at + 3], share), down);
            ASSERT_EQ(row[3 * i + c], expected);
          }
        }
        ASSERT_EQ(row[3 * length], 77);
      }
    }
  });
}

TEST(Pixels, ColumnsAreAveraged) {
  on_every_set([] {
    const std::int16_t weights[2][8] = {{4000, 10000, 2384, 0, 0, 0, 0, 0}, {16384, 0, 0, 0, 0, 0, 0, 0}};
    for (const int quads : {1, 2}) {
      const std::vector<std::uint8_t> row = noise(3 * 40 + 4);
      const std::int32_t first[] = {0, 5, 31, 32};
      std::vector<std::int16_t> weight;
      for (int i = 0; i < 4; ++i) weight.insert(weight.end(), weights[i % 2], weights[i % 2] + 4 * quads);
      std::vector<std::uint8_t> out(13, 9);
      pixels::average_columns(row.data(), first, weight.data(), quads, 4, out.data());
      for (int i = 0; i < 4; ++i)
        for (int channel = 0; channel < 3; ++channel) {
          std::int32_t sum = 8192;
          for (int k = 0; k < 4 * quads; ++k)
            sum += weights[i % 2][k] * row[static_cast<std::size_t>(3 * (first[i] + k) + channel)];
          ASSERT_EQ(out[static_cast<std::size_t>(3 * i + channel)], sum >> 14) << i << " " << channel;
        }
      ASSERT_EQ(out[12], 9);
    }
  });
}

TEST(Pixels, RowsAreAveraged) {
  on_every_set([] {
    for (const std::size_t length : lengths) {
      const std::vector<std::uint8_t> rows = noise(3 * (length + 2));
      const std::int32_t weight[3] = {4000, 10000, 2384};
      std::vector<std::uint8_t> out(length + 1, 9);
      pixels::average_rows(rows.data(), length + 2, weight, 3, length, out.data());
      for (std::size_t i = 0; i < length; ++i) {
        const std::int32_t sum =
            weight[0] * rows[i] + weight[1] * rows[length + 2 + i] + weight[2] * rows[2 * (length + 2) + i];
        ASSERT_EQ(out[i], (sum + 8192) >> 14);
      }
      ASSERT_EQ(out[length], 9);
    }
  });
}

TEST(Pixels, ColoursAreTheSameOnEverySet) {
  const std::vector<std::uint8_t> before = noise(3 * 777);
  std::vector<std::uint8_t> first;
  on_every_set([&] {
    std::vector<std::uint8_t> bytes = before;
    pixels::shift_colour(bytes.data(), 777, 0.3F, 1.4F, 0.8F);
    if (first.empty()) first = bytes;
    EXPECT_NE(bytes, before);
    EXPECT_EQ(bytes, first);
  });
}

}  // namespace
}  // namespace joist
