#include <joist/core/error.h>
#include <joist/data/files.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include <unistd.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

struct OpenFile {
  File file;
  std::int64_t size;
};

OpenFile open_regular(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw DataError({.where = path, .what = "no such file", .remedy = "check the path"});
  if (fs::is_directory(status)) {
    throw DataError({.where = path, .what = "is a folder", .expected = "a file", .remedy = "give a file in it"});
  }
  if (!fs::is_regular_file(status)) {
    throw DataError({.where = path, .what = "is not a regular file", .expected = "a file with a known size"});
  }
  const auto size = fs::file_size(path, error);
  File file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (error || !file) {
    throw DataError({.where = path,
                     .what = std::string("cannot be opened: ") + std::strerror(error ? error.value() : errno),
                     .remedy = "check its permissions"});
  }
  return {std::move(file), static_cast<std::int64_t>(size)};
}

std::string read_exactly(const OpenFile& open, const std::string& path, std::int64_t count) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  if (std::fread(bytes.data(), 1, bytes.size(), open.file.get()) != bytes.size()) {
    throw DataError({.where = path, .what = "cannot be read to its end", .remedy = "check the disk and try again"});
  }
  return bytes;
}

[[noreturn]] void cannot_write(const std::string& path, const std::string& why) {
  throw EnvironmentError(
      {.where = path, .what = "cannot be written: " + why, .remedy = "check the folder and the disk"});
}

}  // namespace

std::string read_bytes(const std::string& path, std::int64_t max_bytes) {
  const OpenFile open = open_regular(path);
  if (open.size > max_bytes) {
    throw DataError({.where = path,
                     .what = "holds " + std::to_string(open.size) + " bytes",
                     .expected = "at most " + std::to_string(max_bytes)});
  }
  return read_exactly(open, path, open.size);
}

std::string read_head(const std::string& path, std::int64_t count) {
  const OpenFile open = open_regular(path);
  return read_exactly(open, path, std::min(count, open.size));
}

std::string read_tail(const std::string& path, std::int64_t count) {
  const OpenFile open = open_regular(path);
  const std::int64_t skipped = std::max<std::int64_t>(0, open.size - count);
  if (std::fseek(open.file.get(), static_cast<long>(skipped), SEEK_SET) != 0) {
    throw DataError({.where = path, .what = "cannot be read to its end", .remedy = "check the disk and try again"});
  }
  return read_exactly(open, path, open.size - skipped);
}

void write_bytes(const std::string& path, std::span<const std::uint8_t> bytes) {
  std::error_code error;
  if (const auto folder = fs::path(path).parent_path(); !folder.empty()) {
    fs::create_directories(folder, error);
    if (error) cannot_write(path, error.message());
  }
  // Beside the target, so that the rename stays on one file system.
  const std::string part = path + ".part" + std::to_string(::getpid());
  File file(std::fopen(part.c_str(), "wb"), &std::fclose);
  if (!file) cannot_write(path, std::strerror(errno));
  bool good = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  good = std::fclose(file.release()) == 0 && good;
  const int reason = errno;
  if (good) fs::rename(part, path, error);
  if (!good || error) {
    std::error_code ignored;
    fs::remove(part, ignored);
    cannot_write(path, error ? error.message() : std::strerror(reason));
  }
}

void write_bytes(const std::string& path, const std::string& text) {
  write_bytes(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string utf8(const std::filesystem::path& path) {
  const auto text = path.generic_u8string();
  return std::string(text.begin(), text.end());
}

}  // namespace joist
