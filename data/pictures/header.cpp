#include <joist/core/error.h>
#include <joist/data/pictures/header.h>
#include <joist/data/pictures/orientation.h>

#include <array>
#include <utility>

namespace joist {
namespace {

constexpr std::string_view png_mark = "\x89PNG\r\n\x1A\n";

unsigned byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

std::uint32_t big(std::string_view bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8U | byte_at(bytes, at + static_cast<std::size_t>(i));
  return value;
}

std::uint32_t little(std::string_view bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8U | byte_at(bytes, at + static_cast<std::size_t>(i));
  return value;
}

/// Orientation tag of the first directory of a TIFF block (Exif 2.3, 4.6.4), 1 where there is none or the block is
/// damaged.
int exif_orientation(std::string_view tiff) {
  if (tiff.starts_with(std::string_view("Exif\0\0", 6))) tiff.remove_prefix(6);
  if (tiff.size() < 8) return 1;
  const bool is_little = tiff.starts_with("II");
  if (!is_little && !tiff.starts_with("MM")) return 1;
  const auto number = [&](std::size_t at, int count) {
    return is_little ? little(tiff, at, count) : big(tiff, at, count);
  };
  const std::size_t directory = number(4, 4);
  if (directory > tiff.size() - 2) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) return 1;
    constexpr unsigned orientation_tag = 0x0112;
    if (number(entry, 2) != orientation_tag) continue;
    const auto value = static_cast<int>(number(entry + 8, 2));
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

PictureInfo info_of(std::string format, std::uint32_t width, std::uint32_t height, int orientation,
                    const std::string& name) {
  if (width == 0 || height == 0 || width > 0x7FFFFFFFU || height > 0x7FFFFFFFU) {
    throw DataError({.where = name,
                     .what = format + " header with the size " + std::to_string(width) + "×" + std::to_string(height),
                     .expected = "at least one pixel",
                     .remedy = "make the file again"});
  }
  PictureInfo info{.format = std::move(format),
                   .width = static_cast<int>(width),
                   .height = static_cast<int>(height),
                   .stored_width = static_cast<int>(width),
                   .stored_height = static_cast<int>(height),
                   .orientation = orientation};
  if (is_sideways(orientation)) std::swap(info.width, info.height);
  return info;
}

struct Segment {
  unsigned marker = 0;  // 0 where the bytes ended before the segment did
  std::string_view payload{};
  std::size_t next = 0;
};

/// The JPEG segment that begins at or after `at`; bytes that are no marker are skipped, as decoders do.
Segment jpeg_segment(std::string_view bytes, std::size_t at) {
  while (at < bytes.size() && byte_at(bytes, at) != 0xFF) ++at;
  while (at < bytes.size() && byte_at(bytes, at) == 0xFF) ++at;
  if (at >= bytes.size()) return {};
  const unsigned marker = byte_at(bytes, at++);
  const bool is_bare = marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD9);
  if (is_bare) return {.marker = marker == 0 ? 0x01 : marker, .payload = {}, .next = at};
  if (bytes.size() - at < 2) return {};
  const std::size_t length = big(bytes, at, 2);
  if (length < 2 || bytes.size() - at < length) return {};
  return {.marker = marker, .payload = bytes.substr(at + 2, length - 2), .next = at + length};
}

constexpr unsigned end_of_image = 0xD9;
constexpr unsigned start_of_scan = 0xDA;
constexpr unsigned application_1 = 0xE1;

bool is_frame(unsigned marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

std::optional<PictureInfo> jpeg_header(std::string_view bytes, const std::string& name) {
  int orientation = 1;
  for (std::size_t at = 2;;) {
    const Segment segment = jpeg_segment(bytes, at);
    if (segment.marker == 0) return std::nullopt;
    if (segment.marker == application_1 && segment.payload.starts_with("Exif")) {
      orientation = exif_orientation(segment.payload);
    }
    if (is_frame(segment.marker) && segment.payload.size() >= 5) {
      return info_of("JPEG", big(segment.payload, 3, 2), big(segment.payload, 1, 2), orientation, name);
    }
    if (segment.marker == end_of_image || segment.marker == start_of_scan) {
      throw DataError({.where = name, .what = "JPEG without a frame header", .remedy = "make the file again"});
    }
    at = segment.next;
  }
}

struct Chunk {
  std::string_view type{};
  std::string_view payload{};
  std::size_t next = 0;  // 0 where the bytes ended before the chunk did
};

Chunk png_chunk(std::string_view bytes, std::size_t at) {
  if (bytes.size() < at + 8) return {};
  const std::size_t length = big(bytes, at, 4);
  Chunk chunk{.type = bytes.substr(at + 4, 4), .payload = bytes.substr(at + 8, length), .next = 0};
  if (bytes.size() - at >= length + 12) chunk.next = at + length + 12;
  return chunk;
}

std::optional<PictureInfo> png_header(std::string_view bytes, const std::string& name) {
  const Chunk first = png_chunk(bytes, png_mark.size());
  if (first.next == 0) return std::nullopt;
  if (first.type != "IHDR" || first.payload.size() != 13) {
    throw DataError(
        {.where = name, .what = "PNG that does not begin with its header", .remedy = "make the file again"});
  }
  int orientation = 1;
  for (std::size_t at = first.next;;) {
    const Chunk chunk = png_chunk(bytes, at);
    if (chunk.type == "IDAT" || chunk.type == "IEND") break;
    if (chunk.next == 0) return std::nullopt;
    if (chunk.type == "eXIf") orientation = exif_orientation(chunk.payload);
    at = chunk.next;
  }
  return info_of("PNG", big(first.payload, 0, 4), big(first.payload, 4, 4), orientation, name);
}

Chunk webp_chunk(std::string_view bytes, std::size_t at) {
  if (bytes.size() < at + 8) return {};
  const std::size_t length = little(bytes, at + 4, 4);
  Chunk chunk{.type = bytes.substr(at, 4), .payload = bytes.substr(at + 8, length), .next = 0};
  if (bytes.size() - at >= length + 8) chunk.next = at + 8 + length + length % 2;
  return chunk;
}

std::optional<PictureInfo> webp_header(std::string_view bytes, const std::string& name, bool whole) {
  const Chunk first = webp_chunk(bytes, 12);
  const std::string_view data = first.payload;
  if (data.size() < 10) return std::nullopt;
  if (first.type == "VP8 ") return info_of("WebP", little(data, 6, 2) & 0x3FFFU, little(data, 8, 2) & 0x3FFFU, 1, name);
  if (first.type == "VP8L") {
    const std::uint32_t bits = little(data, 1, 4);
    return info_of("WebP", (bits & 0x3FFFU) + 1, (bits >> 14U & 0x3FFFU) + 1, 1, name);
  }
  if (first.type != "VP8X") {
    throw DataError(
        {.where = name, .what = "WebP that does not begin with its header", .remedy = "make the file again"});
  }
  constexpr unsigned exif_flag = 0x08;
  int orientation = 1;
  if ((byte_at(data, 0) & exif_flag) != 0) {
    if (!whole) return std::nullopt;  // it stands behind the pixels
    for (Chunk chunk = first; chunk.next != 0; chunk = webp_chunk(bytes, chunk.next)) {
      if (chunk.type == "EXIF") orientation = exif_orientation(chunk.payload);
    }
  }
  return info_of("WebP", little(data, 4, 3) + 1, little(data, 7, 3) + 1, orientation, name);
}

std::string looks_like(std::string_view bytes) {
  using Beginning = std::pair<std::string_view, std::string_view>;
  constexpr std::array beginnings = {Beginning{"GIF8", "a GIF"},
                                     Beginning{"BM", "a BMP"},
                                     Beginning{"II*", "a TIFF"},
                                     Beginning{std::string_view("MM\0*", 4), "a TIFF"},
                                     Beginning{"version https://git-lfs", "a Git LFS pointer, not the picture itself"},
                                     Beginning{"<", "a web page or XML"},
                                     Beginning{"%PDF", "a PDF"}};
  if (bytes.empty()) return "it is empty";
  for (const auto& [beginning, kind] : beginnings) {
    if (bytes.starts_with(beginning)) return "it looks like " + std::string(kind);
  }
  if (bytes.size() > 8 && bytes.substr(4, 4) == "ftyp") return "it looks like a HEIC, AVIF or MP4";
  return "it begins like none of them";
}

}  // namespace

PictureKind picture_kind(std::string_view bytes, const std::string& name) {
  if (bytes.starts_with("\xFF\xD8\xFF")) return PictureKind::jpeg;
  if (bytes.starts_with(png_mark)) return PictureKind::png;
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") return PictureKind::webp;
  throw DataError({.where = name,
                   .what = "not a picture: " + looks_like(bytes),
                   .expected = "JPEG, PNG or WebP",
                   .remedy = "convert it, or take it out of the data"});
}

std::optional<PictureInfo> parse_header(std::string_view bytes, const std::string& name, bool whole) {
  std::optional<PictureInfo> info;
  switch (picture_kind(bytes, name)) {
    case PictureKind::jpeg: info = jpeg_header(bytes, name); break;
    case PictureKind::png: info = png_header(bytes, name); break;
    case PictureKind::webp: info = webp_header(bytes, name, whole); break;
  }
  if (!info && whole) throw_truncated(name, "the file ends inside its header");
  return info;
}

bool ends_properly(std::string_view bytes, const std::string& name) {
  switch (picture_kind(bytes, name)) {
    case PictureKind::jpeg:
      // Inside a scan 0xFF is always followed by zero or a restart marker, so the two bytes mean the end there.
      // Thumbnails in earlier segments have an end mark of their own.
      for (std::size_t at = 2;;) {
        const Segment segment = jpeg_segment(bytes, at);
        if (segment.marker == 0 || segment.marker == end_of_image) return false;
        at = segment.next;
        if (segment.marker == start_of_scan) return bytes.find("\xFF\xD9", at) != std::string_view::npos;
      }
    case PictureKind::png:
      for (std::size_t at = png_mark.size();;) {
        const Chunk chunk = png_chunk(bytes, at);
        if (chunk.next == 0) return false;
        if (chunk.type == "IEND") return true;
        at = chunk.next;
      }
    case PictureKind::webp: return bytes.size() - 8 >= little(bytes, 4, 4);
  }
  return false;
}

void throw_truncated(const std::string& name, const std::string& detail) {
  throw DataError({.where = name,
                   .what = "truncated picture: " + detail,
                   .expected = "a complete file",
                   .remedy = "copy or download it again, or take it out of the data"});
}

}  // namespace joist
