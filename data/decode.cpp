#include <joist/core/error.h>
#include <joist/data/decode.h>
#include <joist/data/files.h>
#include <joist/data/pictures/codecs.h>
#include <joist/data/pictures/header.h>
#include <joist/data/pictures/orientation.h>

namespace joist {
namespace {

constexpr std::int64_t head_bytes = 64 << 10;

Picture decode_kind(const std::string& bytes, const std::string& name, const PictureInfo& info, int at_least) {
  switch (picture_kind(bytes, name)) {
    case PictureKind::jpeg: return decode_jpeg(bytes, name, info, at_least);
    case PictureKind::png: return decode_png(bytes, name, info);
    case PictureKind::webp: return decode_webp(bytes, name, info);
  }
  throw InternalError({.where = name, .what = "picture kind without a decoder"});
}

}  // namespace

Picture decode(const std::string& path, const DecodeOptions& options) {
  return decode_bytes(read_bytes(path, options.max_bytes), path, options);
}

Picture decode_bytes(const std::string& bytes, const std::string& name, const DecodeOptions& options) {
  const PictureInfo info = *parse_header(bytes, name, true);
  if (info.width > options.max_pixels / info.height) {
    throw DataError({.where = name,
                     .what = info.format + " of " + std::to_string(bytes.size()) + " bytes claims " +
                             std::to_string(info.width) + "×" + std::to_string(info.height) + " pixels",
                     .expected = "at most " + std::to_string(options.max_pixels) + " pixels",
                     .remedy = "cut the picture into tiles, or take it out of the data"});
  }
  return upright(decode_kind(bytes, name, info, options.at_least), info.orientation);
}

PictureInfo probe(const std::string& path) {
  if (auto info = parse_header(read_head(path, head_bytes), path, false)) return *info;
  return *parse_header(read_bytes(path, DecodeOptions{}.max_bytes), path, true);
}

bool has_end(const std::string& path) {
  const std::string tail = read_tail(path, 12);
  if (tail.ends_with("\xFF\xD9") || tail.ends_with("IEND\xAE\x42\x60\x82"))
    return true;  // nearly always; spares the rest
  return ends_properly(read_bytes(path, DecodeOptions{}.max_bytes), path);
}

}  // namespace joist
