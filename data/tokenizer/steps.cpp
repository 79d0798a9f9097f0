// Text before the model sees it: normalizers and pre-tokenizers.
#include <joist/data/tokenizer/parts.h>
#include <joist/data/tokenizer/unicode.h>

#include <array>

namespace joist::tokenizing {
namespace {

std::string replaced(const std::string& text, const std::string& from, const std::string& to) {
  std::string result;
  std::size_t at = 0;
  for (std::size_t found; (found = text.find(from, at)) != text.npos; at = found + from.size())
    result.append(text, at, found - at) += to;
  return result.append(text, at);
}

template <class Keep>
std::string kept(const std::string& text, const Keep& keep) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (keep(unicode::next(text, at))) result.append(text, begin, at - begin);
  }
  return result;
}

std::string applied(const BertNormalizer& step, std::string text) {
  if (step.clean_text || step.handle_chinese_chars) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const char32_t c = unicode::next(text, at);
      if (step.clean_text && (c == 0 || c == 0xfffd || unicode::is_control(c))) continue;
      const bool apart = step.handle_chinese_chars && unicode::is_chinese(c);
      if (apart) result += ' ';
      unicode::append(result, step.clean_text && unicode::is_space(c) ? U' ' : c);
      if (apart) result += ' ';
    }
    text = std::move(result);
  }
  if (step.strip_accents)
    text =
        kept(unicode::normalized(text, unicode::Form::nfd), [](char32_t c) { return !unicode::is_nonspacing_mark(c); });
  return step.lowercase ? unicode::lower(text) : text;
}
std::string applied(const UnicodeForm& step, const std::string& text) {
  return unicode::normalized(text, static_cast<unicode::Form>(step.form));
}
std::string applied(const Lowercase&, const std::string& text) { return unicode::lower(text); }
std::string applied(const StripAccents&, const std::string& text) {
  return kept(text, [](char32_t c) { return !unicode::is_mark(c); });
}
std::string applied(const Replace& step, const std::string& text) { return replaced(text, step.from, step.to); }
std::string applied(const Prepend& step, const std::string& text) { return text.empty() ? text : step.text + text; }

// ---- words
using Words = std::vector<std::string>;
using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

/// What fits as words of their own (or removed), and what lies between them.
Words isolated(const std::string& text, const Ranges& found, bool remove, bool invert) {
  Words words;
  const auto add = [&](std::size_t begin, std::size_t end, bool fits) {
    if (end > begin && !(remove && fits != invert)) words.push_back(text.substr(begin, end - begin));
  };
  std::size_t at = 0;
  for (const auto& [begin, end] : found) {
    add(at, begin, false);
    add(begin, end, true);
    at = end;
  }
  add(at, text.size(), false);
  return words;
}

/// Characters of a kind, each alone or in runs.
template <class Is>
Ranges characters(const std::string& text, const Is& is, bool runs = false) {
  Ranges found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (!is(unicode::next(text, at))) continue;
    if (runs && !found.empty() && found.back().second == begin)
      found.back().second = at;
    else
      found.emplace_back(begin, at);
  }
  return found;
}

Ranges occurrences(const std::string& text, const std::string& part) {
  Ranges found;
  if (part.empty()) return found;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size())
    found.emplace_back(at, at + part.size());
  return found;
}

Words words_of(const ByteLevel& step, std::string text, bool) {
  if (step.add_prefix_space && !text.starts_with(' ')) text.insert(0, 1, ' ');
  Words words = step.words ? isolated(text, step.words->find(text), false, false) : Words{std::move(text)};
  for (std::string& word : words) word = bytes_as_text(word);
  return words;
}
Words words_of(const Split& step, const std::string& text, bool) {
  const auto* pattern = std::get_if<Pattern>(&step.at);
  return isolated(text, pattern ? pattern->find(text) : occurrences(text, std::get<std::string>(step.at)), step.remove,
                  step.invert);
}
Words words_of(const BertWords&, const std::string& text, bool) {
  Words words;
  for (const std::string& word : isolated(text, characters(text, unicode::is_space), true, false))
    for (std::string& part : isolated(word, characters(word, unicode::is_punctuation), false, false))
      words.push_back(std::move(part));
  return words;
}
Words words_of(const WhitespaceSplit&, const std::string& text, bool) {
  return isolated(text, characters(text, unicode::is_space), true, false);
}
Words words_of(const Digits& step, const std::string& text, bool) {
  return isolated(text, characters(text, unicode::is_number, !step.individual), false, false);
}
Words words_of(const Metaspace& step, std::string text, bool first) {
  text = replaced(text, " ", step.replacement);
  const bool wanted = step.prepend == Metaspace::always || (step.prepend == Metaspace::first && first);
  if (wanted && !text.starts_with(step.replacement)) text = step.replacement + text;
  if (!step.split) return {std::move(text)};
  Words words;  // each begins with the replacement
  std::size_t at = 0;
  for (const auto& [begin, end] : occurrences(text, step.replacement))
    if (begin > at) {
      words.push_back(text.substr(at, begin - at));
      at = begin;
    }
  if (at < text.size()) words.push_back(text.substr(at));
  return words;
}

// GPT-2's characters for bytes: those that print stand for themselves, the others for U+0100 and on.
struct ByteCharacters {
  std::array<std::string, 256> of_byte{};
  std::unordered_map<char32_t, char> of_character{};
  ByteCharacters() {
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
      const char32_t c = prints ? byte : next++;
      unicode::append(of_byte[byte], c);
      of_character[c] = static_cast<char>(static_cast<unsigned char>(byte));
    }
  }
};
const ByteCharacters& byte_characters() {
  static const ByteCharacters characters;
  return characters;
}

}  // namespace

std::string normalize(const std::vector<Normalizer>& steps, std::string text) {
  for (const Normalizer& step : steps)
    text = std::visit([&](const auto& one) { return applied(one, std::move(text)); }, step);
  return text;
}

std::vector<std::string> pre_tokenize(const std::vector<PreTokenizer>& steps, std::string text, bool first) {
  Words words{std::move(text)};
  for (const PreTokenizer& step : steps) {
    Words parts;
    for (std::size_t i = 0; i < words.size(); ++i)
      std::visit(
          [&](const auto& one) {
            for (std::string& part : words_of(one, std::move(words[i]), first && i == 0))
              parts.push_back(std::move(part));
          },
          step);
    words = std::move(parts);
  }
  return words;
}

std::string bytes_as_text(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) text += byte_characters().of_byte[static_cast<unsigned char>(byte)];
  return text;
}

bool text_as_bytes(std::string_view text, std::string& bytes) {
  const auto& characters = byte_characters().of_character;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = characters.find(unicode::next(text, at));
    if (found == characters.end()) return false;
    bytes += found->second;
  }
  return true;
}

}  // namespace joist::tokenizing
