// Text to the numbers that language models read, and back: what tokenizer.json describes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

struct TokenizerParts;

/// The same numbers as the package tokenizers (Hugging Face) from the same tokenizer.json: byte-level BPE (GPT-2,
/// Qwen2, Llama 3), BPE with byte fallback (Llama 2, Mistral), WordPiece (BERT). Truncation and padding that the file
/// may ask for are not done. Any number of threads may use one tokenizer.
class Tokenizer {
 public:
  /// A tokenizer.json, or a folder with one. Throws DataError for damage, UnsupportedError for a part of another kind,
  /// naming it and what there is.
  static Tokenizer read(const std::filesystem::path& path);
  static Tokenizer parse(const std::string& json, const std::string& where);

  /// Bytes that are no UTF-8 become U+FFFD. `special`: with the tokens around a text, such as [CLS] and [SEP]. Tokens
  /// that are written in the text, such as <|im_end|>, are always found.
  std::vector<std::int64_t> encode(std::string_view text, bool special = true) const;
  /// Numbers that stand for nothing are left out. Bytes that are no UTF-8 become U+FFFD.
  std::string decode(std::span<const std::int64_t> numbers, bool skip_special = true) const;

  std::optional<std::int64_t> find(const std::string& token) const;
  /// One more than the largest number.
  std::int64_t size() const noexcept;

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const TokenizerParts> parts_;
};

}  // namespace joist
