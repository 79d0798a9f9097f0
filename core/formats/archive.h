// What every checkpoint format is read into and written from: named arrays and a few lines of text about them.
#pragma once

#include <joist/core/array.h>
#include <joist/core/text.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

struct NamedArray {
  std::string name{};  ///< UTF-8; '/' separates groups where the format has them, dots stay part of the name
  Array array{};
};

/// Something that a file holds and joist does not read.
struct Skipped {
  std::string name{};
  std::string why{};  ///< "compound values", "link to another file", …
};

struct Archive {
  std::vector<NamedArray> arrays{};
  std::map<std::string, std::string> attributes{};  ///< UTF-8 text about the whole file
  std::vector<Skipped> skipped{};                   ///< filled in by readers, ignored by writers
  bool foreign = false;                             ///< the file was not written by joist and so carries no checksum

  /// The array of that name, or nullptr.
  const Array* find(std::string_view name) const noexcept;
};

/// Why an array of an archive cannot have this name ("has an empty part …"); "" when it can.
std::string obstacle_of_name(const std::string& name);

/// Throws InternalError unless every name is writable: UTF-8 without control characters, no empty, "." or ".." part
/// between slashes, none twice, none both an array and a group; arrays on the host; attributes UTF-8 without NUL.
void require_writable(const Archive& archive);

/// The same values in row-major order: the array itself where it lies so already, else a copy. Host only.
Array row_major_copy(const Array& array);

}  // namespace joist
