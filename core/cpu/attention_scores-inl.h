// The parts that attention's forward and backward share: which keys a block of queries sees, packed keys, scores and
// dropout. Once per instruction set.
#if defined(JOIST_CORE_CPU_ATTENTION_SCORES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef JOIST_CORE_CPU_ATTENTION_SCORES_INL_H
#undef JOIST_CORE_CPU_ATTENTION_SCORES_INL_H
#else
#define JOIST_CORE_CPU_ATTENTION_SCORES_INL_H
#endif

#include <joist/core/cpu/attention.h>
#include <joist/core/cpu/random.h>
#include <joist/core/cpu/simd-inl.h>

#include <algorithm>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

using attention::Grid;
using attention::Heads;
using attention::key_block;
using attention::Problem;
using attention::query_block;

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Range {
  std::int64_t begin, end;
  bool empty() const { return begin >= end; }
};

// Keys that a query may see, apart from its mask.
Range keys_of(const Problem& p, std::int64_t query) {
  const std::int64_t position = query + p.shift, window = p.options.window;
  Range keys{0, p.keys};
  if (p.options.causal) keys.end = std::min(keys.end, position + 1);
  if (window > 0) keys = {std::max(keys.begin, position - window + 1), std::min(keys.end, position + window)};
  return keys;
}

// One block of queries of one head.
struct Queries {
  std::int64_t batch, head, key_head, begin, rows;
  Queries(const Problem& p, std::int64_t b, std::int64_t h, std::int64_t block)
      : batch(b),
        head(h),
        key_head(h / p.group()),
        begin(block * query_block),
        rows(std::min(query_block, p.queries - begin)) {}
  // Keys that any of them sees.
  Range keys(const Problem& p) const { return {keys_of(p, begin).begin, keys_of(p, begin + rows - 1).end}; }
  std::int64_t row(const Problem& p, std::int64_t i) const { return (batch * p.heads + head) * p.queries + begin + i; }
};

// Item number `item` as (batch and head, block): the first, the last, the second, … so that causal work is even.
struct Item {
  std::int64_t sequence, block;
  Item(std::int64_t item, std::int64_t blocks) : sequence(item / blocks), block(item % blocks) {
    block = block % 2 == 0 ? block / 2 : blocks - 1 - block / 2;
  }
};

std::int64_t rounded(std::int64_t count) { return (count + lanes() - 1) / lanes() * lanes(); }

const float* packed(const float* memory, const Problem& p, std::int64_t width, std::int64_t b, std::int64_t key_head,
                    std::int64_t block) {
  return memory + ((b * p.key_heads + key_head) * p.key_blocks() + block) * width * key_block;
}

// Products q·k of a row with keys first … first + count - 1 become scores, -infinity where the key may not be seen and
// beyond the keys, up to rounded(count).
void finish_scores(const Problem& p, const Queries& queries, std::int64_t i, std::int64_t first, std::int64_t count,
                   float* scores) {
  const std::int64_t query = queries.begin + i, position = query + p.shift;
  HWY_ALIGN float extra[key_block];
  if (p.mask.exists()) {
    std::int64_t at = p.mask.at(queries.batch, queries.head, query, first);
    if (p.mask.choices)
      for (std::int64_t j = 0; j < count; ++j) extra[j] = p.mask.choices[at + j * p.mask.column] ? 0 : -infinity;
    else
      for (std::int64_t j = 0; j < count; ++j) extra[j] = p.mask.numbers[at + j * p.mask.column];
    for (std::int64_t j = count; j < rounded(count); ++j) extra[j] = 0;
  }
  const Lanes scale(p.scale), lowest(-infinity);
  const Lanes slope(p.slopes ? p.slopes[queries.head * p.slope_stride] : 0.0F);
  for (std::int64_t j = 0; j < count; j += lanes()) {
    Lanes score = load(scores + j) * scale;
    if (p.slopes) {
      const Lanes distance = hn::Iota(FloatTag(), static_cast<float>(first + j - position));
      score = score - slope * abs(distance);
    }
    if (p.mask.exists()) {
      const Lanes added = load(extra + j);
      score = select(added == lowest, lowest, score + added);
    }
    store(score, scores + j);
  }
  const Range seen = keys_of(p, query);
  for (std::int64_t j = 0; j < std::min(count, seen.begin - first); ++j) scores[j] = -infinity;
  for (std::int64_t j = std::max<std::int64_t>(0, std::min(count, seen.end - first)); j < rounded(count); ++j)
    scores[j] = -infinity;
}

// Factors 0 or 1 / (1 - dropout) of a row's weights.
class Dropout {
 public:
  explicit Dropout(const Problem& p)
      : threshold_(static_cast<std::uint32_t>(std::ceil(p.options.dropout * 0x1p24))),
        factor_(static_cast<float>(1 / (1 - p.options.dropout))) {}
  void draw(const Problem& p, std::int64_t row, std::int64_t first, std::int64_t count, float* factors) const {
    const auto block = static_cast<std::uint32_t>(row * ((p.keys + 3) / 4) + first / 4);
    HWY_ALIGN std::uint32_t words[key_block];
    random_words(p.options.key, block, (count + 3) / 4, words);
    for (std::int64_t j = 0; j < count; ++j) factors[j] = (words[j] >> 8) >= threshold_ ? factor_ : 0;
  }

 private:
  std::uint32_t threshold_;
  float factor_;
};

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#endif
