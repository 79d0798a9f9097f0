// Which annotations a path means. Private to data/.
#pragma once

#include <joist/data/formats/format.h>

#include <filesystem>
#include <string>
#include <vector>

namespace joist {

/// What could be read: one file, or the folder of a format with a file per picture.
struct Candidate {
  std::filesystem::path path{};
  std::vector<std::filesystem::path> files{};
  Format format{};
};

/// The annotations at `path`, a file or folder. Throws DataError where there are none or several.
Candidate candidate_for(const std::string& path);

/// The entries of a folder that are not hidden, sorted. Throws DataError.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);

/// The extension with its dot, A to Z as a to z.
std::string lower_extension(const std::filesystem::path& file);

}  // namespace joist
