#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/formats/json_chunks.h>
#include <joist/data/formats/json_records.h>
#include <joist/data/text.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>
#include <simdjson.h>

namespace joist {
namespace {

using simdjson::dom::element;

/// Looks for the first place where a text stops being JSON; simdjson does not tell.
struct FirstFault : nlohmann::json_sax<nlohmann::json> {
  std::size_t offset = 0;  // from 1; 0 where it finds nothing wrong
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    offset = position;
    return false;
  }
};

[[noreturn]] void throw_not_json(const std::string& path, const std::string& text, const std::string& reason) {
  FirstFault fault;
  nlohmann::json::sax_parse(text, &fault);
  if (fault.offset == 0)
    throw DataError({.where = path, .what = "cannot be read: " + reason, .expected = "plain JSON"});
  const std::size_t offset = fault.offset - 1;
  const bool is_cut = offset >= text.size();
  throw DataError({.where = DataError::at(path, line_at(text, offset)),
                   .what = is_cut ? "the JSON ends too early, after " + std::to_string(text.size()) + " bytes"
                                  : "not JSON at byte " + std::to_string(offset) + ": " + reason,
                   .expected = "a complete JSON file",
                   .remedy = is_cut ? "copy or download the file again" : "mend that place"});
}

}  // namespace

struct JsonFile::Content {
  // Of a large file: its long lists are parsed piece by piece, and the document is the rest.
  std::string text{};
  JsonChunks chunks{};
  simdjson::dom::document document{};
  element root{};

  simdjson::simdjson_result<simdjson::dom::array> list(const std::string& key) const {
    return key.empty() ? root.get_array() : root[key].get_array();
  }
  const JsonChunks::List* divided_list(const std::string& key) const {
    const auto found = chunks.lists.find(key);
    return found == chunks.lists.end() ? nullptr : &found->second;
  }
};

struct JsonRecord::Value {
  element value;
};

JsonFile::JsonFile(std::string path) : path_(std::move(path)), content_(std::make_unique<Content>()) {
  std::string text = read_bytes(path_, (std::int64_t{1} << 32) - 64);  // simdjson's limit
  simdjson::dom::parser parser;  // its working memory, as much as the text, is gone before records are read
  const auto parsed = [&] {
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    return parser.parse_into_document(content_->document, text).get(content_->root);
  };
  constexpr std::size_t large = std::size_t{16} << 20, piece = std::size_t{1} << 20;
  if (text.size() > large) {
    if (auto chunks = divided(text, piece);
        chunks &&
        parser.parse_into_document(content_->document, chunks->rest).get(content_->root) == simdjson::SUCCESS) {
      content_->chunks = *std::move(chunks);
      content_->text = std::move(text);
      return;
    }
  }
  auto error = parsed();
  if (error != simdjson::SUCCESS) {  // it may be in another encoding; the parser looks at that by itself
    text = to_utf8(std::move(text), path_);
    error = parsed();
  }
  if (error != simdjson::SUCCESS) throw_not_json(path_, text, simdjson::error_message(error));
}

JsonFile::~JsonFile() = default;

bool JsonFile::has_list(const std::string& key) const { return content_->list(key).error() == simdjson::SUCCESS; }

void JsonFile::for_each(const std::string& key, const std::string& expected,
                        const std::function<void(const JsonRecord&)>& use) const {
  simdjson::dom::array list;
  if (content_->list(key).get(list) != simdjson::SUCCESS) {
    throw DataError(
        {.where = path_, .what = key.empty() ? "not a list" : "no list \"" + key + "\"", .expected = expected});
  }
  std::size_t index = 0;
  for (const element value : list) use(JsonRecord({value}, path_, key, index++));
  const JsonChunks::List* divided_list = content_->divided_list(key);
  if (divided_list == nullptr) return;
  simdjson::dom::parser parser;
  std::string piece;
  for (const auto& [from, to] : divided_list->pieces) {
    piece.assign(1, '[').append(content_->text, from, to - from).push_back(']');
    piece.reserve(piece.size() + simdjson::SIMDJSON_PADDING);
    const auto error = parser.parse(piece).get(list);
    if (error != simdjson::SUCCESS) throw_not_json(path_, content_->text, simdjson::error_message(error));
    for (const element value : list) use(JsonRecord({value}, path_, key, index++));
  }
}

void JsonFile::with_root(const std::function<void(const JsonRecord&)>& use) const {
  if (!content_->chunks.lists.empty()) {  // all of it is wanted
    simdjson::dom::parser parser;
    element root;
    const auto error = parser.parse(content_->text).get(root);
    if (error != simdjson::SUCCESS) throw_not_json(path_, content_->text, simdjson::error_message(error));
    return use(JsonRecord({root}, path_, "", JsonRecord::whole));
  }
  use(JsonRecord({content_->root}, path_, "", JsonRecord::whole));
}

std::size_t JsonFile::count(const std::string& key) const {
  if (const JsonChunks::List* divided_list = content_->divided_list(key)) return divided_list->count;
  simdjson::dom::array list;
  return content_->list(key).get(list) == simdjson::SUCCESS ? list.size() : 0;
}

JsonRecord::JsonRecord(const Value& value, const std::string& path, const std::string& list, std::size_t index)
    : value_(value), path_(path), list_(list), index_(index) {}

std::string JsonRecord::where() const {
  return index_ == whole ? path_ : path_ + "#" + list_ + "[" + std::to_string(index_) + "]";
}

bool JsonRecord::has(const char* key) const {
  element found;
  return value_.value[key].get(found) == simdjson::SUCCESS && !found.is_null();
}

double JsonRecord::number(const char* key) const {
  double value = 0;
  if (value_.value[key].get(value) != simdjson::SUCCESS) fail(key, "a number");
  return value;
}

std::int64_t JsonRecord::integer(const char* key) const {
  std::int64_t exact = 0;
  if (value_.value[key].get(exact) == simdjson::SUCCESS) return exact;
  double value = 0;  // some writers say 7.0
  const bool is_number = value_.value[key].get(value) == simdjson::SUCCESS;
  if (!is_number || value != std::floor(value) || std::abs(value) > 9e15) fail(key, "a whole number");
  return static_cast<std::int64_t>(value);
}

std::string JsonRecord::text(const char* key) const {
  std::string_view value;
  if (value_.value[key].get(value) != simdjson::SUCCESS || value.empty()) fail(key, "a text");
  return std::string(value);
}

Box JsonRecord::box(const char* key) const {
  simdjson::dom::array list;
  std::array<double, 4> sides{};
  std::size_t count = 0;
  if (value_.value[key].get(list) == simdjson::SUCCESS) {
    for (const element side : list) {
      if (count == sides.size() || side.get(sides[count]) != simdjson::SUCCESS) fail(key, "[x, y, width, height]");
      ++count;
    }
  }
  if (count != sides.size()) fail(key, "[x, y, width, height]");
  return {sides[0], sides[1], sides[2], sides[3]};
}

bool JsonRecord::flag(const char* key) const {
  if (!has(key)) return false;
  bool value = false;
  return value_.value[key].get(value) == simdjson::SUCCESS ? value : number(key) != 0;
}

int JsonRecord::pixels(const char* key) const {
  if (!has(key)) return 0;
  const std::int64_t value = integer(key);
  if (value < 0 || value > 1'000'000'000) fail(key, "a number of pixels");
  return static_cast<int>(value);
}

bool JsonRecord::is_list(const char* key) const { return value_.value[key].is_array(); }

bool JsonRecord::is_object(const char* key) const { return value_.value[key].is_object(); }

std::vector<double> JsonRecord::numbers(const char* key) const {
  simdjson::dom::array list;
  if (value_.value[key].get(list) != simdjson::SUCCESS) fail(key, "a list of numbers");
  std::vector<double> values;
  values.reserve(list.size());
  for (const element one : list) {
    if (one.get(values.emplace_back()) != simdjson::SUCCESS) fail(key, "a list of numbers");
  }
  return values;
}

std::vector<std::vector<double>> JsonRecord::number_lists(const char* key) const {
  simdjson::dom::array lists;
  if (value_.value[key].get(lists) != simdjson::SUCCESS) fail(key, "a list of lists of numbers");
  std::vector<std::vector<double>> values;
  values.reserve(lists.size());
  for (const element inner : lists) {
    simdjson::dom::array list;
    if (inner.get(list) != simdjson::SUCCESS) fail(key, "a list of lists of numbers");
    auto& numbers = values.emplace_back();
    numbers.reserve(list.size());
    for (const element one : list) {
      if (one.get(numbers.emplace_back()) != simdjson::SUCCESS) fail(key, "a list of lists of numbers");
    }
  }
  return values;
}

std::vector<std::string> JsonRecord::texts(const char* key) const {
  simdjson::dom::array list;
  if (value_.value[key].get(list) != simdjson::SUCCESS) fail(key, "a list of texts");
  std::vector<std::string> values;
  for (const element one : list) {
    std::string_view text;
    if (one.get(text) != simdjson::SUCCESS) fail(key, "a list of texts");
    values.emplace_back(text);
  }
  return values;
}

std::vector<std::string> JsonRecord::true_keys(const char* key) const {
  simdjson::dom::object flags;
  std::vector<std::string> keys;
  if (value_.value[key].get(flags) != simdjson::SUCCESS) return keys;
  for (const auto [name, value] : flags) {
    bool is_set = false;
    if (value.get(is_set) == simdjson::SUCCESS && is_set) keys.emplace_back(name);
  }
  return keys;
}

void JsonRecord::for_each(const char* key, const std::function<void(const JsonRecord&)>& use) const {
  simdjson::dom::array list;
  if (value_.value[key].get(list) != simdjson::SUCCESS) fail(key, "a list");
  const std::string name = key;
  std::size_t index = 0;
  for (const element value : list) use(JsonRecord({value}, path_, name, index++));
}

void JsonRecord::with(const char* key, const std::function<void(const JsonRecord&)>& use) const {
  element value;
  if (value_.value[key].get(value) != simdjson::SUCCESS) fail(key, "an object");
  use(JsonRecord({value}, path_, list_, index_));
}

void JsonRecord::fail(const char* key, const std::string& expected) const {
  if (!value_.value.is_object()) throw DataError({.where = where(), .what = "not an object", .expected = "{…}"});
  element found;
  if (value_.value[key].get(found) != simdjson::SUCCESS) {
    throw DataError({.where = where(), .what = "no \"" + std::string(key) + "\"", .expected = expected});
  }
  constexpr std::size_t shown = 80;
  std::string text = simdjson::minify(found);
  if (text.size() > shown) text = text.substr(0, shown) + "…";
  throw DataError({.where = where(), .what = "\"" + std::string(key) + "\" is " + text, .expected = expected});
}

}  // namespace joist
