// YAML as a tree of texts: enough for descriptions of data sets. Private to data/.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace joist {

struct YamlNode {
  enum class Kind { text, list, map };
  Kind kind = Kind::text;
  std::string text{};  ///< of a scalar
  std::vector<YamlNode> list{};
  std::vector<std::pair<std::string, YamlNode>> map{};
  std::int64_t line = 0;  ///< from 1

  /// The value under `key`, or null.
  const YamlNode* find(const std::string& key) const;
};

/// Reads a YAML file of at most 16 MB. Throws DataError with the line for what is not YAML; anchors and aliases are
/// refused.
YamlNode read_yaml(const std::string& path);

}  // namespace joist
