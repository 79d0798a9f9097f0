// Bytes that a format is read from: a file, of which only what is asked for is read, or memory. Parsers see nothing
// else, so that one parser serves files, members of archives and tests.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace joist {

/// A range of bytes of a file or of memory. Copies share it.
class Input {
 public:
  /// A regular file, opened now and read later. Throws DataError when it is missing or no regular file,
  /// EnvironmentError when it may not be read.
  static Input file(const std::filesystem::path& path);
  /// The file `name` somewhere below `folder`, for files that name others. Throws DataError unless `name` is a relative
  /// path without "..", no part of it is a link, and it is a regular file that has no second name (hard link).
  static Input beneath(const std::filesystem::path& folder, const std::string& name);
  /// `where` stands in messages.
  static Input memory(std::string where, std::vector<std::byte> bytes);

  const std::string& where() const noexcept { return where_; }
  std::uint64_t size() const noexcept { return size_; }
  /// Fills `to` from `offset` on. Throws DataError where that lies beyond the end, or when the file became shorter.
  void read(std::uint64_t offset, std::span<std::byte> to) const;
  /// A copy. Throws DataError beyond the end, EnvironmentError when memory is short; sizes are checked before memory is
  /// taken.
  std::vector<std::byte> bytes(std::uint64_t offset, std::uint64_t count) const;
  /// A range of this one. Throws DataError beyond the end.
  Input part(std::uint64_t offset, std::uint64_t count, const std::string& name = {}) const;

  class Bytes;

 private:
  Input(std::string where, std::shared_ptr<const Bytes> bytes, std::uint64_t offset, std::uint64_t size)
      : where_(std::move(where)), bytes_(std::move(bytes)), offset_(offset), size_(size) {}
  void require(std::uint64_t offset, std::uint64_t count) const;

  std::string where_;
  std::shared_ptr<const Bytes> bytes_;
  std::uint64_t offset_, size_;
};

/// Reads an Input from front to back, little-endian numbers; errors name the byte.
class InputReader {
 public:
  explicit InputReader(Input input, std::uint64_t position = 0) : input_(std::move(input)), position_(position) {}

  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t left() const noexcept { return input_.size() - position_; }
  template <class Number>
  Number number(bool big_endian = false) {
    std::byte bytes[sizeof(Number)];
    take(bytes);
    if (big_endian != (std::endian::native == std::endian::big))
      for (std::size_t i = 0; i < sizeof(Number) / 2; ++i) std::swap(bytes[i], bytes[sizeof(Number) - 1 - i]);
    Number value;
    std::memcpy(&value, bytes, sizeof(Number));
    return value;
  }
  /// `count` bytes as text. Throws DataError when more than `most`.
  std::string text(std::uint64_t count, std::uint64_t most);
  /// Up to the next newline, which is taken too. Throws DataError when longer than `most`.
  std::string line(std::uint64_t most);
  void skip(std::uint64_t count);
  /// Throws DataError: "what, at byte N".
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  void take(std::span<std::byte> to);

  Input input_;
  std::uint64_t position_;
  std::vector<std::byte> buffer_{};  // of the input from buffer_begin_ on
  std::uint64_t buffer_begin_ = 0;
};

}  // namespace joist
