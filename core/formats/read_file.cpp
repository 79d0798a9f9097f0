#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/core/formats/system_error.h>

#include <cerrno>
#include <new>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace joist {
namespace {

void require_readable(const std::filesystem::path& path, const struct stat& status, std::uint64_t max_bytes) {
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (S_ISDIR(status.st_mode))
    throw DataError(
        {.where = path.string(), .what = "is a folder", .expected = "a file", .remedy = "name a file inside it"});
  if (!S_ISREG(status.st_mode))
    throw DataError({.where = path.string(),
                     .what = "is a device, pipe or socket",
                     .expected = "a regular file",
                     .remedy = "save it as a file first"});
  if (bytes > max_bytes)
    throw DataError({.where = path.string(),
                     .what = "has " + byte_count(bytes),
                     .expected = "at most " + byte_count(max_bytes),
                     .remedy = "check that this is the file you meant"});
  // A file with holes can claim any size: its zeros would fill the memory until the system ends some process.
  const auto memory =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (bytes > memory)
    throw EnvironmentError({.where = path.string(),
                            .what = "has " + byte_count(bytes) + ", this machine's memory " + byte_count(memory),
                            .remedy = "check that this is the file you meant, or use a machine with more memory"});
}

std::vector<std::byte> memory_for(const std::filesystem::path& path, std::size_t bytes) try {
  return std::vector<std::byte>(bytes);
} catch (const std::bad_alloc&) {
  throw EnvironmentError({.where = path.string(),
                          .what = "no memory left for its " + byte_count(bytes),
                          .remedy = "close other programs, or use a machine with more memory"});
}

[[noreturn]] void refuse(const std::filesystem::path& path, int code) {
  throw EnvironmentError({.where = path.string(),
                          .what = "cannot be read: " + std::system_category().message(code),
                          .remedy = code == EACCES ? "ask its owner for the right to read it" : "check the disk"});
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  // O_NONBLOCK: opening a pipe would wait for a writer, perhaps for ever.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP || errno == ENXIO)
      throw DataError({.where = path.string(), .what = "no such file", .remedy = "check the spelling and the folder"});
    refuse(path, errno);
  }
  require_readable(path, status, max_bytes);
  std::vector<std::byte> bytes = memory_for(path, static_cast<std::size_t>(status.st_size));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(path, errno);
    if (got == 0)
      throw DataError(
          {.where = path.string(),
           .what = "became shorter while it was read: " + byte_count(done) + " of " + byte_count(bytes.size()),
           .remedy = "try again when nothing writes to it any more"});
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace joist
