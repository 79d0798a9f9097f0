// What a tokenizer.json consists of, step by step; the names are those of the file.
#pragma once

#include <joist/data/tokenizer/pattern.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace joist::tokenizing {

// ---- normalizers: text -> text
struct BertNormalizer {
  bool clean_text = true, handle_chinese_chars = true, strip_accents = true, lowercase = true;
};
struct UnicodeForm {
  int form = 0;  ///< unicode::Form
};
struct Lowercase {};
struct StripAccents {};
struct Replace {
  std::string from{}, to{};
};
struct Prepend {
  std::string text{};
};
using Normalizer = std::variant<BertNormalizer, UnicodeForm, Lowercase, StripAccents, Replace, Prepend>;
std::string normalize(const std::vector<Normalizer>& steps, std::string text);

// ---- pre-tokenizers: text -> words
struct ByteLevel {  ///< bytes become printable characters, a space "Ġ"
  bool add_prefix_space = false;
  std::optional<Pattern> words{};
};
struct Split {
  std::variant<Pattern, std::string> at;
  bool remove = false;  ///< what fits (or, inverted, what does not) vanishes, else it is a word of its own
  bool invert = false;
};
struct BertWords {};
struct WhitespaceSplit {};
struct Digits {
  bool individual = false;
};
struct Metaspace {
  enum Prepend { never, first, always };
  std::string replacement{};
  Prepend prepend = always;
  bool split = true;
};
using PreTokenizer = std::variant<ByteLevel, Split, BertWords, WhitespaceSplit, Digits, Metaspace>;
/// `first`: the text is the beginning of the whole.
std::vector<std::string> pre_tokenize(const std::vector<PreTokenizer>& steps, std::string text, bool first);
/// Bytes as the characters that stand for them, and back; text with other characters stays as it is.
std::string bytes_as_text(std::string_view bytes);
bool text_as_bytes(std::string_view text, std::string& bytes);

// ---- models: word -> numbers
using Vocabulary = std::unordered_map<std::string, std::int64_t>;

struct Bpe {
  struct Merge {
    std::int64_t rank = 0, result = 0;
  };
  Vocabulary vocabulary{};
  std::unordered_map<std::uint64_t, Merge> merges{};  // of pairs of numbers, left in the upper half
  std::optional<std::int64_t> unknown{};
  std::string continuing_prefix{}, end_suffix{};
  bool fuse_unknown = false, byte_fallback = false, ignore_merges = false;
};
struct WordPiece {
  Vocabulary vocabulary{};
  std::int64_t unknown = 0;
  std::string continuing_prefix = "##";
  std::size_t longest_word = 100;  ///< in characters
};
using Model = std::variant<Bpe, WordPiece>;
void tokenize(const Bpe& model, const std::string& word, std::vector<std::int64_t>& numbers);
void tokenize(const WordPiece& model, const std::string& word, std::vector<std::int64_t>& numbers);

// ---- decoders: tokens -> text
struct JoinBytes {};
struct JoinPieces {
  std::string prefix{};
  bool cleanup = true;
};
struct ByteFallback {};
struct Fuse {};
struct StripEnds {
  std::string content{};
  std::int64_t start = 0, stop = 0;
};
using Decoder = std::variant<JoinBytes, JoinPieces, Replace, ByteFallback, Fuse, StripEnds, Metaspace>;
/// Without steps the tokens stand with spaces between them.
std::string decode(const std::vector<Decoder>& steps, std::vector<std::string> tokens);

struct AddedToken {
  std::string content{};
  std::int64_t number = 0;
  bool single_word = false, lstrip = false, rstrip = false, normalized = true, special = false;
};

/// Tokens that are found in the text before anything else is done: at each place the longest.
class AddedSet {
 public:
  void add(const std::string& content, const AddedToken& token);
  struct Piece {
    std::string_view text{};
    const AddedToken* token = nullptr;  ///< nullptr: text between tokens
  };
  std::vector<Piece> split(std::string_view text) const;

 private:
  struct Entry {
    std::string content;
    AddedToken token;
  };
  std::unordered_map<unsigned char, std::vector<Entry>> by_first_{};  // the longest first
};

}  // namespace joist::tokenizing

namespace joist {

struct TokenizerParts {
  std::vector<tokenizing::AddedToken> added{};
  tokenizing::AddedSet raw{}, normalized{};
  std::vector<tokenizing::Normalizer> normalizers{};
  std::vector<tokenizing::PreTokenizer> pre_tokenizers{};
  tokenizing::Model model{};
  std::vector<std::int64_t> before{}, behind{};  // of the post-processor
  std::vector<tokenizing::Decoder> decoders{};
  std::vector<std::string> tokens{};  // by number; of added ones as well
  std::vector<bool> special{};        // by number
  std::unordered_map<std::string, std::int64_t> numbers{};
};

/// Reads the text of a tokenizer.json. Throws DataError and UnsupportedError.
TokenizerParts parse_tokenizer(const std::string& text, const std::string& where);

}  // namespace joist
