#include <joist/data/loader/spill.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <system_error>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

namespace joist {
namespace {

bool is_on_disk(const std::string& folder) {
  struct statfs about = {};
  return ::statfs(folder.c_str(), &about) == 0 && about.f_type != TMPFS_MAGIC && about.f_type != RAMFS_MAGIC &&
         ::access(folder.c_str(), W_OK) == 0;
}

std::int64_t usual_limit(const std::string& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  return error ? 0 : std::min(std::int64_t{16} << 30, static_cast<std::int64_t>(space.available / 2));
}

// All of it or nothing.
template <class Transfer>
bool transfer(std::size_t bytes, const Transfer& some) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t count = some(done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

std::string SpillFile::folder() {
  std::error_code error;
  const std::string usual = std::filesystem::temp_directory_path(error).string();
  for (const std::string& folder : {error ? std::string("/tmp") : usual, std::string("/var/tmp")})
    if (is_on_disk(folder)) return folder;
  return "";
}

SpillFile::SpillFile(std::size_t count, std::int64_t limit) : places_(count), limit_(limit) {}

SpillFile::~SpillFile() {
  if (const int file = file_.load(); file >= 0) ::close(file);
}

bool SpillFile::open() {
  static std::mutex mutex;
  if (file_.load(std::memory_order_acquire) != -1) return file_.load() >= 0;
  const std::lock_guard lock(mutex);
  if (file_.load() != -1) return file_.load() >= 0;
  int file = -2;
  if (const std::string where = limit_ == 0 ? "" : folder(); !where.empty()) {
    if (limit_ < 0) limit_ = usual_limit(where);
    file = ::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) {  // a file system without nameless files
      std::string name = where + "/joist-pictures-XXXXXX";
      file = ::mkostemp(name.data(), O_CLOEXEC);
      if (file >= 0) ::unlink(name.c_str());
    }
  }
  file_.store(file < 0 ? -2 : file, std::memory_order_release);
  return file >= 0;
}

std::optional<ScaledPicture> SpillFile::get(std::size_t index) const {
  const Place& place = places_.at(index);
  if (place.state.load(std::memory_order_acquire) != ready) return std::nullopt;
  ScaledPicture scaled{Picture(place.width, place.height), place.full_width, place.full_height};
  std::vector<std::uint8_t>& pixels = scaled.picture.pixels;
  const int file = file_.load(std::memory_order_acquire);
  const bool is_whole = transfer(pixels.size(), [&](std::size_t done) {
    return ::pread(file, pixels.data() + done, pixels.size() - done, place.offset + static_cast<off_t>(done));
  });
  if (!is_whole) return std::nullopt;
  return scaled;
}

void SpillFile::put(std::size_t index, const ScaledPicture& scaled) {
  Place& place = places_.at(index);
  char expected = none;
  if (!open() || !place.state.compare_exchange_strong(expected, writing, std::memory_order_acq_rel)) return;
  const std::vector<std::uint8_t>& pixels = scaled.picture.pixels;
  const auto size = static_cast<std::int64_t>(pixels.size());
  place.offset = end_.fetch_add(size, std::memory_order_relaxed);
  if (place.offset + size > limit_) {
    end_.fetch_sub(size, std::memory_order_relaxed);
    place.state.store(none, std::memory_order_release);
    return;
  }
  place.width = scaled.picture.width;
  place.height = scaled.picture.height;
  place.full_width = scaled.full_width;
  place.full_height = scaled.full_height;
  const int file = file_.load(std::memory_order_acquire);
  const bool is_whole = transfer(pixels.size(), [&](std::size_t done) {
    return ::pwrite(file, pixels.data() + done, pixels.size() - done, place.offset + static_cast<off_t>(done));
  });
  // A full disk: what could not be written stays marked as being written, and is decoded again each time.
  if (is_whole) place.state.store(ready, std::memory_order_release);
}

}  // namespace joist
