#include <joist/core/error.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/hdf5_helper.h>
#include <joist/core/formats/sha256.h>
#include <joist/core/formats/store.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <set>

namespace joist {
namespace {

using Bytes = std::span<const std::byte>;

// --- the user block: every byte of it follows from the bytes after it, so that it is checked by making it again ---

constexpr std::size_t block_bytes = 512;
constexpr int layout_version = 1;
// Stands at both ends of the block: no single damaged byte makes an own file look like a foreign one.
constexpr std::string_view magic = "joist archive\n";

std::string user_block(std::size_t file_bytes, Bytes after) {
  std::string block(magic);
  block += "version " + std::to_string(layout_version) + "\nbytes " + std::to_string(file_bytes) + "\nsha256 " +
           hexadecimal(sha256(after)) + "\n";
  block.resize(block_bytes - magic.size());
  return block.append(magic);
}

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The number after `key` at the start of a line of the block.
std::optional<std::uint64_t> number_after(std::string_view block, std::string_view key) {
  const std::size_t at = block.find(key);
  if (at == block.npos) return {};
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (const char c : block.substr(at + key.size())) {
    if (c < '0' || c > '9' || ++digits > 18) break;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return digits > 0 && digits <= 18 ? std::optional(value) : std::nullopt;
}

// Whether these are the bytes of a file that joist wrote. Throws DataError when they are no longer whole.
bool verify_own(const std::string& where, Bytes bytes) {
  const std::string_view block = text_of(bytes.first(std::min(bytes.size(), block_bytes)));
  if (!block.starts_with(magic) && !(block.size() == block_bytes && block.ends_with(magic))) return false;
  const std::string remedy =
      "use another checkpoint of the run (best.h5, last.h5), or copy this one again from where it was made";
  const auto version = number_after(block, "\nversion ");
  if (version && *version > layout_version)
    throw DataError({.where = where,
                     .what = "is of layout version " + std::to_string(*version),
                     .expected = "at most version " + std::to_string(layout_version),
                     .remedy = "read it with a newer joist"});
  const auto size = number_after(block, "\nbytes ");
  if (bytes.size() < block_bytes || (size && *size > bytes.size()))
    throw DataError({.where = where,
                     .what = "is truncated: " + byte_count(bytes.size()) + " are there",
                     .expected = size ? byte_count(*size) : "at least " + byte_count(block_bytes),
                     .remedy = remedy});
  if (user_block(bytes.size(), bytes.subspan(block_bytes)) != block)
    throw DataError({.where = where,
                     .what = "was changed or damaged after joist wrote it: its size and SHA-256 do not fit",
                     .expected = "the bytes as they were written",
                     .remedy = remedy});
  return true;
}

void require_hdf5_signature(const std::string& where, Bytes bytes) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
  const std::string_view text = text_of(bytes);
  if (text.starts_with(signature)) return;
  for (std::size_t at = block_bytes; at < text.size(); at *= 2)
    if (text.substr(at).starts_with(signature)) return;
  const char* kind = text.empty()                     ? "is empty"
                     : text.starts_with("PK\x03\x04") ? "is a ZIP archive (.pt, .keras, .npz?), not an HDF5 file"
                     : text.starts_with("\x1f\x8b")   ? "is compressed with gzip: unpack it first"
                                                      : "is not an HDF5 file, or its beginning is damaged";
  throw DataError({.where = where,
                   .what = kind,
                   .expected = "an HDF5 file (.h5, .hdf5)",
                   .remedy = "check that this is the file you meant"});
}

// --- what may come back from a process that parsed bytes of unknown origin ---

class Answer {
 public:
  Answer(Hdf5Helper& helper, std::string where, std::uint64_t most_bytes)
      : helper_(helper), where_(std::move(where)), left_(most_bytes) {}

  Archive archive() {
    Archive archive;
    for (;;) {
      const Frame frame = helper_.receive_frame();
      charge(frame.name_bytes);
      charge(frame.data_bytes);
      charge(overhead);
      const std::string name = helper_.receive_text(frame.name_bytes);
      switch (frame.kind) {
        case FrameKind::attribute: add_attribute(archive, name, helper_.receive_text(frame.data_bytes)); break;
        case FrameKind::array: add_array(archive, name, frame); break;
        case FrameKind::skipped:
          archive.skipped.push_back({printable(name), printable(helper_.receive_text(frame.data_bytes))});
          break;
        case FrameKind::end: return archive;
        case FrameKind::failure: refuse(printable(helper_.receive_text(frame.data_bytes)).substr(0, longest_reason));
        default: refuse("the process that parsed it gave a senseless answer");
      }
    }
  }

 private:
  static constexpr std::size_t longest_reason = 1000;
  static constexpr std::uint64_t overhead = 1024;  // what an entry costs here besides its bytes, generously

  [[noreturn]] void refuse(std::string what) const {
    throw DataError({.where = where_,
                     .what = std::move(what),
                     .expected = "a sound HDF5 file",
                     .remedy = "get the file again from where it was made"});
  }

  void charge(std::uint64_t bytes) {
    if (bytes > left_) refuse("claims to hold far more than a file of its size can");
    left_ -= bytes;
  }

  static void add_attribute(Archive& archive, const std::string& name, std::string value) {
    if (is_printable(name) && is_utf8(value)) {
      archive.attributes[name] = std::move(value);
    } else {
      archive.skipped.push_back({printable(name), "attribute that is not UTF-8"});
    }
  }

  void add_array(Archive& archive, const std::string& name, const Frame& frame) {
    if (frame.dtype > static_cast<std::uint32_t>(Dtype::boolean) || frame.rank > Shape::max_rank)
      refuse("the process that parsed it gave a senseless answer");
    const auto dtype = static_cast<Dtype>(frame.dtype);
    Shape shape = Shape::filled(static_cast<int>(frame.rank), 0);
    std::int64_t elements = 1, bound = 1;  // `bound` counts an empty axis as 1: strides are products of the others
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const std::int64_t length = frame.shape[static_cast<std::size_t>(axis)];
      if (length < 0 || __builtin_mul_overflow(bound, std::max<std::int64_t>(length, 1), &bound) ||
          bound > most_elements)
        refuse("\"" + printable(name) + "\" has an impossible shape");
      elements *= length;
      shape[axis] = length;
    }
    if (static_cast<std::uint64_t>(elements) * size_of(dtype) != frame.data_bytes)
      refuse("the data of \"" + printable(name) + "\" does not fit its shape " + shape.text());
    Array array = Array::empty(shape, dtype);
    const std::span bytes(static_cast<std::byte*>(array.raw()), array.bytes());
    helper_.receive(bytes);
    if (dtype == Dtype::boolean)  // any other value in a bool is undefined behaviour
      for (std::byte& value : bytes) value = std::byte{value != std::byte{0}};
    if (name.empty() || !is_printable(name)) {
      archive.skipped.push_back({printable(name), "name that is not UTF-8 text"});
    } else {
      if (!names_.insert(name).second) refuse("two arrays have the name \"" + name + "\"");
      archive.arrays.push_back({name, std::move(array)});
    }
  }

  static constexpr std::int64_t most_elements = std::int64_t{1} << 59;  // times 8 bytes fits 63 bits

  Hdf5Helper& helper_;
  std::string where_;
  std::uint64_t left_;
  std::set<std::string> names_{};
};

std::uint64_t total_bytes(const Archive& archive) {
  std::uint64_t bytes = 0;
  for (const auto& [name, array] : archive.arrays) bytes += array.bytes() + name.size();
  for (const auto& [name, value] : archive.attributes) bytes += name.size() + value.size();
  return bytes;
}

Frame frame_of(const Array& array) {
  Frame frame{.kind = FrameKind::array,
              .dtype = static_cast<std::uint32_t>(array.dtype()),
              .rank = static_cast<std::uint32_t>(array.rank())};
  std::copy(array.shape().begin(), array.shape().end(), frame.shape.begin());
  return frame;
}

}  // namespace

void require_hdf5() { static_cast<void>(find_hdf5_helper()); }

std::vector<std::byte> hdf5_image(const Archive& archive) {
  require_writable(archive);
  const std::uint64_t bytes = total_bytes(archive);
  const std::size_t entries = archive.arrays.size() + archive.attributes.size();
  const auto refuse = [](const std::string& what) -> EnvironmentError {
    return EnvironmentError({.where = "joist-hdf5-reader",
                             .what = "could not turn the arrays into an HDF5 file: " + what,
                             .remedy = "is memory short? nothing was stored; what stood there before is unchanged"});
  };
  try {
    Hdf5Helper helper(std::chrono::seconds(60 + bytes / 20'000'000));
    helper.send(Frame{.kind = FrameKind::write});
    for (const auto& [name, value] : archive.attributes)
      helper.send(Frame{.kind = FrameKind::attribute}, name, std::as_bytes(std::span(value)));
    for (const auto& [name, array] : archive.arrays) {
      const Array row_major = row_major_copy(array);
      helper.send(frame_of(array), name, {static_cast<const std::byte*>(row_major.raw()), row_major.bytes()});
    }
    helper.send(Frame{.kind = FrameKind::end});

    const Frame answer = helper.receive_frame();
    const bool sane = answer.data_bytes <= 2 * bytes + 8192 * (entries + 64);
    if (answer.kind == FrameKind::failure && sane) throw refuse(printable(helper.receive_text(answer.data_bytes)));
    if (answer.kind != FrameKind::image || !sane || answer.data_bytes == 0 || answer.name_bytes != 0)
      throw refuse("it gave a senseless answer");
    std::vector<std::byte> image(block_bytes + answer.data_bytes);
    const std::span after = std::span(image).subspan(block_bytes);
    helper.receive(after);
    const std::string block = user_block(image.size(), after);
    std::memcpy(image.data(), block.data(), block_bytes);
    return image;
  } catch (const HelperFailure& failure) {
    throw refuse(failure.what());
  } catch (const std::bad_alloc&) {
    throw refuse("no memory left for " + byte_count(bytes));
  }
}

Archive read_hdf5(const std::filesystem::path& path) { return read_hdf5(path.string(), read_file(path)); }

Archive read_hdf5(const std::string& where, std::vector<std::byte> bytes) {
  const bool own = verify_own(where, bytes);
  require_hdf5_signature(where, bytes);

  const std::uint64_t size = bytes.size();
  const Frame request{.kind = FrameKind::read,
                      .most_bytes = (std::uint64_t{64} << 20) + 32 * size,
                      .cpu_seconds = 5 + size / 4'000'000};
  try {
    Hdf5Helper helper(std::chrono::seconds(30 + 2 * request.cpu_seconds));
    helper.send(request, {}, bytes);
    bytes = {};  // the helper has them; the arrays take their place
    Archive archive = Answer(helper, where, request.most_bytes).archive();
    archive.foreign = !own;
    return archive;
  } catch (const std::bad_alloc&) {
    throw EnvironmentError({.where = where,
                            .what = "no memory left for what it holds",
                            .remedy = "close other programs, or use a machine with more memory"});
  } catch (const HelperFailure& failure) {
    throw DataError({.where = where,
                     .what = std::string("the process that parsed the file failed: ") + failure.what(),
                     .expected = "a sound HDF5 file",
                     .remedy = own ? "its checksum is right, so look for a lack of memory, and try again"
                                   : "the file is damaged or made to do harm; get it again from where it was made"});
  }
}

}  // namespace joist
