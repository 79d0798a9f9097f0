#include <joist/core/error.h>
#include <joist/core/formats/input.h>
#include <joist/core/formats/store.h>
#include <joist/core/formats/system_error.h>

#include <unistd.h>

namespace joist {
namespace {

void require_size(const std::filesystem::path& path, std::uint64_t bytes, std::uint64_t max_bytes) {
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

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Input input = Input::file(path);
  require_size(path, input.size(), max_bytes);
  return input.bytes(0, input.size());
}

}  // namespace joist
