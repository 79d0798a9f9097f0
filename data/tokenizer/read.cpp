// tokenizer.json, part by part.
#include <joist/core/error.h>
#include <joist/core/formats/json_strict.h>
#include <joist/data/tokenizer/parts.h>
#include <joist/data/tokenizer/unicode.h>

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;
using namespace tokenizing;

constexpr std::int64_t largest_number = 1 << 24;

constexpr const char* gpt2_words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class Reader {
 public:
  explicit Reader(std::string where) : where_(std::move(where)) {}

  TokenizerParts read(const Json& json) {
    TokenizerParts parts;
    if (has(json, "normalizer")) add_normalizers(json.at("normalizer"), parts.normalizers);
    if (has(json, "pre_tokenizer")) add_pre_tokenizers(json.at("pre_tokenizer"), parts.pre_tokenizers);
    parts.model = model(member(json, "model"));
    if (has(json, "post_processor")) add_surroundings(json.at("post_processor"), parts);
    if (has(json, "decoder")) add_decoders(json.at("decoder"), parts.decoders);
    std::visit([&](const auto& one) { parts.numbers = one.vocabulary; }, parts.model);
    if (has(json, "added_tokens"))
      for (const Json& token : list(json, "added_tokens")) add_token(token, parts);
    list_tokens(parts);
    for (const std::vector<std::int64_t>& around : {parts.before, parts.behind})
      for (const std::int64_t token : around)
        if (token >= static_cast<std::int64_t>(parts.tokens.size()))
          refuse(fmt::format("the post-processor puts token {} around texts, the vocabulary ends before it", token),
                 fmt::format("a number below {}", parts.tokens.size()));
    return parts;
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& expected) const {
    throw DataError({.where = where_,
                     .what = what,
                     .expected = expected,
                     .remedy = "get the file again from where the model came from"});
  }
  [[noreturn]] void unsupported(const char* part, const std::string& type, const char* expected) const {
    throw UnsupportedError({.where = where_,
                            .what = fmt::format("unsupported: the {} {}", part, printable(type)),
                            .expected = expected,
                            .remedy = "a model of the kind of GPT-2, Llama, Qwen or BERT"});
  }
  static bool has(const Json& json, const char* key) { return json.contains(key) && !json.at(key).is_null(); }
  const Json& member(const Json& json, const char* key) const {
    if (!json.is_object() || !has(json, key)) refuse(fmt::format("\"{}\" is missing", key), "what transformers writes");
    return json.at(key);
  }
  const Json& list(const Json& json, const char* key) const {
    const Json& value = member(json, key);
    if (!value.is_array()) refuse(fmt::format("\"{}\" is no list", key), "a list");
    return value;
  }
  std::string text(const Json& json, const char* key) const {
    const Json& value = member(json, key);
    if (!value.is_string()) refuse(fmt::format("\"{}\" is no text", key), "text");
    return value.get<std::string>();
  }
  std::string text(const Json& json, const char* key, const char* otherwise) const {
    return has(json, key) ? text(json, key) : otherwise;
  }
  bool truth(const Json& json, const char* key, bool otherwise) const {
    if (!has(json, key)) return otherwise;
    if (!json.at(key).is_boolean()) refuse(fmt::format("\"{}\" is neither true nor false", key), "true or false");
    return json.at(key).get<bool>();
  }
  std::int64_t number(const Json& value, const std::string& name) const {
    if (!value.is_number_integer() || value.get<double>() < 0 || value.get<double>() >= largest_number)
      refuse(fmt::format("the number of \"{}\" is out of range", printable(name)),
             fmt::format("a whole number below {}", largest_number));
    return value.get<std::int64_t>();
  }
  std::int64_t count(const Json& json, const char* key) const { return number(member(json, key), std::string(key)); }

  // {"String": "x"}, {"Regex": "x"} or "x".
  std::variant<Pattern, std::string> pattern(const Json& json) const {
    const Json& value = member(json, "pattern");
    if (value.is_string()) return value.get<std::string>();
    if (has(value, "String")) return text(value, "String");
    return Pattern(text(value, "Regex"), where_);
  }
  Replace replacement(const Json& json, const char* part) const {
    const auto from = pattern(json);
    if (!std::holds_alternative<std::string>(from) || std::get<std::string>(from).empty())
      unsupported(part, "Replace with a regular expression", "Replace with a text");
    return {std::get<std::string>(from), text(json, "content")};
  }

  void add_normalizers(const Json& json, std::vector<Normalizer>& steps) const {
    const std::string type = text(json, "type");
    const std::unordered_map<std::string, unicode::Form> forms{{"NFC", unicode::Form::nfc},
                                                               {"NFD", unicode::Form::nfd},
                                                               {"NFKC", unicode::Form::nfkc},
                                                               {"NFKD", unicode::Form::nfkd}};
    if (type == "Sequence") {
      for (const Json& one : list(json, "normalizers")) add_normalizers(one, steps);
    } else if (const auto form = forms.find(type); form != forms.end()) {
      steps.emplace_back(UnicodeForm{static_cast<int>(form->second)});
    } else if (type == "BertNormalizer") {
      const bool lowercase = truth(json, "lowercase", true);
      steps.emplace_back(BertNormalizer{.clean_text = truth(json, "clean_text", true),
                                        .handle_chinese_chars = truth(json, "handle_chinese_chars", true),
                                        .strip_accents = truth(json, "strip_accents", lowercase),
                                        .lowercase = lowercase});
    } else if (type == "Lowercase") {
      steps.emplace_back(Lowercase{});
    } else if (type == "StripAccents") {
      steps.emplace_back(StripAccents{});
    } else if (type == "Replace") {
      steps.emplace_back(replacement(json, "normalizer"));
    } else if (type == "Prepend") {
      steps.emplace_back(Prepend{text(json, "prepend")});
    } else {
      unsupported("normalizer", type,
                  "Sequence, NFC, NFD, NFKC, NFKD, BertNormalizer, Lowercase, StripAccents, Replace or Prepend");
    }
  }

  Metaspace metaspace(const Json& json) const {
    Metaspace step{.replacement = text(json, "replacement")};
    const std::string scheme = text(json, "prepend_scheme", truth(json, "add_prefix_space", true) ? "always" : "never");
    step.prepend = scheme == "first" ? Metaspace::first : scheme == "never" ? Metaspace::never : Metaspace::always;
    step.split = truth(json, "split", true);
    if (step.replacement.empty()) refuse("an empty replacement of Metaspace", "a character");
    return step;
  }

  void add_pre_tokenizers(const Json& json, std::vector<PreTokenizer>& steps) const {
    const std::string type = text(json, "type");
    if (type == "Sequence") {
      for (const Json& one : list(json, "pretokenizers")) add_pre_tokenizers(one, steps);
    } else if (type == "ByteLevel") {
      ByteLevel step{.add_prefix_space = truth(json, "add_prefix_space", true)};
      if (truth(json, "use_regex", true)) step.words.emplace(gpt2_words, where_);
      steps.emplace_back(std::move(step));
    } else if (type == "Split") {
      const std::string behavior = text(json, "behavior");
      if (behavior != "Isolated" && behavior != "Removed")
        unsupported("behavior of Split", behavior, "Isolated or Removed");
      steps.emplace_back(Split{pattern(json), behavior == "Removed", truth(json, "invert", false)});
    } else if (type == "BertPreTokenizer") {
      steps.emplace_back(BertWords{});
    } else if (type == "WhitespaceSplit") {
      steps.emplace_back(WhitespaceSplit{});
    } else if (type == "Digits") {
      steps.emplace_back(Digits{truth(json, "individual_digits", false)});
    } else if (type == "Metaspace") {
      steps.emplace_back(metaspace(json));
    } else {
      unsupported("pre-tokenizer", type,
                  "Sequence, ByteLevel, Split, BertPreTokenizer, WhitespaceSplit, Digits or Metaspace");
    }
  }

  Vocabulary vocabulary(const Json& json) const {
    const Json& entries = member(json, "vocab");
    if (!entries.is_object()) refuse("\"vocab\" is no object", "an object with a number for each token");
    Vocabulary result;
    for (const auto& [token, value] : entries.items()) result.emplace(token, number(value, token));
    return result;
  }

  Model model(const Json& json) const {
    const std::string type = text(json, "type", has(json, "merges") ? "BPE" : "");
    if (type == "BPE") return bpe(json);
    if (type != "WordPiece") unsupported("model", type, "BPE or WordPiece");
    WordPiece result{.vocabulary = vocabulary(json),
                     .continuing_prefix = text(json, "continuing_subword_prefix", "##")};
    if (has(json, "max_input_chars_per_word"))
      result.longest_word = static_cast<std::size_t>(count(json, "max_input_chars_per_word"));
    const auto unknown = result.vocabulary.find(text(json, "unk_token", "[UNK]"));
    if (unknown == result.vocabulary.end())
      refuse("the unknown token is not in the vocabulary", "an unk_token that is");
    result.unknown = unknown->second;
    return result;
  }

  Bpe bpe(const Json& json) const {
    if (has(json, "dropout") && json.at("dropout") != 0) unsupported("option", "dropout of merges", "null");
    Bpe result{.vocabulary = vocabulary(json),
               .continuing_prefix = text(json, "continuing_subword_prefix", ""),
               .end_suffix = text(json, "end_of_word_suffix", ""),
               .fuse_unknown = truth(json, "fuse_unk", false),
               .byte_fallback = truth(json, "byte_fallback", false),
               .ignore_merges = truth(json, "ignore_merges", false)};
    const auto find = [&](const std::string& token) {
      const auto found = result.vocabulary.find(token);
      if (found == result.vocabulary.end())
        refuse(fmt::format("\"{}\", which is merged or unknown, is not in the vocabulary", printable(token)),
               "a token of the vocabulary");
      return found->second;
    };
    if (has(json, "unk_token")) result.unknown = find(text(json, "unk_token"));
    std::int64_t rank = 0;
    for (const Json& merge : list(json, "merges")) {
      std::string left, right;
      if (merge.is_string()) {
        const std::string both = merge.get<std::string>();
        const std::size_t space = both.find(' ');
        if (space == both.npos || both.find(' ', space + 1) != both.npos)
          refuse("the merge \"" + printable(both) + "\" has not two parts", "LEFT RIGHT");
        left = both.substr(0, space);
        right = both.substr(space + 1);
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        left = merge[0].get<std::string>();
        right = merge[1].get<std::string>();
      } else {
        refuse("a merge is neither text nor a pair", "\"LEFT RIGHT\" or [\"LEFT\", \"RIGHT\"]");
      }
      const std::string tail =
          right.starts_with(result.continuing_prefix) ? right.substr(result.continuing_prefix.size()) : right;
      const auto key = static_cast<std::uint64_t>(find(left)) << 32U | static_cast<std::uint64_t>(find(right));
      result.merges.insert_or_assign(key, Bpe::Merge{rank++, find(left + tail)});
    }
    return result;
  }

  void add_surroundings(const Json& json, TokenizerParts& parts) const {
    const std::string type = text(json, "type");
    if (type == "Sequence") {
      for (const Json& one : list(json, "processors")) add_surroundings(one, parts);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      const Json &first = list(json, "cls"), &last = list(json, "sep");
      if (first.size() != 2 || last.size() != 2) refuse("cls or sep is no pair", "[TOKEN, NUMBER]");
      parts.before.insert(parts.before.begin(), number(first[1], "cls"));
      parts.behind.push_back(number(last[1], "sep"));
    } else if (type == "TemplateProcessing") {
      add_template(json, parts);
    } else if (type != "ByteLevel") {
      unsupported("post-processor", type,
                  "Sequence, TemplateProcessing, BertProcessing, RobertaProcessing or ByteLevel");
    }
  }

  void add_template(const Json& json, TokenizerParts& parts) const {
    std::vector<std::int64_t> before, behind;
    bool is_behind = false;
    for (const Json& part : list(json, "single")) {
      if (has(part, "Sequence")) {
        if (is_behind) unsupported("template", "with the text twice", "the text once");
        is_behind = true;
        continue;
      }
      const std::string name = text(member(part, "SpecialToken"), "id");
      const Json& tokens = member(json, "special_tokens");
      for (const Json& one : list(member(tokens, name.c_str()), "ids"))
        (is_behind ? behind : before).push_back(number(one, name));
    }
    parts.before.insert(parts.before.begin(), before.begin(), before.end());
    parts.behind.insert(parts.behind.end(), behind.begin(), behind.end());
  }

  void add_decoders(const Json& json, std::vector<Decoder>& steps) const {
    const std::string type = text(json, "type");
    if (type == "Sequence") {
      for (const Json& one : list(json, "decoders")) add_decoders(one, steps);
    } else if (type == "ByteLevel") {
      steps.emplace_back(JoinBytes{});
    } else if (type == "WordPiece") {
      steps.emplace_back(JoinPieces{text(json, "prefix", "##"), truth(json, "cleanup", true)});
    } else if (type == "Replace") {
      steps.emplace_back(replacement(json, "decoder"));
    } else if (type == "ByteFallback") {
      steps.emplace_back(ByteFallback{});
    } else if (type == "Fuse") {
      steps.emplace_back(Fuse{});
    } else if (type == "Strip") {
      steps.emplace_back(StripEnds{text(json, "content"), count(json, "start"), count(json, "stop")});
    } else if (type == "Metaspace") {
      steps.emplace_back(metaspace(json));
    } else {
      unsupported("decoder", type, "Sequence, ByteLevel, WordPiece, Replace, ByteFallback, Fuse, Strip or Metaspace");
    }
  }

  void add_token(const Json& json, TokenizerParts& parts) const {
    AddedToken token{.content = text(json, "content"),
                     .number = count(json, "id"),
                     .single_word = truth(json, "single_word", false),
                     .lstrip = truth(json, "lstrip", false),
                     .rstrip = truth(json, "rstrip", false),
                     .special = truth(json, "special", false)};
    token.normalized = truth(json, "normalized", !token.special);
    if (token.content.empty()) return;
    parts.numbers.insert_or_assign(token.content, token.number);
    if (token.normalized)
      parts.normalized.add(normalize(parts.normalizers, token.content), token);
    else
      parts.raw.add(token.content, token);
    parts.added.push_back(std::move(token));
  }

  static void list_tokens(TokenizerParts& parts) {
    std::int64_t count = 0;
    for (const auto& [token, value] : parts.numbers) count = std::max(count, value + 1);
    parts.tokens.resize(static_cast<std::size_t>(count));
    parts.special.resize(static_cast<std::size_t>(count));
    for (const auto& [token, value] : parts.numbers) parts.tokens[static_cast<std::size_t>(value)] = token;
    for (const AddedToken& token : parts.added) {
      parts.tokens[static_cast<std::size_t>(token.number)] = token.content;
      parts.special[static_cast<std::size_t>(token.number)] = token.special;
    }
  }

  std::string where_;
};

}  // namespace

TokenizerParts parse_tokenizer(const std::string& text, const std::string& where) {
  return Reader(where).read(parse_json_object<Json>(where, text));
}

}  // namespace joist
