// Words in pieces: byte-pair encoding (Sennrich et al. 2016) and WordPiece (Schuster & Nakajima 2012).
#include <joist/data/tokenizer/parts.h>
#include <joist/data/tokenizer/unicode.h>

#include <queue>
#include <tuple>

namespace joist::tokenizing {
namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);

struct Symbol {
  std::int64_t number;
  std::size_t previous, next;
  bool gone = false;
};

std::uint64_t pair_of(std::int64_t left, std::int64_t right) {
  return static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint64_t>(right);
}

/// The smallest pieces of a word: its characters, where they have a number.
std::vector<std::int64_t> smallest(const Bpe& model, const std::string& word) {
  std::vector<std::int64_t> numbers;
  bool pending = false;  // an unknown character that waits for others to join it
  const auto settle = [&] {
    if (pending) numbers.push_back(*model.unknown);
    pending = false;
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t begin = at;
    static_cast<void>(unicode::next(word, at));
    std::string piece = word.substr(begin, at - begin);
    if (begin > 0) piece = model.continuing_prefix + piece;
    if (at == word.size()) piece += model.end_suffix;
    if (const auto found = model.vocabulary.find(piece); found != model.vocabulary.end()) {
      settle();
      numbers.push_back(found->second);
      continue;
    }
    if (model.byte_fallback) {
      std::vector<std::int64_t> bytes;
      for (const char c : piece) {
        constexpr const char* digits = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        const auto code = model.vocabulary.find(std::string("<0x") + digits[byte >> 4U] + digits[byte & 15U] + ">");
        if (code != model.vocabulary.end()) bytes.push_back(code->second);
      }
      if (bytes.size() == piece.size()) {
        numbers.insert(numbers.end(), bytes.begin(), bytes.end());
        continue;
      }
    }
    if (!model.unknown) continue;
    if (!model.fuse_unknown) settle();
    pending = true;
  }
  settle();
  return numbers;
}

}  // namespace

void tokenize(const Bpe& model, const std::string& word, std::vector<std::int64_t>& numbers) {
  if (model.ignore_merges)
    if (const auto found = model.vocabulary.find(word); found != model.vocabulary.end()) {
      numbers.push_back(found->second);
      return;
    }
  std::vector<Symbol> symbols;
  for (const std::int64_t number : smallest(model, word))
    symbols.push_back({number, symbols.size() - 1, symbols.size() + 1});  // before the first: none
  if (symbols.empty()) return;
  symbols.back().next = none;

  using Entry = std::tuple<std::int64_t, std::size_t, std::int64_t>;  // rank, place, result: the smallest first
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  const auto offer = [&](std::size_t at) {
    if (at == none || symbols[at].next == none) return;
    const auto found = model.merges.find(pair_of(symbols[at].number, symbols[symbols[at].next].number));
    if (found != model.merges.end()) queue.emplace(found->second.rank, at, found->second.result);
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) offer(i);
  while (!queue.empty()) {
    const auto [rank, at, result] = queue.top();
    queue.pop();
    Symbol& left = symbols[at];
    if (left.gone || left.next == none) continue;
    Symbol& right = symbols[left.next];
    const auto found = model.merges.find(pair_of(left.number, right.number));
    if (found == model.merges.end() || found->second.result != result) continue;
    left.number = result;
    right.gone = true;
    left.next = right.next;
    if (left.next != none) symbols[left.next].previous = at;
    offer(left.previous);
    offer(at);
  }
  for (const Symbol& symbol : symbols)
    if (!symbol.gone) numbers.push_back(symbol.number);
}

void tokenize(const WordPiece& model, const std::string& word, std::vector<std::int64_t>& numbers) {
  std::vector<std::size_t> ends;  // of characters
  for (std::size_t at = 0; at < word.size();) {
    static_cast<void>(unicode::next(word, at));
    ends.push_back(at);
    if (ends.size() > model.longest_word) {
      numbers.push_back(model.unknown);
      return;
    }
  }
  std::vector<std::int64_t> pieces;
  std::size_t begin = 0;
  for (std::size_t first = 0; first < ends.size();) {
    std::size_t last = ends.size();  // the longest piece first
    auto found = model.vocabulary.end();
    for (; last > first && found == model.vocabulary.end(); --last) {
      const std::string piece = word.substr(begin, ends[last - 1] - begin);
      found = model.vocabulary.find(begin > 0 ? model.continuing_prefix + piece : piece);
    }
    if (found == model.vocabulary.end()) {
      numbers.push_back(model.unknown);
      return;
    }
    pieces.push_back(found->second);
    first = last + 1;
    begin = ends[last];
  }
  numbers.insert(numbers.end(), pieces.begin(), pieces.end());
}

}  // namespace joist::tokenizing
