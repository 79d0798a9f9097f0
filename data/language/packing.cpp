#include <joist/core/random.h>
#include <joist/data/language/packing.h>

#include <algorithm>
#include <numeric>

namespace joist {
namespace {

constexpr std::int64_t nothing = -100;

TokenPiece tokens_of(const TextExample& example, const Tokenizer& tokenizer, const PieceOptions& options) {
  TokenPiece piece;
  const auto add = [&piece](const std::vector<std::int64_t>& tokens, bool learn) {
    piece.tokens.insert(piece.tokens.end(), tokens.begin(), tokens.end());
    piece.learn.insert(piece.learn.end(), tokens.size(), learn);
  };
  add(tokenizer.encode(""), false);  // what begins every text
  for (const TextPart& part : example.parts) {
    add(tokenizer.encode(part.text, false), part.learn || options.learn_all);
    if (part.ends && options.end) add({*options.end}, part.learn || options.learn_all);
  }
  return piece;
}

TokenPiece part_of(const TokenPiece& piece, std::size_t begin, std::size_t end) {
  const auto from = static_cast<std::ptrdiff_t>(begin), to = static_cast<std::ptrdiff_t>(end);
  return {{piece.tokens.begin() + from, piece.tokens.begin() + to},
          {piece.learn.begin() + from, piece.learn.begin() + to}};
}

// The first token of a piece is no target: nothing stands before it.
std::int64_t targets_in(const TokenPiece& piece) {
  return piece.learn.empty() ? 0 : std::count(piece.learn.begin() + 1, piece.learn.end(), true);
}

}  // namespace

Pieces pieces_of(const std::vector<TextExample>& examples, const Tokenizer& tokenizer, const PieceOptions& options) {
  Pieces result;
  const auto length = static_cast<std::size_t>(options.length);
  for (const TextExample& example : examples) {
    const TokenPiece whole = tokens_of(example, tokenizer, options);
    const bool is_read =
        std::any_of(example.parts.begin(), example.parts.end(), [](const TextPart& part) { return !part.learn; });
    const bool divides = !is_read || options.learn_all;
    bool learns = false;
    for (std::size_t at = 0; at < whole.tokens.size(); at += length) {
      TokenPiece piece = part_of(whole, at, std::min(at + length, whole.tokens.size()));
      if (targets_in(piece) > 0) {
        learns = true;
        result.pieces.push_back(std::move(piece));
      }
      if (divides) continue;
      result.cut += whole.tokens.size() > length ? 1 : 0;
      break;
    }
    result.empty += learns ? 0 : 1;
  }
  return result;
}

std::vector<std::vector<std::size_t>> rows_of(const std::vector<TokenPiece>& pieces, std::int64_t length, bool packed,
                                              std::uint64_t seed) {
  std::vector<std::size_t> order(pieces.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> rows;
  if (!packed) {
    for (const std::size_t one : order) rows.push_back({one});
    return rows;
  }
  Random random({.seed = seed, .stream = Stream::shuffle, .draw = 7});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  std::size_t filled = 0;
  for (const std::size_t one : order) {
    const std::size_t size = pieces[one].tokens.size();
    if (rows.empty() || filled + size > static_cast<std::size_t>(length)) {
      rows.emplace_back();
      filled = 0;
    }
    rows.back().push_back(one);
    filled += size;
  }
  return rows;
}

std::int64_t targets_in(const std::vector<TokenPiece>& pieces, const std::vector<std::size_t>& row) {
  std::int64_t count = 0;
  for (const std::size_t one : row) count += targets_in(pieces[one]);
  return count;
}

TokenBatch batch_of(const std::vector<TokenPiece>& pieces, std::span<const std::vector<std::size_t>> rows) {
  std::size_t length = 0;
  bool several = false;
  for (const auto& row : rows) {
    std::size_t size = 0;
    for (const std::size_t one : row) size += pieces[one].tokens.size();
    length = std::max(length, size);
    several = several || row.size() > 1;
  }
  const std::size_t cells = rows.size() * length;
  std::vector<std::int64_t> tokens(cells, 0), targets(cells, nothing), positions(cells, 0), numbers(cells, -1);
  TokenBatch batch;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::size_t at = r * length;
    for (const std::size_t one : rows[r]) {
      const TokenPiece& piece = pieces[one];
      for (std::size_t i = 0; i < piece.tokens.size(); ++i, ++at) {
        tokens[at] = piece.tokens[i];
        positions[at] = static_cast<std::int64_t>(i);
        numbers[at] = static_cast<std::int64_t>(one);
        if (i + 1 < piece.tokens.size() && piece.learn[i + 1]) targets[at] = piece.tokens[i + 1];
      }
      batch.count += targets_in(piece);
    }
  }
  const auto n = static_cast<std::int64_t>(rows.size()), l = static_cast<std::int64_t>(length);
  batch.tokens = Array::from(tokens, {n, l});
  batch.targets = Array::from(targets, {n * l});
  if (!several) return batch;
  std::vector<std::int64_t> apart(cells * length, 0);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t i = 0; i < length; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        apart[(r * length + i) * length + j] = numbers[r * length + i] == numbers[r * length + j] ? 1 : 0;
  batch.positions = Array::from(positions, {n, l});
  batch.apart = Array::from(apart, {n, 1, l, l});
  return batch;
}

}  // namespace joist
