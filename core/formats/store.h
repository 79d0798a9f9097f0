// Files that are either wholly there or not there at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace joist {

/// Replaces the file at `path` by these bytes: written under a temporary name in the same folder, synced, renamed,
/// folder synced. After a crash or power cut at any moment the old or the new file stands there, never a part of one.
///
/// Throws EnvironmentError naming the path and the reason (disk full with bytes needed and free, quota, file-size
/// limit, no right, path below a file, …); then the old file is untouched and nothing else is left. SIGXFSZ cannot end
/// the process here. A link at `path` stays and its target is replaced; devices and pipes are written to directly. Any
/// number of threads and processes may store at once; the last one to finish wins.
void store_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
/// The same for text.
void store_file(const std::filesystem::path& path, std::string_view text);

/// Removes what runs that were killed inside store_file(path, …) left behind, and nothing that a living one still
/// writes. Returns how many files that were. Lists the folder once: meant for the start of a run, not for every store.
int remove_stale_temporaries(const std::filesystem::path& path) noexcept;

/// All bytes of a regular file. Throws DataError when it is missing, no regular file or larger than `max_bytes`, and
/// EnvironmentError when it may not be read or is larger than this machine's memory; sizes are checked before memory is
/// taken.
std::vector<std::byte> read_file(const std::filesystem::path& path,
                                 std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max());

/// Makes the folder and those above it, durably. Throws EnvironmentError when part of the path is a file or this user
/// may not write there, so that a long run finds out at its start.
void ensure_folder(const std::filesystem::path& path);

}  // namespace joist
