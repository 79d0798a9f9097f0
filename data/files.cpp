#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/data/files.h>

#include <algorithm>
#include <fstream>
#include <system_error>

namespace joist {
namespace {

namespace fs = std::filesystem;

/// `count` bytes of a file from its beginning or end.
std::string read_part(const std::string& path, std::int64_t count, bool is_tail) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw DataError({.where = path, .what = "no such file", .remedy = "check the path"});
  if (!fs::is_regular_file(status)) {
    throw DataError({.where = path,
                     .what = fs::is_directory(status) ? "is a folder" : "is a device, pipe or socket",
                     .expected = "a file"});
  }
  const auto size = static_cast<std::int64_t>(fs::file_size(path, error));
  std::ifstream file(path, std::ios::binary);
  std::string bytes(static_cast<std::size_t>(std::min(count, error ? 0 : size)), '\0');
  if (is_tail) file.seekg(-static_cast<std::streamoff>(bytes.size()), std::ios::end);
  if (error || !file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw DataError({.where = path, .what = "cannot be read", .remedy = "check its permissions and the disk"});
  }
  return bytes;
}

}  // namespace

std::string read_bytes(const std::string& path, std::int64_t max_bytes) {
  const auto bytes = read_file(path, static_cast<std::uint64_t>(max_bytes));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read_head(const std::string& path, std::int64_t count) { return read_part(path, count, false); }

std::string read_tail(const std::string& path, std::int64_t count) { return read_part(path, count, true); }

void write_bytes(const std::string& path, std::span<const std::uint8_t> bytes) {
  if (const auto folder = fs::path(path).parent_path(); !folder.empty()) ensure_folder(folder);
  store_file(path, std::as_bytes(bytes));
}

void write_bytes(const std::string& path, const std::string& text) {
  write_bytes(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string utf8(const fs::path& path) {
  const auto text = path.generic_u8string();
  return std::string(text.begin(), text.end());
}

}  // namespace joist
