#include <joist/core/error.h>
#include <joist/core/formats/system_error.h>
#include <joist/core/formats/zip.h>
#include <joist/core/text.h>

#include <algorithm>
#include <limits>
#include <optional>

#include <zlib.h>

namespace joist {
namespace {

constexpr std::uint32_t end_signature = 0x06054b50, end64_signature = 0x06064b50, locator_signature = 0x07064b50,
                        entry_signature = 0x02014b50, local_signature = 0x04034b50;
constexpr std::uint64_t end_bytes = 22, locator_bytes = 20, entry_bytes = 46, local_bytes = 30;

struct Directory {
  std::uint64_t entries = 0, offset = 0, size = 0;
};

[[noreturn]] void refuse(const Input& input, const std::string& what) {
  throw DataError({.where = input.where(),
                   .what = what,
                   .expected = "a sound ZIP archive",
                   .remedy = "it is cut off, damaged or made to do harm: get it again from where it was made"});
}

std::uint32_t u32_at(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
std::uint16_t u16_at(std::span<const std::byte> bytes, std::size_t at) {
  std::uint16_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The record that ends the file. Its comment must reach exactly to the end: a tensor may hold bytes that look like one.
Directory find_directory(const Input& input) {
  if (input.size() < end_bytes) refuse(input, "is too short for a ZIP archive");
  const std::uint64_t tail_size = std::min<std::uint64_t>(input.size(), end_bytes + 0xFFFF);
  const std::uint64_t tail_begin = input.size() - tail_size;
  const std::vector<std::byte> tail = input.bytes(tail_begin, tail_size);
  for (std::size_t at = tail.size() - end_bytes + 1; at-- > 0;) {
    if (u32_at(tail, at) != end_signature || at + end_bytes + u16_at(tail, at + 20) != tail.size()) continue;
    if (u16_at(tail, at + 4) != 0 || u16_at(tail, at + 6) != 0) refuse(input, "is one part of several");
    const std::uint64_t end_at = tail_begin + at;
    Directory directory{u16_at(tail, at + 10), u32_at(tail, at + 16), u32_at(tail, at + 12)};
    if (end_at >= locator_bytes) {
      InputReader locator(input, end_at - locator_bytes);
      if (locator.number<std::uint32_t>() == locator_signature) {
        locator.skip(4);
        const auto end64 = locator.number<std::uint64_t>();
        if (end64 > end_at - locator_bytes) refuse(input, "its ZIP64 record lies outside");
        InputReader record(input, end64);
        if (record.number<std::uint32_t>() != end64_signature) refuse(input, "has no ZIP64 record where it should be");
        record.skip(28);
        directory.entries = record.number<std::uint64_t>();
        directory.size = record.number<std::uint64_t>();
        directory.offset = record.number<std::uint64_t>();
      }
    }
    if (directory.offset > end_at || directory.size > end_at - directory.offset ||
        directory.entries > directory.size / entry_bytes)
      refuse(input, "its directory lies outside the file");
    return directory;
  }
  refuse(input, "has no directory at its end");
}

// Sizes and offset that are all ones stand in the ZIP64 extra field, in this order.
void read_zip64(const Input& input, const std::string& extra, std::uint64_t& size, std::uint64_t& packed,
                std::uint64_t& offset) {
  constexpr std::uint64_t absent = 0xFFFFFFFF;
  const auto bytes = std::as_bytes(std::span(extra));
  for (std::size_t at = 0; at + 4 <= bytes.size();) {
    const std::size_t length = u16_at(bytes, at + 2);
    if (length > bytes.size() - at - 4) refuse(input, "has a damaged directory entry");
    if (u16_at(bytes, at) == 1) {
      std::size_t field = at + 4;
      for (std::uint64_t* value : {&size, &packed, &offset}) {
        if (*value != absent) continue;
        if (field + 8 > at + 4 + length) refuse(input, "has a damaged ZIP64 entry");
        std::memcpy(value, bytes.data() + field, 8);
        field += 8;
      }
      return;
    }
    at += 4 + length;
  }
}

std::vector<std::byte> inflate_member(const Input& packed, std::uint64_t size) {
  std::vector<std::byte> source = packed.bytes(0, packed.size());
  std::vector<std::byte> target(static_cast<std::size_t>(size));
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  std::size_t taken = 0, made = 0;
  int state = Z_OK;
  std::byte none{};  // zlib wants a target even when nothing is to come
  do {
    constexpr std::size_t most = std::numeric_limits<uInt>::max() / 2;
    const std::size_t in = std::min(source.size() - taken, most), out = std::min(target.size() - made, most);
    stream.next_in = reinterpret_cast<Bytef*>(source.data() + taken);
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out == 0 ? &none : target.data() + made);
    stream.avail_out = static_cast<uInt>(out);
    state = inflate(&stream, Z_NO_FLUSH);
    const std::size_t took = in - stream.avail_in, gave = out - stream.avail_out;
    taken += took;
    made += gave;
    if (took == 0 && gave == 0 && state != Z_STREAM_END) break;
  } while (state == Z_OK || state == Z_BUF_ERROR);
  inflateEnd(&stream);
  if (state != Z_STREAM_END || made != target.size()) refuse(packed, "cannot be unpacked");
  return target;
}

}  // namespace

ZipReader::ZipReader(Input input) : input_(std::move(input)) { read_directory(); }

void ZipReader::read_directory() {
  const Directory directory = find_directory(input_);
  InputReader reader(input_.part(directory.offset, directory.size));
  std::uint64_t unpacked = 0;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (reader.number<std::uint32_t>() != entry_signature) refuse(input_, "has a damaged directory");
    reader.skip(4);
    const auto flags = reader.number<std::uint16_t>(), method = reader.number<std::uint16_t>();
    reader.skip(4);
    ZipMember member;
    member.checksum = reader.number<std::uint32_t>();
    member.packed = reader.number<std::uint32_t>();
    member.size = reader.number<std::uint32_t>();
    const auto name_bytes = reader.number<std::uint16_t>(), extra_bytes = reader.number<std::uint16_t>(),
               comment_bytes = reader.number<std::uint16_t>();
    reader.skip(8);
    member.offset = reader.number<std::uint32_t>();
    const std::string name = reader.text(name_bytes, 0xFFFF), extra = reader.text(extra_bytes, 0xFFFF);
    reader.skip(comment_bytes);
    if (!is_printable(name)) refuse(input_, "has a member whose name is not UTF-8 text");
    if ((flags & 1U) != 0)
      throw UnsupportedError({.where = input_.where(), .what = "is an encrypted archive", .remedy = "unpack it first"});
    if (method != 0 && method != 8)
      throw UnsupportedError({.where = input_.where(),
                              .what = "\"" + name + "\" is compressed by method " + std::to_string(method),
                              .expected = "members stored or deflated"});
    read_zip64(input_, extra, member.size, member.packed, member.offset);
    member.deflated = method == 8;
    // Deflate reaches 1032 : 1.
    if (!member.deflated ? member.size != member.packed : member.size / 1040 > member.packed)
      refuse(input_, "\"" + name + "\" has sizes that cannot be");
    if (member.deflated) {
      unpacked += std::min(member.size, std::uint64_t{1} << 62U);
      if (unpacked > (std::uint64_t{64} << 20U) + 32 * input_.size())
        refuse(input_, "would unpack to more than 64 MiB + 32 times its size");
    }
    InputReader local(input_, std::min(member.offset, input_.size()));
    if (local.left() < local_bytes || local.number<std::uint32_t>() != local_signature)
      refuse(input_, "\"" + name + "\" does not lie where the directory says");
    local.skip(22);
    const auto local_name = local.number<std::uint16_t>(), local_extra = local.number<std::uint16_t>();
    member.offset += local_bytes + local_name + local_extra;
    if (member.offset > directory.offset || member.packed > directory.offset - member.offset)
      refuse(input_, "\"" + name + "\" reaches outside the file");
    if (!members_.emplace(name, member).second) refuse(input_, "has two members \"" + name + "\"");
    names_.push_back(name);
  }
  require_apart(directory.offset);
}

void ZipReader::require_apart(std::uint64_t directory) const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [name, member] : members_)
    if (member.packed > 0) ranges.emplace_back(member.offset, member.offset + member.packed);
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 0; i < ranges.size(); ++i)
    if (ranges[i].second > (i + 1 < ranges.size() ? ranges[i + 1].first : directory))
      refuse(input_, "has members that overlap");
}

Input ZipReader::open(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) refuse(input_, "has no member \"" + printable(name) + "\"");
  const ZipMember& member = found->second;
  const Input payload = input_.part(member.offset, member.packed, name);
  if (!member.deflated) return payload;
  std::vector<std::byte> bytes = inflate_member(payload, member.size);
  const auto checksum = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  if (checksum != member.checksum) refuse(payload, "has a wrong checksum");
  return Input::memory(payload.where(), std::move(bytes));
}

}  // namespace joist
