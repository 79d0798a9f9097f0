#include <joist/data/formats/json_chunks.h>

#include <array>
#include <cstdint>

namespace joist {
namespace {

// Characters that mean something outside of texts.
constexpr std::array<bool, 256> marks = [] {
  std::array<bool, 256> is_mark{};
  for (const char c : {'"', '[', ']', '{', '}', ','}) is_mark[static_cast<unsigned char>(c)] = true;
  return is_mark;
}();

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Divider {
 public:
  Divider(std::string_view text, std::size_t bytes) : text_(text), bytes_(bytes) {}

  std::optional<JsonChunks> run() {
    at_ = text_.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    skip_blanks();
    if (!eat('{')) return std::nullopt;
    std::size_t copied = 0;
    for (;;) {
      skip_blanks();
      if (at_ >= text_.size() || text_[at_] != '"') return std::nullopt;
      const std::size_t key_from = at_ + 1;
      if (!skip_text()) return std::nullopt;
      const std::string key(text_.substr(key_from, at_ - 1 - key_from));
      if (key.find('\\') != std::string::npos) return std::nullopt;
      skip_blanks();
      if (!eat(':')) return std::nullopt;
      skip_blanks();
      if (at_ < text_.size() && text_[at_] == '[') {
        ++at_;
        chunks_.rest.append(text_.substr(copied, at_ - copied));
        JsonChunks::List list;
        if (!divide(list) || !chunks_.lists.emplace(key, std::move(list)).second) return std::nullopt;
        copied = at_ - 1;  // from its closing bracket on
      } else if (!skip_value()) {
        return std::nullopt;
      }
      skip_blanks();
      if (eat(',')) continue;
      if (!eat('}')) return std::nullopt;
      chunks_.rest.append(text_.substr(copied));
      return std::move(chunks_);
    }
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool eat(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // From an opening quote to behind the closing one.
  bool skip_text() {
    for (++at_;; ++at_) {
      at_ = text_.find('"', at_);
      if (at_ == std::string_view::npos) return false;
      std::size_t slashes = 0;
      while (text_[at_ - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
    }
    ++at_;
    return true;
  }
  // To the comma or bracket that ends a value of the object.
  bool skip_value() {
    std::int64_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_text()) return false;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) return c != ']';
      if (c == '[' || c == '{') ++depth;
      if (c == ']' || c == '}') --depth;
      ++at_;
    }
    return false;
  }
  // From behind the opening bracket of a list to behind its closing one.
  bool divide(JsonChunks::List& list) {
    std::int64_t depth = 0;
    std::size_t from = at_;
    bool has_comma = false;
    const auto is_empty = [&](std::size_t begin, std::size_t end) {
      while (begin < end && is_blank(text_[begin])) ++begin;
      return begin == end;
    };
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (!marks[static_cast<unsigned char>(c)]) {
        ++at_;
        continue;
      }
      if (c == '"') {
        if (!skip_text()) return false;
        continue;
      }
      if (c == '[' || c == '{') ++depth;
      if ((c == ']' || c == '}') && depth-- == 0) {
        const bool nothing = is_empty(from, at_);
        if (c != ']' || (nothing && has_comma)) return false;
        if (!nothing) list.pieces.emplace_back(from, at_), ++list.count;
        ++at_;
        return true;
      }
      if (c == ',' && depth == 0) {
        ++list.count;
        if (at_ - from >= bytes_) {
          list.pieces.emplace_back(from, at_);
          from = at_ + 1;
        }
        has_comma = true;
      }
      ++at_;
    }
    return false;
  }

  std::string_view text_;
  std::size_t bytes_;
  std::size_t at_ = 0;
  JsonChunks chunks_{};
};

}  // namespace

std::optional<JsonChunks> divided(std::string_view text, std::size_t bytes) { return Divider(text, bytes).run(); }

}  // namespace joist
