#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tools/training/run_folder.h>

#include <array>
#include <system_error>

#include <unistd.h>

namespace joist {
namespace fs = std::filesystem;

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

fs::path RunFolder::begin(bool resume) {
  made_ = !fs::exists(path_);
  ensure_folder(path_);
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
  std::error_code none;
  if (made_) fs::remove(path_, none);  // only an empty one goes
}

}  // namespace joist
