// ZIP archives as checkpoints use them: members stored or deflated, read through the central directory, with ZIP64.
// Nothing is ever unpacked onto the disk.
#pragma once

#include <joist/core/formats/input.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace joist {

struct ZipMember {
  std::uint64_t offset = 0;  ///< of the payload
  std::uint64_t packed = 0;  ///< its bytes in the file
  std::uint64_t size = 0;    ///< unpacked
  std::uint32_t checksum = 0;
  bool deflated = false;
};

class ZipReader {
 public:
  /// Throws DataError for a file that is no sound archive: names twice, members that overlap or lie outside, sizes that
  /// compression cannot reach or that come to more than 64 MiB + 32 times the file; UnsupportedError for encryption and
  /// for other methods than stored and deflate.
  explicit ZipReader(Input input);

  const std::vector<std::string>& names() const noexcept { return names_; }  ///< in the directory's order
  bool has(const std::string& name) const { return members_.contains(name); }
  /// The bytes of a member: a part of the archive, or unpacked ones whose checksum was verified. (That of stored ones
  /// is not: PyTorch can be told to write a wrong one.) Throws DataError when it is missing or damaged.
  Input open(const std::string& name) const;
  const std::string& where() const noexcept { return input_.where(); }
  std::uint64_t size() const noexcept { return input_.size(); }  ///< of the whole archive

 private:
  void read_directory();
  void require_apart(std::uint64_t directory) const;

  Input input_;
  std::vector<std::string> names_{};
  std::map<std::string, ZipMember> members_{};
};

/// Makes an archive of stored members in memory; the same members give the same bytes.
class ZipWriter {
 public:
  /// Payloads begin at multiples of `alignment`.
  explicit ZipWriter(std::size_t alignment = 1) : alignment_(alignment) {}
  void add(const std::string& name, std::span<const std::byte> bytes);
  void add(const std::string& name, std::string_view text) { add(name, std::as_bytes(std::span(text))); }
  std::vector<std::byte> finish();

 private:
  struct Entry {
    std::string name;
    std::uint64_t offset, size;
    std::uint32_t checksum;
  };
  std::size_t alignment_;
  std::vector<std::byte> bytes_{};
  std::vector<Entry> entries_{};
};

}  // namespace joist
