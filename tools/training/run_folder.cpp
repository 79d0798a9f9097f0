#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tools/training/run_folder.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace joist {
namespace fs = std::filesystem;

// A file that its process has locked, with the process's number in it. The system drops the lock when the process ends,
// however it ends; the number is for people only.
class RunFolder::Lock {
 public:
  explicit Lock(fs::path path)
      : path_(std::move(path)),
        file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666)) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() {
    if (file_ < 0) return;
    if (is_ours_ && is_in_place()) ::unlink(path_.c_str());
    ::close(file_);
  }

  enum class Answer { taken, held, gone, impossible };
  Answer take() {
    if (file_ < 0) return Answer::impossible;
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? Answer::held : Answer::impossible;
    if (!is_in_place()) return Answer::gone;  // its owner ended, and removed it, between open and flock
    is_ours_ = true;
    const std::string number = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file_, 0) == 0)
      static_cast<void>(::pwrite(file_, number.data(), number.size(), 0) > 0);  // a full disk is no reason to end
    return Answer::taken;
  }

  /// " (process 123)".
  std::string owner() const {
    std::array<char, 16> text{};
    const auto read = ::pread(file_, text.data(), text.size(), 0);
    std::string number(text.data(), read > 0 ? static_cast<std::size_t>(read) : 0);
    number.resize(std::min(number.find_first_not_of("0123456789"), number.size()));
    return number.empty() ? "" : fmt::format(" (process {})", number);
  }

 private:
  // Whether the path still leads to this file: the folder may have been moved away, and another run stand there.
  bool is_in_place() const {
    struct stat own {
    }, there{};
    return ::fstat(file_, &own) == 0 && ::stat(path_.c_str(), &there) == 0 && own.st_ino == there.st_ino &&
           own.st_dev == there.st_dev;
  }

  fs::path path_;
  int file_;
  bool is_ours_ = false;
};

RunFolder::RunFolder(const std::string& path) : path_(path) {
  if (path.empty()) throw UsageError({.where = "--out", .what = "no folder for the results", .expected = "--out DIR"});
}

bool RunFolder::has_run() const {
  std::error_code none;
  return fs::exists(last(), none);
}

void RunFolder::require_writable() const {
  std::error_code none;
  fs::path existing = fs::absolute(path_);
  while (!fs::exists(fs::symlink_status(existing, none)) && existing.has_parent_path() &&
         existing != existing.parent_path())
    existing = existing.parent_path();
  if (!fs::is_directory(existing, none))
    throw EnvironmentError(
        {.where = path_.string(), .what = existing.string() + " is a file, no folder", .remedy = "another --out"});
  if (::access(existing.c_str(), W_OK | X_OK) != 0)
    throw EnvironmentError({.where = path_.string(),
                            .what = "this user may not write in " + existing.string(),
                            .remedy = "another --out"});
}

void RunFolder::hold() {
  std::error_code none;
  if (lock_ || !fs::is_directory(path_, none)) return;
  for (;;) {
    auto lock = std::make_shared<Lock>(fs::absolute(path_) / "running.lock");
    switch (lock->take()) {
      case Lock::Answer::taken: lock_ = std::move(lock); return;
      case Lock::Answer::gone: continue;
      case Lock::Answer::impossible: return;  // what is wrong with the folder is said where it is written to
      case Lock::Answer::held: break;
    }
    throw UsageError({.where = "--out " + path_.string(),
                      .what = "a training is running in this folder" + lock->owner(),
                      .expected = "a folder for each run",
                      .remedy = "another --out; or let that training end, or stop it (Ctrl-C saves everything) and go "
                                "on with --resume"});
  }
}

fs::path RunFolder::begin(bool resume) {
  made_ = !fs::exists(path_);
  ensure_folder(path_);
  hold();
  const std::array<fs::path, 8> files{best(),   last(),          log(),    metrics(),
                                      report(), configuration(), labels(), evaluation()};
  for (const fs::path& file : files) remove_stale_temporaries(file);
  if (resume || made_) return {};
  fs::path earlier;
  for (const fs::path& file : files) {
    if (!fs::exists(file)) continue;
    if (earlier.empty()) {
      int number = 1;
      do earlier = path_ / ("earlier-" + std::to_string(number++));
      while (fs::exists(earlier));
      ensure_folder(earlier);
    }
    fs::rename(file, earlier / file.filename());
  }
  return earlier;
}

void RunFolder::undo() noexcept {
  lock_.reset();
  std::error_code none;
  if (made_) fs::remove(path_, none);  // only an empty one goes
}

}  // namespace joist
