#include <joist/data/text.h>
#include <joist/data/tokenizer/parts.h>
#include <joist/data/tokenizer/tokenizer.h>
#include <joist/data/tokenizer/unicode.h>

#include <algorithm>

namespace joist {
namespace tokenizing {
namespace {

bool word_ends_at(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = unicode::before(text, at);
  return unicode::is_word(unicode::next(text, begin));
}

bool word_begins_at(std::string_view text, std::size_t at) {
  return at < text.size() && unicode::is_word(unicode::next(text, at));
}

}  // namespace

void AddedSet::add(const std::string& content, const AddedToken& token) {
  if (content.empty()) return;
  std::vector<Entry>& entries = by_first_[static_cast<unsigned char>(content[0])];
  const auto longer = [&](const Entry& entry) { return entry.content.size() >= content.size(); };
  entries.insert(std::find_if_not(entries.begin(), entries.end(), longer), {content, token});
}

std::vector<AddedSet::Piece> AddedSet::split(std::string_view text) const {
  std::vector<Piece> pieces;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Entry* match = nullptr;
    if (const auto found = by_first_.find(static_cast<unsigned char>(text[at])); found != by_first_.end())
      for (const Entry& entry : found->second)
        if (text.substr(at).starts_with(entry.content)) {
          match = &entry;
          break;
        }
    if (!match) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + match->content.size();
    at = end;
    if (match->token.single_word && (word_ends_at(text, begin) || word_begins_at(text, end))) continue;
    if (match->token.lstrip)
      while (begin > done) {
        std::size_t place = unicode::before(text, begin);
        const std::size_t previous = place;
        if (!unicode::is_space(unicode::next(text, place))) break;
        begin = previous;
      }
    if (match->token.rstrip)
      for (std::size_t place = end; place < text.size() && unicode::is_space(unicode::next(text, place));) end = place;
    if (begin > done) pieces.push_back({text.substr(done, begin - done)});
    pieces.push_back({text.substr(begin, end - begin), &match->token});
    done = end;
    at = std::max(at, end);
  }
  if (done < text.size()) pieces.push_back({text.substr(done)});
  return pieces;
}

}  // namespace tokenizing

Tokenizer Tokenizer::read(const std::filesystem::path& path) {
  constexpr std::int64_t largest = 256 << 20;
  const std::filesystem::path file = std::filesystem::is_directory(path) ? path / "tokenizer.json" : path;
  return parse(read_text(file.string(), largest), file.string());
}

Tokenizer Tokenizer::parse(const std::string& json, const std::string& where) {
  return Tokenizer(std::make_shared<const TokenizerParts>(parse_tokenizer(json, where)));
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text, bool special) const {
  const TokenizerParts& parts = *parts_;
  const std::string whole = unicode::repaired(text);
  std::vector<std::int64_t> numbers;
  std::unordered_map<std::string, std::vector<std::int64_t>> seen;  // words come again and again
  const auto add_word = [&](const std::string& word) {
    const auto place = seen.try_emplace(word);
    std::vector<std::int64_t>& found = place.first->second;
    if (place.second) std::visit([&](const auto& model) { tokenizing::tokenize(model, word, found); }, parts.model);
    numbers.insert(numbers.end(), found.begin(), found.end());
  };
  if (special) numbers = parts.before;
  for (const tokenizing::AddedSet::Piece& piece : parts.raw.split(whole)) {
    if (piece.token) {
      numbers.push_back(piece.token->number);
      continue;
    }
    const bool is_first = piece.text.data() == whole.data();
    const std::string normal = tokenizing::normalize(parts.normalizers, std::string(piece.text));
    for (const tokenizing::AddedSet::Piece& part : parts.normalized.split(normal)) {
      if (part.token)
        numbers.push_back(part.token->number);
      else
        for (const std::string& word : tokenizing::pre_tokenize(parts.pre_tokenizers, std::string(part.text),
                                                                is_first && part.text.data() == normal.data()))
          add_word(word);
    }
  }
  if (special) numbers.insert(numbers.end(), parts.behind.begin(), parts.behind.end());
  return numbers;
}

std::string Tokenizer::decode(std::span<const std::int64_t> numbers, bool skip_special) const {
  std::vector<std::string> tokens;
  for (const std::int64_t number : numbers) {
    if (number < 0 || number >= size()) continue;
    const auto at = static_cast<std::size_t>(number);
    if (!parts_->tokens[at].empty() && !(skip_special && parts_->special[at])) tokens.push_back(parts_->tokens[at]);
  }
  return tokenizing::decode(parts_->decoders, std::move(tokens));
}

std::optional<std::int64_t> Tokenizer::find(const std::string& token) const {
  const auto found = parts_->numbers.find(token);
  return found == parts_->numbers.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Tokenizer::size() const noexcept { return static_cast<std::int64_t>(parts_->tokens.size()); }

}  // namespace joist
