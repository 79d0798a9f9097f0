// Every kind of picture file, sound and broken.
#include <joist/data/decode.h>
#include <joist/data/encode.h>
#include <joist/tests/data/support.h>

#include <cmath>
#include <functional>
#include <random>

#include <png.h>
#include <zlib.h>

// clang-format off
#include <cstdio>
#include <jpeglib.h>
// clang-format on

#ifdef JOIST_HAS_WEBP
#include <webp/encode.h>
#endif

namespace joist::test {
namespace {

using namespace std::string_literals;

std::string text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

double mean_difference(const Picture& a, const Picture& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  if (a.pixels.size() != b.pixels.size()) return 255;
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

Picture smooth(int width, int height) {
  Picture picture = gradient(width, height);
  for (std::size_t i = 2; i < picture.pixels.size(); i += 3) picture.pixels[i] = 40;
  return picture;
}

/// JPEG of any colour space through libjpeg itself; `rows` is [height, width, channels].
std::string jpeg_of(int width, int height, int channels, J_COLOR_SPACE space, const std::vector<std::uint8_t>& rows,
                    bool is_progressive = false) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  if (is_progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(rows.data()) + info.next_scanline * static_cast<std::size_t>(width * channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const std::string result(bytes, bytes + size);
  std::free(bytes);
  return result;
}

std::string with_exif(const std::string& jpeg, int orientation, bool is_little = true) {
  const std::string tiff =
      is_little ? "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"s + static_cast<char>(orientation) + "\0\0\0\0\0\0\0"s
                : "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + static_cast<char>(orientation) + "\0\0\0\0\0\0"s;
  const std::string payload = "Exif\0\0"s + tiff;
  const auto length = payload.size() + 2;
  return jpeg.substr(0, 2) + "\xFF\xE1" + static_cast<char>(length >> 8U) + static_cast<char>(length & 0xFFU) +
         payload + jpeg.substr(2);
}

/// PNG of any colour type through libpng itself.
std::string png_of(int width, int height, int depth, int type, const std::vector<std::uint8_t>& rows,
                   bool is_interlaced = false, const std::vector<png_color>& palette = {},
                   const std::vector<png_byte>& alphas = {}) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  std::string bytes;
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, std::size_t n) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), n);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth, type,
               is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  if (!alphas.empty()) png_set_tRNS(png, info, alphas.data(), static_cast<int>(alphas.size()), nullptr);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  const std::size_t stride = rows.size() / static_cast<std::size_t>(height);
  for (int y = 0; y < height; ++y)
    pointers.push_back(const_cast<png_bytep>(rows.data()) + static_cast<std::size_t>(y) * stride);
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU);
  return bytes;
}

std::string png_chunk(const std::string& type, const std::string& payload) {
  const std::string body = type + payload;
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(payload.size())) + body + big_endian(static_cast<std::uint32_t>(sum));
}

/// One kilobyte that claims to be a picture of that size.
std::string png_bomb(std::uint32_t width, std::uint32_t height) {
  return "\x89PNG\r\n\x1A\n"s + png_chunk("IHDR", big_endian(width) + big_endian(height) + "\x08\x02\0\0\0"s) +
         png_chunk("IDAT", std::string(900, 'x')) + png_chunk("IEND", "");
}

std::string jpeg_bomb(unsigned width, unsigned height) {
  std::string bytes = jpeg_of(16, 16, 3, JCS_RGB, std::vector<std::uint8_t>(16 * 16 * 3, 9));
  const std::size_t frame = bytes.find("\xFF\xC0");
  bytes[frame + 5] = static_cast<char>(height >> 8U);
  bytes[frame + 6] = static_cast<char>(height & 0xFFU);
  bytes[frame + 7] = static_cast<char>(width >> 8U);
  bytes[frame + 8] = static_cast<char>(width & 0xFFU);
  return bytes;
}

TEST(Png, KeepsEveryPixel) {
  const Picture picture = gradient(37, 23);
  EXPECT_EQ(decode_bytes(text(encode_png(picture)), "a.png"), picture);
}

TEST(Jpeg, KeepsThePicture) {
  const Picture picture = smooth(64, 48);
  EXPECT_LT(mean_difference(decode_bytes(text(encode_jpeg(picture, 95)), "a.jpg"), picture), 2);
}

TEST(Jpeg, ReadsProgressiveAndGrey) {
  const Picture picture = smooth(64, 48);
  EXPECT_LT(mean_difference(decode_bytes(jpeg_of(64, 48, 3, JCS_RGB, picture.pixels, true), "a.jpg"), picture), 2);
  std::vector<std::uint8_t> grey(64 * 48);
  Picture expected(64, 48);
  for (std::size_t i = 0; i < grey.size(); ++i) {
    grey[i] = static_cast<std::uint8_t>(i / 64 * 5);
    for (std::size_t k = 0; k < 3; ++k) expected.pixels[3 * i + k] = grey[i];
  }
  EXPECT_LT(mean_difference(decode_bytes(jpeg_of(64, 48, 1, JCS_GRAYSCALE, grey), "a.jpg"), expected), 2);
}

TEST(Jpeg, ReadsCmykAsAdobeStoresIt) {
  // Pure cyan, half-bright magenta: the complement of the ink, in Adobe's way.
  std::vector<std::uint8_t> ink;
  for (int i = 0; i < 32 * 16; ++i) {
    const bool is_left = i % 32 < 16;
    ink.insert(ink.end(), {static_cast<std::uint8_t>(is_left ? 0 : 255), static_cast<std::uint8_t>(is_left ? 255 : 0),
                           255, static_cast<std::uint8_t>(is_left ? 255 : 128)});
  }
  const Picture picture = decode_bytes(jpeg_of(32, 16, 4, JCS_CMYK, ink), "a.jpg");
  const auto near = [&](int x, int r, int g, int b) {
    EXPECT_NEAR(picture.at(x, 8)[0], r, 4);
    EXPECT_NEAR(picture.at(x, 8)[1], g, 4);
    EXPECT_NEAR(picture.at(x, 8)[2], b, 4);
  };
  near(4, 0, 255, 255);
  near(28, 128, 0, 128);
}

TEST(Jpeg, FollowsExifOrientation) {
  const Picture picture = smooth(48, 32);
  const std::string plain = text(encode_jpeg(picture, 95));
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool is_little : {true, false}) {
      const TemporaryFolder folder;
      const std::string path = folder.write("a.jpg", with_exif(plain, orientation, is_little));
      const Picture turned = decode(path);
      const PictureInfo info = probe(path);
      EXPECT_EQ(info.orientation, orientation);
      EXPECT_EQ(info.stored_width, 48);
      EXPECT_EQ(info.width, turned.width);
      EXPECT_EQ(info.height, turned.height);
      EXPECT_EQ(turned.width, orientation >= 5 ? 32 : 48);
    }
  }
  const Picture clockwise = decode_bytes(with_exif(plain, 6), "a.jpg");  // row 0 of the file is the right edge
  const Picture straight = decode_bytes(plain, "a.jpg");
  for (int x = 0; x < 48; ++x) EXPECT_EQ(clockwise.at(31, x)[0], straight.at(x, 0)[0]);
}

TEST(Jpeg, OddExifIsNoOrientation) {
  const std::string plain = text(encode_jpeg(smooth(48, 32), 95));
  for (const int odd : {0, 9, 200}) EXPECT_EQ(decode_bytes(with_exif(plain, odd), "a.jpg").width, 48);
  std::string cut = with_exif(plain, 6);
  cut.replace(cut.find("II*"), 8, "II*\0\xFF\xFF\xFF\x7F"s);  // a directory far behind the end
  EXPECT_EQ(decode_bytes(cut, "a.jpg").width, 48);
}

TEST(Jpeg, ReducesOnlyAsFarAsAsked) {
  const std::string bytes = text(encode_jpeg(smooth(400, 300), 95));
  const std::vector<std::pair<int, int>> expected = {{0, 400},   {401, 400}, {400, 400}, {201, 400},
                                                     {200, 200}, {100, 100}, {50, 50},   {1, 50}};
  for (const auto& [at_least, width] : expected) {
    const Picture picture = decode_bytes(bytes, "a.jpg", {.at_least = at_least});
    EXPECT_EQ(picture.width, width) << at_least;
    EXPECT_NEAR(picture.at(width / 2, 5)[0], 127, 6);
  }
}

TEST(Png, ReadsEveryColourType) {
  const Picture picture = gradient(33, 17);
  const auto pixels = picture.pixels;
  EXPECT_EQ(decode_bytes(png_of(33, 17, 8, PNG_COLOR_TYPE_RGB, pixels, true), "interlaced"), picture);

  std::vector<std::uint8_t> deep;
  for (const std::uint8_t value : pixels) deep.insert(deep.end(), {value, value});
  EXPECT_EQ(decode_bytes(png_of(33, 17, 16, PNG_COLOR_TYPE_RGB, deep), "16 bit"), picture);

  // 1-bit grey, two pixels black and one white in turn.
  const Picture bits = decode_bytes(png_of(8, 1, 1, PNG_COLOR_TYPE_GRAY, {0b00100100}), "1 bit");
  for (int x = 0; x < 8; ++x) EXPECT_EQ(bits.at(x, 0)[1], x % 3 == 2 ? 255 : 0);

  const std::vector<png_color> palette = {{10, 20, 30}, {200, 100, 50}};
  const Picture indexed = decode_bytes(png_of(2, 1, 8, PNG_COLOR_TYPE_PALETTE, {1, 0}, false, palette), "palette");
  EXPECT_EQ(indexed.pixels, (std::vector<std::uint8_t>{200, 100, 50, 10, 20, 30}));
  const Picture clear = decode_bytes(png_of(2, 1, 8, PNG_COLOR_TYPE_PALETTE, {1, 0}, false, palette, {255, 0}), "tRNS");
  EXPECT_EQ(clear.pixels, (std::vector<std::uint8_t>{0, 0, 0, 10, 20, 30}));

  const Picture over_black =
      decode_bytes(png_of(2, 1, 8, PNG_COLOR_TYPE_RGBA, {200, 100, 50, 128, 9, 9, 9, 255}), "alpha");
  EXPECT_EQ(over_black.pixels, (std::vector<std::uint8_t>{100, 50, 25, 9, 9, 9}));
  const Picture grey_alpha = decode_bytes(png_of(1, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {200, 51}), "grey with alpha");
  EXPECT_EQ(grey_alpha.pixels, (std::vector<std::uint8_t>{40, 40, 40}));
}

#ifdef JOIST_HAS_WEBP
TEST(Webp, KeepsEveryPixelAndKnowsItsSize) {
  const Picture picture = gradient(37, 23);
  std::uint8_t* bytes = nullptr;
  const std::size_t size = WebPEncodeLosslessRGB(picture.pixels.data(), 37, 23, 37 * 3, &bytes);
  const std::string lossless(bytes, bytes + size);
  WebPFree(bytes);
  EXPECT_EQ(decode_bytes(lossless, "a.webp"), picture);
  const std::size_t lossy_size = WebPEncodeRGB(smooth(64, 48).pixels.data(), 64, 48, 64 * 3, 95, &bytes);
  const std::string lossy(bytes, bytes + lossy_size);
  WebPFree(bytes);
  EXPECT_LT(mean_difference(decode_bytes(lossy, "a.webp"), smooth(64, 48)), 4);
  for (std::size_t length = 0; length < lossy.size(); ++length) {
    data_error([&] { decode_bytes(lossy.substr(0, length), "cut.webp"); });
  }
}
#endif

TEST(Decode, GoesByContentNotByName) {
  const TemporaryFolder folder;
  const Picture picture = gradient(20, 10);
  EXPECT_EQ(decode(folder.write("安全帽.jpg", text(encode_png(picture)))), picture);
  EXPECT_EQ(probe(folder / "安全帽.jpg").format, "PNG");
}

TEST(Decode, SaysWhatIsNoPicture) {
  const TemporaryFolder folder;
  EXPECT_HAS(data_error([&] { decode(folder / "none.jpg"); }), "none.jpg: no such file");
  const std::vector<std::pair<std::string, std::string>> files = {
      {"", "empty"},
      {"GIF89a", "GIF"},
      {"version https://git-lfs.github.com/spec/v1\n", "Git LFS"},
      {"<html>", "web page"},
      {"hello", "none of them"}};
  for (const auto& [content, expected] : files) {
    const std::string message = data_error([&] { decode(folder.write("site.jpg", content)); });
    EXPECT_HAS(message, "site.jpg: not a picture");
    EXPECT_HAS(message, expected);
    EXPECT_HAS(data_error([&] { probe(folder / "site.jpg"); }), "not a picture");
  }
}

TEST(Decode, RefusesATruncatedFileAtEveryLength) {
  const Picture picture = smooth(40, 30);
  const std::vector<std::pair<std::string, std::string>> files = {
      {"baseline.jpg", text(encode_jpeg(picture, 80))},
      {"progressive.jpg", jpeg_of(40, 30, 3, JCS_RGB, picture.pixels, true)},
      {"plain.png", text(encode_png(picture))},
      {"interlaced.png", png_of(40, 30, 8, PNG_COLOR_TYPE_RGB, picture.pixels, true)}};
  const TemporaryFolder folder;
  for (const auto& [name, bytes] : files) {
    EXPECT_NO_THROW(decode_bytes(bytes, name));
    EXPECT_TRUE(has_end(folder.write(name, bytes)));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const std::string message = data_error([&] { decode_bytes(bytes.substr(0, length), name); });
      EXPECT_EQ(message.find(name), 0U) << message;
    }
    EXPECT_FALSE(has_end(folder.write(name, bytes.substr(0, bytes.size() - 2))));
    EXPECT_NO_THROW(decode_bytes(bytes + "trailing bytes", name)) << "cameras put previews behind the picture";
    EXPECT_TRUE(has_end(folder.write(name, bytes + "trailing bytes")));
  }
}

TEST(Decode, AThumbnailsEndIsNotThePicturesEnd) {
  const TemporaryFolder folder;
  const std::string plain = text(encode_jpeg(smooth(40, 30), 80));
  const std::string thumbnail = "Exif\0\0"s + plain;
  const std::string segment = "\xFF\xE1" + std::string(1, static_cast<char>((thumbnail.size() + 2) >> 8U)) +
                              static_cast<char>((thumbnail.size() + 2) & 0xFFU) + thumbnail;
  const std::string whole = plain.substr(0, 2) + segment + plain.substr(2);
  EXPECT_TRUE(has_end(folder.write("a.jpg", whole)));
  EXPECT_FALSE(has_end(folder.write("a.jpg", whole.substr(0, whole.size() - 10))));
}

TEST(Decode, RefusesClaimsBeforeTakingMemory) {
  const TemporaryFolder folder;
  for (const auto& [name, bytes] : std::vector<std::pair<std::string, std::string>>{
           {"bomb.png", png_bomb(60000, 60000)}, {"bomb.jpg", jpeg_bomb(60000, 60000)}}) {
    const std::string message = data_error([&] { decode(folder.write(name, bytes)); });
    EXPECT_HAS(message, name);
    EXPECT_HAS(message, "60000×60000");
    EXPECT_EQ(probe(folder / name).width, 60000) << "the header itself is readable";
  }
  // Below the limit, but far more than so few bytes can say.
  EXPECT_HAS(data_error([&] { decode_bytes(png_bomb(9000, 9000), "small.png"); }), "cannot hold 9000×9000");
  EXPECT_HAS(data_error([&] { decode_bytes(jpeg_bomb(9000, 9000), "small.jpg"); }), "cannot hold 9000×9000");
  EXPECT_HAS(data_error([&] { decode_bytes(text(encode_png(Picture(50, 50))), "a.png", {.max_pixels = 2499}); }),
             "50×50");
  EXPECT_NO_THROW(decode_bytes(text(encode_png(Picture(50, 50))), "a.png", {.max_pixels = 2500}));
  folder.write("a.png", text(encode_png(Picture(50, 50))));
  EXPECT_HAS(data_error([&] { decode(folder / "a.png", {.max_bytes = 20}); }), "at most 20");
  for (const auto& bytes : {png_bomb(0, 7), jpeg_bomb(0, 7), jpeg_bomb(7, 0), png_bomb(0xFFFFFFFF, 7)}) {
    data_error([&] { decode_bytes(bytes, "zero"); });
  }
}

TEST(Decode, SurvivesAnyChangedBytes) {
  const Picture picture = smooth(40, 30);
  std::vector<std::string> files = {text(encode_jpeg(picture, 80)), jpeg_of(40, 30, 3, JCS_RGB, picture.pixels, true),
                                    with_exif(text(encode_jpeg(picture, 80)), 6), text(encode_png(picture)),
                                    png_of(40, 30, 8, PNG_COLOR_TYPE_RGB, picture.pixels, true)};
  std::mt19937 random(7);
  std::size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = files[static_cast<std::size_t>(round) % files.size()];
    for (int change = 0; change < 1 + round % 4; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      const Picture decoded = decode_bytes(bytes, "changed", {.max_pixels = 1'000'000});
      EXPECT_FALSE(decoded.is_empty());
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500U);
}

TEST(Encode, WritesInOneStepAndMakesFolders) {
  const TemporaryFolder folder;
  write_png(folder / "new/folder/图.png", gradient(9, 9));
  EXPECT_EQ(decode(folder / "new/folder/图.png"), gradient(9, 9));
  write_jpeg(folder / "a.jpg", gradient(9, 9), 100);
  EXPECT_EQ(probe(folder / "a.jpg").format, "JPEG");
  EXPECT_THROW(write_png(folder / "a.jpg/b.png", gradient(9, 9)), EnvironmentError);
  EXPECT_THROW(encode_png(Picture()), UsageError);
  EXPECT_THROW(encode_jpeg(Picture()), UsageError);
  EXPECT_THROW(encode_jpeg(Picture(70000, 1)), UsageError);
}

}  // namespace
}  // namespace joist::test
