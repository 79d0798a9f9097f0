#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/core/formats/system_error.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <optional>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_kept = 180;  // of the file's own name inside the temporary's, which has 255 bytes

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// ".NAME.tmp-": what the temporary files of a path begin with.
std::string temporary_prefix(const fs::path& path) {
  std::string name = path.filename().string();
  std::size_t kept = std::min(name.size(), longest_kept);
  while (kept > 0 && kept < name.size() && (static_cast<unsigned char>(name[kept]) & 0xC0U) == 0x80U) --kept;
  return "." + name.substr(0, kept) + ".tmp-";
}

template <class Call>
auto retried(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// 0, or the errno value of the write that failed.
int write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = retried([&] { return ::write(descriptor, bytes.data(), bytes.size()); });
    if (written < 0) return errno;
    if (written == 0) return EIO;  // no system does that for a regular file; without this line it would hang
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

// 0 or an errno value. Some network file systems cannot sync a folder; their rename is durable by itself.
int sync_folder(const fs::path& folder) {
  const Descriptor opened(retried([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!opened) return errno == EACCES ? 0 : errno;  // a folder that one may write in but not list
  if (retried([&] { return ::fsync(opened.get()); }) == 0) return 0;
  return errno == EINVAL || errno == EROFS || errno == EOPNOTSUPP ? 0 : errno;
}

// A write beyond RLIMIT_FSIZE sends SIGXFSZ to the writing thread, which ends the process unless it is ignored. Held
// back for this thread only, it leaves the write with EFBIG, and the rest of the process as it was.
class FileSizeSignalHeld {
 public:
  FileSizeSignalHeld() {
    ::sigemptyset(&signal_);
    ::sigaddset(&signal_, SIGXFSZ);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGXFSZ) == 1;
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  FileSizeSignalHeld(const FileSizeSignalHeld&) = delete;
  ~FileSizeSignalHeld() {
    constexpr timespec at_once{};
    if (!was_pending_) retried([&] { return ::sigtimedwait(&signal_, nullptr, &at_once); });
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t signal_;
  sigset_t before_;
  bool was_pending_;
};

// The file under its temporary name; removed unless renamed. The lock says that its writer lives: the system drops it
// when the process ends, however it ends, and unlike a process number nobody else gets it (in containers every run may
// be number 7).
class Temporary {
 public:
  /// `mode`: permissions of the file that is replaced, or nothing for those that a new file gets.
  Temporary(const fs::path& target, std::uint64_t needed, std::optional<mode_t> mode)
      : target_(target), needed_(needed) {
    static std::atomic<unsigned> counter{0};
    const fs::path folder = folder_of(target);
    for (;;) {
      path_ = folder / (temporary_prefix(target) + std::to_string(::getpid()) + "-" + std::to_string(counter++));
      file_ = Descriptor(retried([&] { return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }));
      if (!file_ && errno == EEXIST) continue;  // left behind by a killed run that had our number
      if (!file_) throw_system_error(target_, "write the file", errno, needed_);
      retried([&] { return ::flock(file_.get(), LOCK_EX); });
      // Between open and flock somebody may have taken it for a stale one and removed it.
      struct stat status {};
      if (::fstat(file_.get(), &status) != 0 || status.st_nlink > 0) break;
      file_.close();
    }
    if (mode) ::fchmod(file_.get(), *mode & 0777U);
  }
  Temporary(const Temporary&) = delete;
  ~Temporary() { remove(); }

  void fill(std::span<const std::byte> bytes) {
    int code = write_all(file_.get(), bytes);
    if (code == 0 && retried([&] { return ::fsync(file_.get()); }) != 0) code = errno;
    if (code == 0) return;
    remove();  // first, so that the message counts its bytes as free again
    throw_system_error(target_, "write the file", code, needed_);
  }

  void rename_to_target() {
    if (::rename(path_.c_str(), target_.c_str()) != 0)
      throw_system_error(target_, "put the file in place", errno, needed_);
    path_.clear();
  }

 private:
  void remove() noexcept {
    if (!path_.empty()) ::unlink(path_.c_str());
    path_.clear();
    file_.close();
  }

  fs::path target_;
  std::uint64_t needed_;
  fs::path path_{};
  Descriptor file_{};
};

void write_directly(const fs::path& path, std::span<const std::byte> bytes) {
  const Descriptor file(retried([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY); }));
  if (!file) throw_system_error(path, "write to it", errno, bytes.size());
  if (const int code = write_all(file.get(), bytes)) throw_system_error(path, "write to it", code, bytes.size());
}

}  // namespace

void store_file(const fs::path& path, std::span<const std::byte> bytes) {
  if (path.filename().empty() || path.filename() == "." || path.filename() == "..")
    throw_system_error(path, "write the file", EISDIR, bytes.size());
  fs::path target = path;
  std::optional<mode_t> mode;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) throw_system_error(path, "write the file", EISDIR, bytes.size());
    // Renaming over /dev/stdout or /dev/null would take it away from the whole machine.
    if (!S_ISREG(status.st_mode)) return write_directly(path, bytes);
    if (fs::is_symlink(path)) target = fs::canonical(path);
    mode = status.st_mode;
  }
  const FileSizeSignalHeld held;
  Temporary temporary(target, bytes.size(), mode);
  temporary.fill(bytes);
  temporary.rename_to_target();
  if (const int code = sync_folder(folder_of(target)))
    throw_system_error(path, "make sure that the new file survives a power cut", code, bytes.size());
}

void store_file(const fs::path& path, std::string_view text) { store_file(path, std::as_bytes(std::span(text))); }

int remove_stale_temporaries(const fs::path& path) noexcept try {
  std::error_code ignored;
  const fs::path target = fs::is_symlink(path, ignored) ? fs::canonical(path) : path;
  const std::string prefix = temporary_prefix(target);
  int removed = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_of(target))) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || name.find_first_not_of("0123456789-", prefix.size()) != name.npos) continue;
    const Descriptor file(::open(entry.path().c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (::unlink(entry.path().c_str()) == 0) ++removed;
  }
  return removed;
} catch (...) {
  return 0;  // a folder that cannot be listed; the store itself will say so
}

void ensure_folder(const fs::path& path) {
  fs::path folder;
  for (const fs::path& part : path) {
    const fs::path above = folder.empty() ? fs::path(".") : folder;
    folder /= part;
    struct stat status {};
    if (::stat(folder.c_str(), &status) == 0) {
      if (!S_ISDIR(status.st_mode)) throw_system_error(path, "make the folder", ENOTDIR);
      continue;
    }
    if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) throw_system_error(path, "make the folder", errno);
    if (const int code = sync_folder(above)) throw_system_error(path, "make the folder", code);
  }
  if (::access(path.empty() ? "." : path.c_str(), W_OK | X_OK) != 0)
    throw_system_error(path, "write in this folder", errno);
}

}  // namespace joist
