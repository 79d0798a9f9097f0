#include <joist/core/error.h>
#include <joist/core/formats/input.h>
#include <joist/core/formats/system_error.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace joist {

namespace fs = std::filesystem;

// Either the descriptor or the memory is used.
class Input::Bytes {
 public:
  explicit Bytes(Descriptor file) : file_(std::move(file)) {}
  explicit Bytes(std::vector<std::byte> memory) : memory_(std::move(memory)) {}

  void read(const std::string& where, std::uint64_t offset, std::span<std::byte> to) const {
    if (!file_) {
      if (!to.empty()) std::memcpy(to.data(), memory_.data() + offset, to.size());
      return;
    }
    for (std::size_t done = 0; done < to.size();) {
      const ssize_t got = ::pread(file_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        throw EnvironmentError({.where = where,
                                .what = "cannot be read: " + std::system_category().message(errno),
                                .remedy = "check the disk"});
      if (got == 0)
        throw DataError({.where = where,
                         .what = "became shorter while it was read",
                         .remedy = "try again when nothing writes to it any more"});
      done += static_cast<std::size_t>(got);
    }
  }

 private:
  Descriptor file_{};
  std::vector<std::byte> memory_{};
};

namespace {

std::uint64_t size_of_regular(const std::string& where, const struct stat& status) {
  if (S_ISDIR(status.st_mode))
    throw DataError({.where = where, .what = "is a folder", .expected = "a file", .remedy = "name a file inside it"});
  if (!S_ISREG(status.st_mode))
    throw DataError({.where = where,
                     .what = "is a device, pipe or socket",
                     .expected = "a regular file",
                     .remedy = "save it as a file first"});
  return static_cast<std::uint64_t>(status.st_size);
}

[[noreturn]] void refuse_opening(const std::string& where, int code) {
  if (code == ENOENT || code == ENOTDIR || code == ENAMETOOLONG || code == ELOOP || code == ENXIO)
    throw DataError({.where = where, .what = "no such file", .remedy = "check the spelling and the folder"});
  throw EnvironmentError({.where = where,
                          .what = "cannot be read: " + std::system_category().message(code),
                          .remedy = code == EACCES ? "ask its owner for the right to read it" : "check the disk"});
}

// O_NONBLOCK: opening a pipe would wait for a writer, perhaps for ever.
constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

}  // namespace

Input Input::file(const fs::path& path) {
  Descriptor file(::open(path.c_str(), open_flags));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) refuse_opening(path.string(), errno);
  const std::uint64_t size = size_of_regular(path.string(), status);
  return {path.string(), std::make_shared<const Bytes>(std::move(file)), 0, size};
}

Input Input::beneath(const fs::path& folder, const std::string& name) {
  const std::string where = (folder / name).string();
  const auto refuse = [&](const std::string& what) -> DataError {
    return DataError({.where = where,
                      .what = what,
                      .expected = "a regular file below " + (folder.empty() ? fs::path(".") : folder).string(),
                      .remedy = "put the file itself there; a checkpoint may not reach outside its folder"});
  };
  const fs::path relative(name);
  if (name.empty() || name.find('\0') != name.npos || name.find('\\') != name.npos || relative.is_absolute() ||
      std::find(relative.begin(), relative.end(), "..") != relative.end())
    throw refuse("is named by a checkpoint and no plain relative path");
  const Descriptor at(::open(folder.empty() ? "." : folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) refuse_opening(folder.string(), errno);
  open_how how{};
  how.flags = open_flags | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  Descriptor file(static_cast<int>(::syscall(SYS_openat2, at.get(), name.c_str(), &how, sizeof how)));
  if (!file && (errno == ELOOP || errno == EXDEV)) throw refuse("is a link, or lies behind one");
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) refuse_opening(where, errno);
  const std::uint64_t size = size_of_regular(where, status);
  if (status.st_nlink != 1) throw refuse("has a second name (hard link)");
  return {where, std::make_shared<const Bytes>(std::move(file)), 0, size};
}

Input Input::memory(std::string where, std::vector<std::byte> bytes) {
  const std::uint64_t size = bytes.size();
  return {std::move(where), std::make_shared<const Bytes>(std::move(bytes)), 0, size};
}

void Input::require(std::uint64_t offset, std::uint64_t count) const {
  if (offset > size_ || count > size_ - offset)
    throw DataError({.where = where_,
                     .what = "ends after " + byte_count(size_) + "; " + byte_count(count) + " are wanted from byte " +
                             std::to_string(offset) + " on",
                     .expected = "a whole file",
                     .remedy = "it is cut off or damaged: get it again from where it was made"});
}

void Input::read(std::uint64_t offset, std::span<std::byte> to) const {
  require(offset, to.size());
  bytes_->read(where_, offset_ + offset, to);
}

std::vector<std::byte> Input::bytes(std::uint64_t offset, std::uint64_t count) const {
  require(offset, count);
  try {
    std::vector<std::byte> copy(static_cast<std::size_t>(count));
    bytes_->read(where_, offset_ + offset, copy);
    return copy;
  } catch (const std::bad_alloc&) {
    throw EnvironmentError({.where = where_,
                            .what = "no memory left for " + byte_count(count) + " of it",
                            .remedy = "close other programs, or use a machine with more memory"});
  }
}

Input Input::part(std::uint64_t offset, std::uint64_t count, const std::string& name) const {
  require(offset, count);
  return {name.empty() ? where_ : where_ + ": " + name, bytes_, offset_ + offset, count};
}

// --- reader ---

void InputReader::take(std::span<std::byte> to) {
  constexpr std::uint64_t chunk = 1 << 16;
  if (to.size() > left()) refuse("the file ends too early");
  if (position_ < buffer_begin_ || position_ + to.size() > buffer_begin_ + buffer_.size()) {
    buffer_begin_ = position_;
    buffer_ = input_.bytes(position_, std::min(std::max<std::uint64_t>(chunk, to.size()), left()));
  }
  if (!to.empty()) std::memcpy(to.data(), buffer_.data() + (position_ - buffer_begin_), to.size());
  position_ += to.size();
}

std::string InputReader::text(std::uint64_t count, std::uint64_t most) {
  if (count > most) refuse("a text of " + byte_count(count) + ", longer than the " + std::to_string(most) + " allowed");
  if (count > left()) refuse("the file ends inside a text");
  std::string text(static_cast<std::size_t>(count), '\0');
  take(std::as_writable_bytes(std::span(text)));
  return text;
}

std::string InputReader::line(std::uint64_t most) {
  std::string text;
  for (;;) {
    const char c = number<char>();
    if (c == '\n') return text;
    if (text.size() >= most) refuse("a line that does not end");
    text += c;
  }
}

void InputReader::skip(std::uint64_t count) {
  if (count > left()) refuse("the file ends too early");
  position_ += count;
}

void InputReader::refuse(const std::string& what) const {
  throw DataError({.where = input_.where(),
                   .what = what + ", at byte " + std::to_string(position_),
                   .expected = "a whole file",
                   .remedy = "it is cut off, damaged or made to do harm: get it again from where it was made"});
}

}  // namespace joist
