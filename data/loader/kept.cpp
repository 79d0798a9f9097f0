// The folder of decoded pictures: DIR/ab/cdef…-320.pixels, a short header and the rows.
#include <joist/core/formats/sha256.h>
#include <joist/data/decode.h>
#include <joist/data/files.h>
#include <joist/data/loader/cache.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>

#include <unistd.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

struct Header {
  std::array<char, 8> magic{'j', 'o', 'i', 's', 't', 'p', 'x', '1'};
  std::int32_t width = 0, height = 0, full_width = 0, full_height = 0;
  std::uint64_t sum = 0;  // of the pixels, so that a file cut short by a crash is not believed
};

std::uint64_t sum_of(std::span<const std::uint8_t> pixels) {
  std::uint64_t sum = pixels.size();
  for (std::size_t i = 0; i < pixels.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, pixels.data() + i, std::min<std::size_t>(8, pixels.size() - i));
    sum = (sum ^ word) * 0x9E3779B97F4A7C15U;
  }
  return sum;
}

fs::path place_of(const std::string& bytes, int longer_side, const std::string& folder) {
  const std::string name = hexadecimal(sha256(std::as_bytes(std::span(bytes))));
  return fs::path(folder) / name.substr(0, 2) / (name.substr(2) + "-" + std::to_string(longer_side) + ".pixels");
}

std::optional<ScaledPicture> read_kept(const fs::path& place, int longer_side) {
  std::FILE* file = std::fopen(place.c_str(), "rb");
  if (file == nullptr) return std::nullopt;
  Header header;
  std::optional<ScaledPicture> result;
  const bool has_header = std::fread(&header, sizeof header, 1, file) == 1 && header.magic == Header().magic;
  const auto is_side = [longer_side](std::int32_t side) { return side >= 1 && side <= longer_side; };
  if (has_header && is_side(header.width) && is_side(header.height) && header.full_width > 0 &&
      header.full_height > 0) {
    result = {Picture(header.width, header.height), header.full_width, header.full_height};
    std::vector<std::uint8_t>& pixels = result->picture.pixels;
    if (std::fread(pixels.data(), 1, pixels.size(), file) != pixels.size() || sum_of(pixels) != header.sum)
      result.reset();
  }
  std::fclose(file);
  return result;
}

// Written beside its place and moved there; not synced: what a crash destroys is decoded again.
void keep(const fs::path& place, const ScaledPicture& scaled) {
  std::error_code error;
  fs::create_directories(place.parent_path(), error);
  std::string name = place.string() + "-XXXXXX";
  const int descriptor = ::mkstemp(name.data());
  if (descriptor < 0) return;
  std::FILE* file = ::fdopen(descriptor, "wb");
  const std::vector<std::uint8_t>& pixels = scaled.picture.pixels;
  Header header;
  header.width = scaled.picture.width;
  header.height = scaled.picture.height;
  header.full_width = scaled.full_width;
  header.full_height = scaled.full_height;
  header.sum = sum_of(pixels);
  const bool is_whole = std::fwrite(&header, sizeof header, 1, file) == 1 &&
                        std::fwrite(pixels.data(), 1, pixels.size(), file) == pixels.size();
  if (std::fclose(file) != 0 || !is_whole || std::rename(name.c_str(), place.c_str()) != 0) ::unlink(name.c_str());
}

}  // namespace

ScaledPicture load_kept(const std::string& path, int longer_side, const std::string& folder) {
  constexpr std::int64_t most_bytes = std::int64_t{1} << 29;
  const std::string bytes = read_bytes(path, most_bytes);
  const fs::path place = place_of(bytes, longer_side, folder);
  if (auto found = read_kept(place, longer_side)) return std::move(*found);
  ScaledPicture scaled = load_scaled(path, longer_side);
  keep(place, scaled);
  return scaled;
}

}  // namespace joist
