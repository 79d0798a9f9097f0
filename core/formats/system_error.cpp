#include <joist/core/error.h>
#include <joist/core/formats/system_error.h>

#include <cerrno>
#include <limits>
#include <system_error>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

// The first part of the path that exists and is no folder; empty when there is none.
fs::path file_above(const fs::path& path) {
  fs::path part;
  for (const fs::path& name : path) {
    part /= name;
    struct stat status {};
    if (part != path && ::stat(part.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) return part;
  }
  return {};
}

std::string free_bytes(const fs::path& path) {
  struct statvfs status {};
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (::statvfs(folder.c_str(), &status) != 0) return "an unknown number of bytes";
  return byte_count(std::uint64_t{status.f_bavail} * status.f_frsize);
}

std::string file_size_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return "the largest that this file system takes";
  return "the limit of this process, " + byte_count(limit.rlim_cur);
}

Fault explain(const fs::path& path, const std::string& action, int code, std::uint64_t needed) {
  const std::string unchanged = "; what stood there before is unchanged";
  const std::string need = byte_count(needed) + " needed, " + free_bytes(path) + " free";
  switch (code) {
    case ENOSPC:
      return {.what = "disk full: cannot " + action + " (" + need + ")",
              .remedy = "free space there, or choose a folder on another disk" + unchanged};
    case EDQUOT:
      return {.what = "your disk quota is used up: cannot " + action + " (" + need + ")",
              .remedy = "delete files of yours there, or choose a folder on another disk" + unchanged};
    case EFBIG:
      return {.what = "cannot " + action + ": " + need + ", but the file would be larger than " + file_size_limit(),
              .remedy = "raise the limit (`ulimit -f`), or choose a folder on another disk" + unchanged};
    case EACCES:
    case EPERM:
      return {.what = "cannot " + action + ": this user has no right to",
              .remedy = "choose a folder of your own" + unchanged};
    case EROFS:
      return {.what = "cannot " + action + ": the file system is read-only",
              .remedy = "choose a folder on another disk"};
    case ENOENT:
      return {.what = "cannot " + action + ": the folder does not exist",
              .remedy = "make it first, or check the spelling"};
    case EISDIR:
      return {.what = "cannot " + action + ": there is a folder of that name",
              .remedy = "choose another name for the file"};
    case ENAMETOOLONG:
      return {.what = "cannot " + action + ": the name is too long",
              .expected = "at most 255 bytes between two slashes (a Chinese character takes 3)",
              .remedy = "choose a shorter name"};
    case ENOTDIR:
    case EEXIST: {
      const fs::path file = file_above(path);
      return {.what = "cannot " + action + ": " + (file.empty() ? path : file).string() + " is a file, not a folder",
              .expected = "folders only above and at an output folder",
              .remedy = "choose another path, or move that file away"};
    }
    case ENOMEM: return {.what = "cannot " + action + ": out of memory", .remedy = "close other programs"};
    default:
      return {.what = "cannot " + action + ": " + std::system_category().message(code),
              .remedy = "check the disk" + unchanged};
  }
}

}  // namespace

void throw_system_error(const fs::path& path, const std::string& action, int code, std::uint64_t needed) {
  Fault fault = explain(path, action, code, needed);
  fault.where = path.string();
  throw EnvironmentError(std::move(fault));
}

std::string byte_count(std::uint64_t bytes) {
  std::string text = std::to_string(bytes);
  for (std::size_t i = text.size(); i > 3;) text.insert(i -= 3, ",");
  return text + (bytes == 1 ? " byte" : " bytes");
}

}  // namespace joist
