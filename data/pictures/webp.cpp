#include <joist/core/error.h>
#include <joist/data/pictures/codecs.h>
#include <joist/data/pictures/header.h>

#ifdef JOIST_HAS_WEBP
#include <webp/decode.h>
#endif

namespace joist {

#ifdef JOIST_HAS_WEBP

Picture decode_webp(std::string_view bytes, const std::string& name, const PictureInfo& info) {
  if (!ends_properly(bytes, name)) throw_truncated(name, "the file ends before its picture does");
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  const bool is_readable = WebPGetFeatures(data, bytes.size(), &features) == VP8_STATUS_OK;
  if (is_readable && features.has_animation != 0) {
    throw UnsupportedError(
        {.where = name, .what = "animated WebP", .expected = "one picture", .remedy = "save one frame"});
  }
  const auto width = static_cast<std::size_t>(info.stored_width);
  std::vector<std::uint8_t> rgba(width * static_cast<std::size_t>(info.stored_height) * 4);
  const bool is_right_size =
      is_readable && features.width == info.stored_width && features.height == info.stored_height;
  if (!is_right_size ||
      WebPDecodeRGBAInto(data, bytes.size(), rgba.data(), rgba.size(), static_cast<int>(width * 4)) == nullptr) {
    throw DataError(
        {.where = name, .what = "damaged WebP", .remedy = "make the file again, or take it out of the data"});
  }
  Picture picture(info.stored_width, info.stored_height);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
    picture.pixels[i] = static_cast<std::uint8_t>((rgba[i / 3 * 4 + i % 3] * rgba[i / 3 * 4 + 3] + 127) / 255);
  }
  return picture;
}

#else

Picture decode_webp(std::string_view, const std::string& name, const PictureInfo&) {
  throw UnsupportedError({.where = name,
                          .what = "WebP, because this build was made without libwebp",
                          .remedy = "install libwebp-dev and build again, or convert the picture"});
}

#endif

}  // namespace joist
