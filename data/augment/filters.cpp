// Blurs, sharpness, noise, artefacts and surfaces: what looks at more than one pixel.
#include <joist/data/augment/photometric.h>
#include <joist/data/decode.h>
#include <joist/data/encode.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>

namespace joist {
namespace {

// 64 bits after the other from one start (splitmix64, Steele et al. 2014): a number per pixel must cost a nanosecond.
struct FastBits {
  std::uint64_t state;
  explicit FastBits(Random& random) : state(std::uint64_t{random.bits()} << 32 | random.bits()) {}
  std::uint64_t operator()() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
};

int mirrored(int at, int length) {  // … 2 1 | 0 1 2 … n-1 | n-2 …
  if (length == 1) return 0;
  const int period = 2 * (length - 1);
  at = (at % period + period) % period;
  return at < length ? at : period - at;
}

void to_bytes(const float* from, std::uint8_t* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint8_t>(std::clamp(from[i] + 0.5F, 0.0F, 255.0F));
}

// The picture with `border` repeated pixels on each side of every row, and so many rows.
struct Padded {
  std::size_t stride;
  std::vector<std::uint8_t> pixels{};

  Padded(const Picture& picture, int border) : stride(static_cast<std::size_t>(picture.width + 2 * border) * 3) {
    pixels.resize(stride * static_cast<std::size_t>(picture.height + 2 * border));
    const auto row_bytes = static_cast<std::size_t>(picture.width) * 3;
    for (int y = 0; y < picture.height + 2 * border; ++y) {
      const std::uint8_t* from = picture.at(0, std::clamp(y - border, 0, picture.height - 1));
      std::uint8_t* to = pixels.data() + static_cast<std::size_t>(y) * stride;
      for (int x = 0; x < border; ++x, to += 3) std::memcpy(to, from, 3);
      std::memcpy(to, from, row_bytes);
      to += row_bytes;
      for (int x = 0; x < border; ++x, to += 3) std::memcpy(to, from + row_bytes - 3, 3);
    }
  }
  const std::uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * stride; }
};

void order(std::uint8_t& a, std::uint8_t& b) {
  const std::uint8_t low = std::min(a, b);
  b = std::max(a, b);
  a = low;
}

}  // namespace

void gaussian_blur(Picture& picture, int size, double sigma) {
  const int radius = size / 2, width = picture.width, height = picture.height;
  if (radius == 0 || picture.is_empty()) return;
  std::vector<float> weights(static_cast<std::size_t>(2 * radius + 1));
  double sum = 0;
  for (int i = -radius; i <= radius; ++i) sum += std::exp(-0.5 * i * i / (sigma * sigma));
  for (int i = -radius; i <= radius; ++i)
    weights[static_cast<std::size_t>(i + radius)] = static_cast<float>(std::exp(-0.5 * i * i / (sigma * sigma)) / sum);

  const auto row_floats = static_cast<std::size_t>(width) * 3;
  std::vector<float> padded(row_floats + static_cast<std::size_t>(radius) * 6);
  std::vector<float> rows(row_floats * static_cast<std::size_t>(height), 0.0F);
  for (int y = 0; y < height; ++y) {
    for (int x = -radius; x < width + radius; ++x) {
      const std::uint8_t* pixel = picture.at(mirrored(x, width), y);
      for (int c = 0; c < 3; ++c) padded[static_cast<std::size_t>((x + radius) * 3 + c)] = pixel[c];
    }
    float* out = rows.data() + static_cast<std::size_t>(y) * row_floats;
    for (std::size_t tap = 0; tap < weights.size(); ++tap) {
      const float weight = weights[tap];
      const float* in = padded.data() + tap * 3;
      for (std::size_t i = 0; i < row_floats; ++i) out[i] += weight * in[i];
    }
  }
  std::vector<float> total(row_floats);
  for (int y = 0; y < height; ++y) {
    std::fill(total.begin(), total.end(), 0.0F);
    for (int tap = -radius; tap <= radius; ++tap) {
      const float weight = weights[static_cast<std::size_t>(tap + radius)];
      const float* in = rows.data() + static_cast<std::size_t>(mirrored(y + tap, height)) * row_floats;
      for (std::size_t i = 0; i < row_floats; ++i) total[i] += weight * in[i];
    }
    to_bytes(total.data(), picture.at(0, y), row_floats);
  }
}

void motion_blur(Picture& picture, int length, double degrees) {
  if (length < 2 || picture.is_empty()) return;
  const double x = std::cos(degrees * std::numbers::pi / 180), y = std::sin(degrees * std::numbers::pi / 180);
  const int border = length / 2 + 1;
  const Padded padded(picture, border);
  const auto row_bytes = static_cast<std::size_t>(picture.width) * 3;
  std::vector<std::uint16_t> sums(row_bytes);
  const std::uint32_t factor = (65536U + static_cast<std::uint32_t>(length) / 2) / static_cast<std::uint32_t>(length);
  for (int row = 0; row < picture.height; ++row) {
    std::fill(sums.begin(), sums.end(), std::uint16_t{0});
    for (int i = 0; i < length; ++i) {
      const double along = i - (length - 1) / 2.0;
      const int dx = static_cast<int>(std::lround(along * x)), dy = static_cast<int>(std::lround(along * y));
      const std::uint8_t* in = padded.row(row + border + dy) + (border + dx) * 3;
      for (std::size_t k = 0; k < row_bytes; ++k) sums[k] = static_cast<std::uint16_t>(sums[k] + in[k]);
    }
    std::uint8_t* out = picture.at(0, row);
    for (std::size_t k = 0; k < row_bytes; ++k)
      out[k] = static_cast<std::uint8_t>(std::min<std::uint32_t>((sums[k] * factor + 32768U) >> 16, 255U));
  }
}

void median_blur(Picture& picture) {
  if (picture.is_empty()) return;
  const Padded padded(picture, 1);
  const auto row_bytes = static_cast<std::size_t>(picture.width) * 3;
  for (int y = 0; y < picture.height; ++y) {
    const std::uint8_t *a = padded.row(y), *b = padded.row(y + 1), *c = padded.row(y + 2);
    std::uint8_t* out = picture.at(0, y);
    for (std::size_t i = 0; i < row_bytes; ++i) {
      std::uint8_t p[9] = {a[i], a[i + 3], a[i + 6], b[i], b[i + 3], b[i + 6], c[i], c[i + 3], c[i + 6]};
      // The exchanges of Paeth's network (Graphics Gems, 1990) that the middle one of nine needs.
      order(p[1], p[2]), order(p[4], p[5]), order(p[7], p[8]), order(p[0], p[1]), order(p[3], p[4]);
      order(p[6], p[7]), order(p[1], p[2]), order(p[4], p[5]), order(p[7], p[8]), order(p[0], p[3]);
      order(p[5], p[8]), order(p[4], p[7]), order(p[3], p[6]), order(p[1], p[4]), order(p[2], p[5]);
      order(p[4], p[7]), order(p[4], p[2]), order(p[6], p[4]), order(p[4], p[2]);
      out[i] = p[4];
    }
  }
}

void adjust_sharpness(Picture& picture, double factor) {
  if (picture.width < 3 || picture.height < 3) return;
  const Picture before = picture;
  const auto share = static_cast<float>(factor);
  const auto row_bytes = static_cast<std::size_t>(picture.width) * 3;
  for (int y = 1; y + 1 < picture.height; ++y) {
    const std::uint8_t *a = before.at(0, y - 1), *b = before.at(0, y), *c = before.at(0, y + 1);
    std::uint8_t* out = picture.at(0, y);
    for (std::size_t i = 3; i + 3 < row_bytes; ++i) {
      const int sum = a[i - 3] + a[i] + a[i + 3] + b[i - 3] + 5 * b[i] + b[i + 3] + c[i - 3] + c[i] + c[i + 3];
      const float smooth = static_cast<float>((2 * sum + 13) / 26);
      const float value = share * static_cast<float>(b[i]) + (1 - share) * smooth;
      out[i] = static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
    }
  }
}

void jpeg_artefacts(Picture& picture, int quality) {
  const std::vector<std::uint8_t> bytes = encode_jpeg(picture, quality);
  picture = decode_bytes(std::string(bytes.begin(), bytes.end()), "picture with JPEG artefacts");
}

void add_noise(Picture& picture, double deviation, bool grey, Random& random) {
  FastBits bits(random);
  // The sum of four bytes has a deviation of 147.8 about 510.
  const auto factor = static_cast<int>(std::lround(deviation / 147.8 * 65536));
  const auto noise = [&](std::uint32_t word) {
    const auto sum = static_cast<int>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
    return ((sum - 510) * factor + 32768) >> 16;
  };
  const auto add = [](std::uint8_t& value, int more) {
    value = static_cast<std::uint8_t>(std::clamp(value + more, 0, 255));
  };
  std::uint8_t* pixel = picture.pixels.data();
  for (std::size_t i = 0; i + 3 <= picture.pixels.size(); i += 3, pixel += 3) {
    const std::uint64_t word = bits();
    const int first = noise(static_cast<std::uint32_t>(word)), second = noise(static_cast<std::uint32_t>(word >> 32));
    add(pixel[0], first);
    add(pixel[1], grey ? first : second);
    add(pixel[2], grey ? first : noise(static_cast<std::uint32_t>(bits())));
  }
}

void add_salt_and_pepper(Picture& picture, double share, Random& random) {
  FastBits bits(random);
  const auto limit = static_cast<std::uint32_t>(std::clamp(share, 0.0, 1.0) * 4294967295.0);
  for (std::size_t i = 0; i + 3 <= picture.pixels.size(); i += 3) {
    const std::uint64_t word = bits();
    if (static_cast<std::uint32_t>(word) >= limit) continue;
    std::memset(picture.pixels.data() + i, (word >> 40 & 1) != 0 ? 255 : 0, 3);
  }
}

}  // namespace joist
