#include <joist/core/formats/zip.h>

#include <algorithm>

#include <zlib.h>

namespace joist {
namespace {

constexpr std::uint64_t limit32 = 0xFFFFFFFF;

template <class Number>
void put(std::vector<std::byte>& to, Number number) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&number);
  to.insert(to.end(), bytes, bytes + sizeof number);
}
void put(std::vector<std::byte>& to, const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  to.insert(to.end(), bytes.begin(), bytes.end());
}
std::uint32_t clipped(std::uint64_t value) { return static_cast<std::uint32_t>(std::min(value, limit32)); }

// Version needed, UTF-8 names, method 0, the first of January 1980.
void put_common(std::vector<std::byte>& to) {
  put(to, std::uint16_t{45});
  put(to, std::uint16_t{0x0800});
  put(to, std::uint16_t{0});
  put(to, std::uint16_t{0});
  put(to, std::uint16_t{0x21});
}

}  // namespace

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  const std::uint64_t offset = bytes_.size();
  const bool large = bytes.size() >= limit32;
  const auto checksum =
      static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  entries_.push_back({name, offset, bytes.size(), checksum});
  put(bytes_, std::uint32_t{0x04034b50});
  put_common(bytes_);
  put(bytes_, checksum);
  put(bytes_, large ? static_cast<std::uint32_t>(limit32) : clipped(bytes.size()));
  put(bytes_, large ? static_cast<std::uint32_t>(limit32) : clipped(bytes.size()));
  put(bytes_, static_cast<std::uint16_t>(name.size()));
  // The padding that PyTorch uses too: an extra field "FB".
  const std::size_t fixed = static_cast<std::size_t>(offset) + 30 + name.size() + (large ? 20 : 0) + 4;
  const std::size_t padding = alignment_ > 1 ? (alignment_ - fixed % alignment_) % alignment_ : 0;
  put(bytes_, static_cast<std::uint16_t>((large ? 20 : 0) + (alignment_ > 1 ? 4 + padding : 0)));
  put(bytes_, name);
  if (large) {
    put(bytes_, std::uint16_t{1});
    put(bytes_, std::uint16_t{16});
    put(bytes_, std::uint64_t{bytes.size()});
    put(bytes_, std::uint64_t{bytes.size()});
  }
  if (alignment_ > 1) {
    put(bytes_, std::string("FB"));
    put(bytes_, static_cast<std::uint16_t>(padding));
    bytes_.insert(bytes_.end(), padding, std::byte{'Z'});
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::vector<std::byte> ZipWriter::finish() {
  const std::uint64_t directory = bytes_.size();
  for (const auto& [name, offset, size, checksum] : entries_) {
    const bool large = size >= limit32 || offset >= limit32;
    put(bytes_, std::uint32_t{0x02014b50});
    put(bytes_, std::uint16_t{45});
    put_common(bytes_);
    put(bytes_, checksum);
    put(bytes_, large ? static_cast<std::uint32_t>(limit32) : clipped(size));
    put(bytes_, large ? static_cast<std::uint32_t>(limit32) : clipped(size));
    put(bytes_, static_cast<std::uint16_t>(name.size()));
    put(bytes_, static_cast<std::uint16_t>(large ? 28 : 0));
    put(bytes_, std::uint16_t{0});
    put(bytes_, std::uint32_t{0});
    put(bytes_, std::uint32_t{0});
    put(bytes_, large ? static_cast<std::uint32_t>(limit32) : clipped(offset));
    put(bytes_, name);
    if (large) {
      put(bytes_, std::uint16_t{1});
      put(bytes_, std::uint16_t{24});
      put(bytes_, size);
      put(bytes_, size);
      put(bytes_, offset);
    }
  }
  const std::uint64_t directory_bytes = bytes_.size() - directory, end64 = bytes_.size();
  if (directory >= limit32 || entries_.size() >= 0xFFFF) {
    put(bytes_, std::uint32_t{0x06064b50});
    put(bytes_, std::uint64_t{44});
    put(bytes_, std::uint16_t{45});
    put(bytes_, std::uint16_t{45});
    put(bytes_, std::uint64_t{0});  // this disk, the directory's disk
    put(bytes_, std::uint64_t{entries_.size()});
    put(bytes_, std::uint64_t{entries_.size()});
    put(bytes_, directory_bytes);
    put(bytes_, directory);
    put(bytes_, std::uint32_t{0x07064b50});
    put(bytes_, std::uint32_t{0});
    put(bytes_, end64);
    put(bytes_, std::uint32_t{1});
  }
  put(bytes_, std::uint32_t{0x06054b50});
  put(bytes_, std::uint32_t{0});
  const auto count = static_cast<std::uint16_t>(std::min<std::size_t>(entries_.size(), 0xFFFF));
  put(bytes_, count);
  put(bytes_, count);
  put(bytes_, clipped(directory_bytes));
  put(bytes_, clipped(directory));
  put(bytes_, std::uint16_t{0});
  return std::move(bytes_);
}

}  // namespace joist
