// Tokens back to text.
#include <joist/data/tokenizer/parts.h>
#include <joist/data/tokenizer/unicode.h>

#include <algorithm>

namespace joist::tokenizing {
namespace {

using Tokens = std::vector<std::string>;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
}

Tokens joined(const JoinBytes&, const Tokens& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) {
    std::string part;
    bytes += text_as_bytes(token, part) ? part : token;
  }
  return {unicode::repaired(bytes)};
}

Tokens joined(const JoinPieces& step, Tokens tokens) {
  static constexpr std::pair<const char*, const char*> cleaner[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0) {
      if (!step.prefix.empty() && token.starts_with(step.prefix))
        token.erase(0, step.prefix.size());
      else
        token.insert(0, 1, ' ');
    }
    if (step.cleanup)
      for (const auto& [from, to] : cleaner) replace_all(token, from, to);
  }
  return tokens;
}

Tokens joined(const Replace& step, Tokens tokens) {
  for (std::string& token : tokens) replace_all(token, step.from, step.to);
  return tokens;
}

// "<0xE4>" is a byte; runs of them are characters, or each U+FFFD where they are none.
Tokens joined(const ByteFallback&, const Tokens& tokens) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  Tokens result;
  std::string bytes;
  const auto settle = [&] {
    if (bytes.empty()) return;
    if (unicode::repaired(bytes) == bytes)
      result.push_back(bytes);
    else
      result.insert(result.end(), bytes.size(), "\xef\xbf\xbd");
    bytes.clear();
  };
  for (const std::string& token : tokens) {
    if (token.size() == 6 && token.starts_with("<0x") && token[5] == '>' && digit(token[3]) >= 0 &&
        digit(token[4]) >= 0) {
      bytes += static_cast<char>(static_cast<unsigned char>(digit(token[3]) * 16 + digit(token[4])));
      continue;
    }
    settle();
    result.push_back(token);
  }
  settle();
  return result;
}

Tokens joined(const Fuse&, const Tokens& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return {text};
}

Tokens joined(const StripEnds& step, Tokens tokens) {
  if (step.content.empty()) return tokens;
  for (std::string& token : tokens) {
    for (std::int64_t i = 0; i < step.start && token.starts_with(step.content); ++i)
      token.erase(0, step.content.size());
    for (std::int64_t i = 0; i < step.stop && token.ends_with(step.content); ++i)
      token.erase(token.size() - step.content.size());
  }
  return tokens;
}

Tokens joined(const Metaspace& step, Tokens tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i)
    replace_all(tokens[i], step.replacement, i == 0 && step.prepend != Metaspace::never ? "" : " ");
  return tokens;
}

}  // namespace

std::string decode(const std::vector<Decoder>& steps, std::vector<std::string> tokens) {
  for (const Decoder& step : steps)
    tokens = std::visit([&](const auto& one) { return joined(one, std::move(tokens)); }, step);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && steps.empty()) text += ' ';
    text += tokens[i];
  }
  return text;
}

}  // namespace joist::tokenizing
