#include <joist/core/error.h>
#include <joist/data/encode.h>
#include <joist/data/pictures/codecs.h>
#include <joist/data/pictures/header.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>

// clang-format off
#include <jpeglib.h>
#include <jerror.h>  // needs the line above
// clang-format on

namespace joist {
namespace {

// libjpeg reports through function pointers and must not see exceptions. Errors jump back to the setjmp of the few
// functions below that call it; these own nothing with a destructor, and their callers turn a false result into an
// exception.
struct Errors {
  jpeg_error_mgr manager{};
  std::jmp_buf escape{};
  char message[JMSG_LENGTH_MAX] = {};
  bool is_truncated = false;
};

Errors& errors_of(j_common_ptr common) { return *reinterpret_cast<Errors*>(common->err); }

[[noreturn]] void fail(j_common_ptr common) {
  Errors& errors = errors_of(common);
  (*errors.manager.format_message)(common, errors.message);
  std::longjmp(errors.escape, 1);
}

// libjpeg only warns of these and fills the rest of the picture with grey.
bool is_missing_data(int code) {
  return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
         code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC;
}

void emit(j_common_ptr common, int level) {
  if (level >= 0 || !is_missing_data(common->err->msg_code)) return;
  errors_of(common).is_truncated = true;
  fail(common);
}

// A progressive file may ask for thousands of passes over a large picture; honest ones need about ten.
void limit_scans(j_common_ptr common) {
  constexpr int max_scans = 500;
  if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number <= max_scans) return;
  Errors& errors = errors_of(common);
  std::snprintf(errors.message, sizeof errors.message, "more than %d scans", max_scans);
  std::longjmp(errors.escape, 1);
}

void install(Errors& errors, jpeg_error_mgr*& slot) {
  slot = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = &fail;
  errors.manager.emit_message = &emit;
}

struct Decoder {
  Errors errors{};
  jpeg_progress_mgr progress{};
  jpeg_decompress_struct info{};

  Decoder() { install(errors, info.err); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }
};

bool start(Decoder& decoder, std::string_view bytes, const PictureInfo& claimed, int at_least) {
  if (setjmp(decoder.errors.escape) != 0) return false;
  jpeg_decompress_struct& info = decoder.info;
  jpeg_create_decompress(&info);
  decoder.progress.progress_monitor = &limit_scans;
  info.progress = &decoder.progress;
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  if (info.image_width != static_cast<JDIMENSION>(claimed.stored_width) ||
      info.image_height != static_cast<JDIMENSION>(claimed.stored_height)) {
    std::snprintf(decoder.errors.message, sizeof decoder.errors.message, "contradicting frame headers");
    return false;
  }
  const bool is_cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  info.dct_method = JDCT_ISLOW;
  const auto longer_side = std::max(info.image_width, info.image_height);
  while (at_least > 0 && info.scale_denom < 8 &&
         longer_side / (info.scale_denom * 2) >= static_cast<unsigned>(at_least)) {
    info.scale_denom *= 2;
  }
  jpeg_start_decompress(&info);
  return true;
}

bool read_rows(Decoder& decoder, std::uint8_t* rows, std::size_t stride) {
  if (setjmp(decoder.errors.escape) != 0) return false;
  jpeg_decompress_struct& info = decoder.info;
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = rows + info.output_scanline * stride;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

[[noreturn]] void throw_damaged(const Decoder& decoder, const std::string& name) {
  if (decoder.errors.is_truncated) throw_truncated(name, decoder.errors.message);
  throw DataError({.where = name,
                   .what = std::string("damaged JPEG: ") + decoder.errors.message,
                   .remedy = "make the file again, or take it out of the data"});
}

// Adobe's programs, which write nearly all CMYK files, store the complement of the ink.
Picture from_cmyk(const std::vector<std::uint8_t>& ink, int width, int height, bool is_complement) {
  Picture picture(width, height);
  for (std::size_t i = 0; i < picture.pixels.size() / 3; ++i) {
    const auto light = [&](std::size_t k) {
      return static_cast<unsigned>(is_complement ? ink[4 * i + k] : 255 - ink[4 * i + k]);
    };
    for (std::size_t k = 0; k < 3; ++k)
      picture.pixels[3 * i + k] = static_cast<std::uint8_t>((light(k) * light(3) + 127) / 255);
  }
  return picture;
}

struct Encoder {
  Errors errors{};
  jpeg_compress_struct info{};
  unsigned char* bytes = nullptr;  // grown by libjpeg with malloc
  unsigned long size = 0;

  Encoder() { install(errors, info.err); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

bool compress(Encoder& encoder, const Picture& picture, int quality) {
  if (setjmp(encoder.errors.escape) != 0) return false;
  jpeg_compress_struct& info = encoder.info;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &encoder.bytes, &encoder.size);
  info.image_width = static_cast<JDIMENSION>(picture.width);
  info.image_height = static_cast<JDIMENSION>(picture.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(picture.at(0, static_cast<int>(info.next_scanline)));  // only read
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

Picture decode_jpeg(std::string_view bytes, const std::string& name, const PictureInfo& info, int at_least) {
  // A block of 8×8 costs at least one bit: what claims more pixels than that cannot be complete.
  const auto claimed_blocks =
      static_cast<std::size_t>(info.stored_width) * static_cast<std::size_t>(info.stored_height) / 64;
  if (claimed_blocks / 8 > bytes.size()) {
    throw_truncated(name, std::to_string(bytes.size()) + " bytes cannot hold " + std::to_string(info.stored_width) +
                              "×" + std::to_string(info.stored_height) + " pixels");
  }
  Decoder decoder;
  if (!start(decoder, bytes, info, at_least)) throw_damaged(decoder, name);
  const int width = static_cast<int>(decoder.info.output_width);
  const int height = static_cast<int>(decoder.info.output_height);
  const auto row_pixels = static_cast<std::size_t>(width);
  if (decoder.info.out_color_space == JCS_CMYK) {
    std::vector<std::uint8_t> ink(row_pixels * static_cast<std::size_t>(height) * 4);
    if (!read_rows(decoder, ink.data(), row_pixels * 4)) throw_damaged(decoder, name);
    return from_cmyk(ink, width, height, decoder.info.saw_Adobe_marker == TRUE);
  }
  Picture picture(width, height);
  if (!read_rows(decoder, picture.pixels.data(), row_pixels * 3)) throw_damaged(decoder, name);
  return picture;
}

std::vector<std::uint8_t> encode_jpeg(const Picture& picture, int quality) {
  if (picture.is_empty()) throw UsageError({.what = "an empty picture cannot be written as JPEG"});
  Encoder encoder;
  if (!compress(encoder, picture, std::clamp(quality, 1, 100))) {
    throw UsageError({.where = std::to_string(picture.width) + "×" + std::to_string(picture.height) + " picture",
                      .what = std::string("cannot be written as JPEG: ") + encoder.errors.message,
                      .expected = "sides of at most 65,500 pixels",
                      .remedy = "write it as PNG"});
  }
  return {encoder.bytes, encoder.bytes + encoder.size};
}

}  // namespace joist
