#include <joist/core/formats/sha256.h>
#include <joist/tools/training/language/language_task.h>
#include <joist/tools/training/language/texts.h>

#include <fmt/format.h>

namespace joist {

std::int64_t targets_in(const Texts& texts, std::span<const std::vector<std::size_t>> rows) {
  std::int64_t targets = 0;
  for (const auto& row : rows) targets += targets_in(texts.pieces, row);
  return targets;
}

std::string digest_of(const Texts& texts) {
  std::string bytes;
  for (const TokenPiece& piece : texts.pieces) {
    bytes.append(reinterpret_cast<const char*>(piece.tokens.data()), piece.tokens.size() * sizeof(std::int64_t));
    for (const bool learn : piece.learn) bytes += learn ? '1' : '0';
  }
  return hexadecimal(sha256(std::as_bytes(std::span(bytes))));
}

Texts read_texts(const std::string& path, const char* which, const Tokenizer& tokenizer, const LanguageConfig& config,
                 const TrainOptions& options, Console& console) {
  const std::vector<TextExample> examples = read_text_examples(path, chat_format(options.chat_format, tokenizer));
  const Pieces pieces =
      pieces_of(examples, tokenizer,
                {.length = options.size, .end = end_token(config, tokenizer), .learn_all = options.learn == "all"});
  Texts texts{.pieces = pieces.pieces};
  texts.rows = rows_of(texts.pieces, options.size, options.packing == "on", static_cast<std::uint64_t>(options.seed));
  std::int64_t tokens = 0;
  for (const TokenPiece& piece : texts.pieces) tokens += static_cast<std::int64_t>(piece.tokens.size());
  console.line(fmt::format("{}: {} texts, {} tokens of which {} are learned, in {} rows of up to {}", which,
                           examples.size(), tokens, targets_in(texts, texts.rows), texts.rows.size(), options.size));
  if (pieces.cut > 0)
    console.warn(
        fmt::format("{}: {} examples are longer than --size {} and lost their end", which, pieces.cut, options.size));
  if (pieces.empty > 0)
    console.warn(fmt::format("{}: {} examples have nothing to learn within {} tokens and are left out", which,
                             pieces.empty, options.size));
  if (texts.rows.empty())
    throw DataError({.where = path,
                     .what = "nothing to learn",
                     .expected = "texts of two tokens or more",
                     .remedy = "a larger --size, or --learn all"});
  return texts;
}

}  // namespace joist
