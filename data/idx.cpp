#include <joist/core/error.h>
#include <joist/data/idx.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <numeric>

#include <zlib.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw DataError(
      {.where = path, .what = what, .expected = "a complete IDX file", .remedy = "copy or install it again"});
}

/// A gzip or plain file, read from front to back.
class Stream {
 public:
  explicit Stream(std::string path) : path_(std::move(path)), file_(gzopen(path_.c_str(), "rb"), &gzclose) {
    if (!file_) fail(path_, "cannot be opened");
  }

  void read(std::uint8_t* out, std::size_t count) {
    constexpr std::size_t step = std::size_t{1} << 30;
    while (count > 0) {
      const auto wanted = static_cast<unsigned>(std::min(count, step));
      const int got = gzread(file_.get(), out, wanted);
      if (got < 0) fail(path_, "damaged gzip data");
      if (got == 0) fail(path_, "the file ends too early");
      out += got;
      count -= static_cast<std::size_t>(got);
    }
  }

  bool is_compressed() { return gzdirect(file_.get()) == 0; }

  bool is_at_end() {
    std::uint8_t byte = 0;
    const int got = gzread(file_.get(), &byte, 1);
    int code = Z_OK;
    gzerror(file_.get(), &code);  // a missing checksum is told only here
    if (code == Z_BUF_ERROR) fail(path_, "the file ends too early");
    if (got < 0) fail(path_, "damaged gzip data");
    return got == 0;
  }

 private:
  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

std::string existing(const fs::path& plain) {
  for (const fs::path& path : {plain, fs::path(plain) += ".gz"}) {
    if (fs::exists(path)) return path.string();
  }
  throw DataError({.where = plain.string(),
                   .what = "no such file, nor with .gz",
                   .remedy = "for Fashion-MNIST install the package dataset-fashion-mnist"});
}

}  // namespace

IdxArray read_idx(const std::string& path) {
  std::error_code error;
  const auto file_size = fs::file_size(path, error);
  if (error) fail(path, "cannot be read: " + error.message());
  Stream stream(path);
  std::array<std::uint8_t, 4> magic{};
  stream.read(magic.data(), magic.size());
  const std::size_t axes = magic[3];
  if (magic[0] != 0 || magic[1] != 0 || axes < 1 || axes > 4) fail(path, "not an IDX file");
  constexpr unsigned unsigned_byte = 0x08;
  if (magic[2] != unsigned_byte) {
    throw UnsupportedError({.where = path,
                            .what = "IDX values of type " + std::to_string(magic[2]),
                            .expected = "unsigned bytes (type 8)"});
  }
  IdxArray array;
  std::uint64_t count = 1;
  constexpr std::uint64_t deflate_limit = 1032;  // bytes from one
  constexpr std::uint64_t max_bytes = std::uint64_t{1} << 32;
  const std::uint64_t most = std::min(max_bytes, file_size * (stream.is_compressed() ? deflate_limit : 1));
  for (std::size_t axis = 0; axis < axes; ++axis) {
    std::array<std::uint8_t, 4> bytes{};
    stream.read(bytes.data(), bytes.size());
    const std::uint64_t length = std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0},
                                                 [](std::uint64_t sum, std::uint8_t byte) { return sum << 8U | byte; });
    array.shape.push_back(static_cast<std::int64_t>(length));
    if (length != 0 && count > most / length) fail(path, "the header claims more than the file can hold");
    count *= length;
  }
  array.values.resize(count);
  stream.read(array.values.data(), array.values.size());
  if (!stream.is_at_end())
    fail(path, "the file goes on behind the " + std::to_string(count) + " bytes that its header claims");
  return array;
}

IdxSet read_idx_set(const std::string& folder, const std::string& split) {
  const std::string pixels_path = existing(fs::path(folder) / (split + "-images-idx3-ubyte"));
  const std::string labels_path = existing(fs::path(folder) / (split + "-labels-idx1-ubyte"));
  IdxArray pixels = read_idx(pixels_path);
  IdxArray labels = read_idx(labels_path);
  if (pixels.shape.size() != 3)
    fail(pixels_path, "not pictures: " + std::to_string(pixels.shape.size()) + " axes instead of 3");
  if (labels.shape.size() != 1)
    fail(labels_path, "not labels: " + std::to_string(labels.shape.size()) + " axes instead of 1");
  if (labels.shape[0] != pixels.shape[0]) {
    fail(labels_path, std::to_string(labels.shape[0]) + " labels for " + std::to_string(pixels.shape[0]) + " pictures");
  }
  constexpr std::int64_t max_side = 1 << 16;
  if (pixels.shape[1] > max_side || pixels.shape[2] > max_side)
    fail(pixels_path, "pictures of more than 65,536 pixels a side");
  return {.count = pixels.shape[0],
          .height = static_cast<int>(pixels.shape[1]),
          .width = static_cast<int>(pixels.shape[2]),
          .pixels = std::move(pixels.values),
          .labels = std::move(labels.values)};
}

}  // namespace joist
