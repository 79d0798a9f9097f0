// Where the long lists of a large JSON file can be divided, so that they are parsed piece by piece: a parsed file takes
// several times the memory of its text. Private to data/.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace joist {

struct JsonChunks {
  struct List {
    /// Bytes of whole elements, without a comma around them.
    std::vector<std::pair<std::size_t, std::size_t>> pieces{};
    std::size_t count = 0;  ///< of elements
  };
  std::map<std::string, List> lists{};  ///< of the object that the file is, by key
  std::string rest{};                   ///< the file with these lists empty
};

/// Divides the lists of a text that is an object into pieces of about `bytes` bytes. It looks at brackets and quotes
/// only: pieces and rest have to be parsed, and the file is sound if they all are. Nothing for a text that is no such
/// object, whose brackets do not fit, or that has a list twice.
std::optional<JsonChunks> divided(std::string_view text, std::size_t bytes);

}  // namespace joist
