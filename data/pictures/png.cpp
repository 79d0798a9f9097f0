#include <joist/core/error.h>
#include <joist/data/encode.h>
#include <joist/data/pictures/codecs.h>
#include <joist/data/pictures/header.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <png.h>

namespace joist {
namespace {

// As in jpeg.cpp: the functions that call libpng own nothing with a destructor and return false after an error's jump.
struct Context {
  std::jmp_buf escape{};
  char message[200] = {};
  bool is_truncated = false;
};

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  auto& context = *static_cast<Context*>(png_get_error_ptr(png));
  std::snprintf(context.message, sizeof context.message, "%s", message);
  std::longjmp(context.escape, 1);
}

void ignore(png_structp, png_const_charp) {}

struct Decoder : Context {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view bytes;
  bool has_alpha = false;

  explicit Decoder(std::string_view bytes_) : bytes(bytes_) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, static_cast<Context*>(this), &fail, &ignore);
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) throw EnvironmentError({.what = "out of memory while decoding a PNG"});
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

void take(png_structp png, png_bytep out, std::size_t count) {
  auto& decoder = *static_cast<Decoder*>(png_get_io_ptr(png));
  if (decoder.bytes.size() < count) {
    decoder.is_truncated = true;
    png_error(png, "the file ends before its picture does");
  }
  std::memcpy(out, decoder.bytes.data(), count);
  decoder.bytes.remove_prefix(count);
}

bool start(Decoder& decoder) {
  if (setjmp(decoder.escape) != 0) return false;
  png_structp png = decoder.png;
  png_infop info = decoder.info;
  png_set_read_fn(png, &decoder, &take);
  png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);  // ours were checked already
  // Texts and profiles may be compressed a thousandfold, and nothing of them is used.
  static constexpr png_byte unused[] = "iCCP\0tEXt\0zTXt\0iTXt";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unused, 4);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
  png_read_info(png, info);
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  decoder.has_alpha = png_get_channels(png, info) == 4;
  return true;
}

bool read_rows(Decoder& decoder, png_bytepp rows) {
  if (setjmp(decoder.escape) != 0) return false;
  png_read_image(decoder.png, rows);
  png_read_end(decoder.png, nullptr);
  return true;
}

[[noreturn]] void throw_damaged(const Decoder& decoder, const std::string& name) {
  if (decoder.is_truncated || std::strstr(decoder.message, "Not enough image data") != nullptr) {
    throw_truncated(name, decoder.message);
  }
  throw DataError({.where = name,
                   .what = std::string("damaged PNG: ") + decoder.message,
                   .remedy = "make the file again, or take it out of the data"});
}

Picture over_black(const std::vector<std::uint8_t>& rgba, int width, int height) {
  Picture picture(width, height);
  for (std::size_t i = 0; i < picture.pixels.size() / 3; ++i) {
    const unsigned alpha = rgba[4 * i + 3];
    for (std::size_t k = 0; k < 3; ++k)
      picture.pixels[3 * i + k] = static_cast<std::uint8_t>((rgba[4 * i + k] * alpha + 127) / 255);
  }
  return picture;
}

struct Encoder : Context {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<std::uint8_t> bytes{};

  Encoder() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, static_cast<Context*>(this), &fail, &ignore);
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) throw EnvironmentError({.what = "out of memory while writing a PNG"});
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() { png_destroy_write_struct(&png, &info); }
};

void give(png_structp png, png_bytep data, std::size_t count) {
  auto& encoder = *static_cast<Encoder*>(png_get_io_ptr(png));
  bool is_good = true;
  try {
    encoder.bytes.insert(encoder.bytes.end(), data, data + count);
  } catch (const std::bad_alloc&) {  // must not pass through libpng
    is_good = false;
  }
  if (!is_good) png_error(png, "out of memory");
}

bool compress(Encoder& encoder, const Picture& picture, int level) {
  if (setjmp(encoder.escape) != 0) return false;
  png_structp png = encoder.png;
  png_set_write_fn(png, &encoder, &give, nullptr);
  png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);
  png_set_compression_level(png, level);
  png_set_IHDR(png, encoder.info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, encoder.info);
  for (int y = 0; y < picture.height; ++y) png_write_row(png, picture.at(0, y));
  png_write_end(png, nullptr);
  return true;
}

}  // namespace

Picture decode_png(std::string_view bytes, const std::string& name, const PictureInfo& info) {
  // Deflate makes at most 1032 bytes of one, and a pixel has at least one bit.
  const auto claimed = static_cast<std::size_t>(info.stored_width) * static_cast<std::size_t>(info.stored_height);
  if (claimed / 8 / 1032 > bytes.size()) {
    throw_truncated(name, std::to_string(bytes.size()) + " bytes cannot hold " + std::to_string(info.stored_width) +
                              "×" + std::to_string(info.stored_height) + " pixels");
  }
  Decoder decoder(bytes);
  if (!start(decoder)) throw_damaged(decoder, name);
  const std::size_t channels = decoder.has_alpha ? 4 : 3;
  const std::size_t row_bytes = static_cast<std::size_t>(info.stored_width) * channels;
  if (png_get_rowbytes(decoder.png, decoder.info) != row_bytes ||
      png_get_image_height(decoder.png, decoder.info) != static_cast<png_uint_32>(info.stored_height)) {
    throw InternalError({.where = name, .what = "PNG rows of an unexpected length"});
  }
  Picture picture;
  std::vector<std::uint8_t> rgba;
  if (decoder.has_alpha) {
    rgba.resize(claimed * 4);
  } else {
    picture = Picture(info.stored_width, info.stored_height);
  }
  std::uint8_t* const first = decoder.has_alpha ? rgba.data() : picture.pixels.data();
  std::vector<png_bytep> rows(static_cast<std::size_t>(info.stored_height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = first + y * row_bytes;
  if (!read_rows(decoder, rows.data())) throw_damaged(decoder, name);
  return decoder.has_alpha ? over_black(rgba, info.stored_width, info.stored_height) : picture;
}

std::vector<std::uint8_t> encode_png(const Picture& picture, int compression) {
  if (picture.is_empty()) throw UsageError({.what = "an empty picture cannot be written as PNG"});
  Encoder encoder;
  if (!compress(encoder, picture, std::clamp(compression, 0, 9))) {
    throw EnvironmentError({.where = std::to_string(picture.width) + "×" + std::to_string(picture.height) + " picture",
                            .what = std::string("cannot be written as PNG: ") + encoder.message});
  }
  return std::move(encoder.bytes);
}

}  // namespace joist
