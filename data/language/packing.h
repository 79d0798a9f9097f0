// Texts as rows of tokens of one length.
#pragma once

#include <joist/core/array.h>
#include <joist/data/language/examples.h>
#include <joist/data/tokenizer/tokenizer.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// Tokens that see each other and nothing else.
struct TokenPiece {
  std::vector<std::int64_t> tokens{};
  std::vector<bool> learn{};  ///< of each token: whether the model learns to write it
};

struct PieceOptions {
  std::int64_t length = 512;          ///< longest piece
  std::optional<std::int64_t> end{};  ///< the token behind what ends
  bool learn_all = false;             ///< also what the model would only read
};
struct Pieces {
  std::vector<TokenPiece> pieces{};
  std::int64_t cut = 0;    ///< examples with something to read only that were longer and lost their end
  std::int64_t empty = 0;  ///< examples of which nothing is left to learn
};
/// Examples that are learned as a whole are cut into pieces of the length, so that nothing is lost; of others the
/// beginning is taken.
Pieces pieces_of(const std::vector<TextExample>& examples, const Tokenizer& tokenizer, const PieceOptions& options);

/// Which pieces stand in each row: one, or as many as fit when packed (next fit, in an order by the seed).
std::vector<std::vector<std::size_t>> rows_of(const std::vector<TokenPiece>& pieces, std::int64_t length, bool packed,
                                              std::uint64_t seed);

struct TokenBatch {
  Array tokens{};          ///< int64 [rows, length]; 0 behind the end of a row
  Array targets{};         ///< int64 [rows · length]: the token behind each, -100 where none is learned
  Array positions{};       ///< int64 [rows, length], beginning anew with each piece; undefined: one piece per row
  Array apart{};           ///< int64 [rows, 1, length, length]: 1 where two tokens are of one piece; undefined as well
  std::int64_t count = 0;  ///< targets
};
TokenBatch batch_of(const std::vector<TokenPiece>& pieces, std::span<const std::vector<std::size_t>> rows);
/// How many targets a row has.
std::int64_t targets_in(const std::vector<TokenPiece>& pieces, const std::vector<std::size_t>& row);

}  // namespace joist
