#include <joist/core/error.h>
#include <joist/data/formats/yaml.h>
#include <joist/data/text.h>

#include <yaml.h>

namespace joist {
namespace {

class YamlReader {
 public:
  explicit YamlReader(const std::string& path) : path_(path), text_(read_text(path, std::int64_t{16} << 20)) {
    if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text_.data()), text_.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;
  ~YamlReader() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }

  YamlNode document() {
    for (;;) {
      next();
      if (event_.type == YAML_STREAM_END_EVENT) return {};
      if (event_.type != YAML_STREAM_START_EVENT && event_.type != YAML_DOCUMENT_START_EVENT) return node(0);
    }
  }

 private:
  void next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) != 0) return;
    event_ = {};
    throw DataError({.where = DataError::at(path_, static_cast<std::int64_t>(parser_.problem_mark.line) + 1),
                     .what = std::string("not YAML: ") + (parser_.problem != nullptr ? parser_.problem : "damaged"),
                     .expected = "key: value lines"});
  }

  std::int64_t line() const { return static_cast<std::int64_t>(event_.start_mark.line) + 1; }

  std::string scalar() const {
    return {reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length};
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError({.where = DataError::at(path_, line()), .what = "unsupported YAML: " + what});
  }

  /// The node that the current event begins.
  YamlNode node(int depth) {
    constexpr int deepest = 32;
    if (depth > deepest) refuse("more than 32 levels");
    YamlNode result{.line = line()};
    switch (event_.type) {
      case YAML_SCALAR_EVENT: result.text = scalar(); return result;
      case YAML_SEQUENCE_START_EVENT:
        result.kind = YamlNode::Kind::list;
        for (next(); event_.type != YAML_SEQUENCE_END_EVENT; next()) result.list.push_back(node(depth + 1));
        return result;
      case YAML_MAPPING_START_EVENT:
        result.kind = YamlNode::Kind::map;
        for (next(); event_.type != YAML_MAPPING_END_EVENT; next()) {
          if (event_.type != YAML_SCALAR_EVENT) refuse("a key that is not a text");
          std::string key = scalar();
          next();
          result.map.emplace_back(std::move(key), node(depth + 1));
        }
        return result;
      default: refuse("an alias");
    }
  }

  const std::string& path_;
  std::string text_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

}  // namespace

const YamlNode* YamlNode::find(const std::string& key) const {
  for (const auto& [name, value] : map) {
    if (name == key) return &value;
  }
  return nullptr;
}

YamlNode read_yaml(const std::string& path) { return YamlReader(path).document(); }

}  // namespace joist
