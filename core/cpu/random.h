// Random words for many element blocks at once.
#pragma once

#include <joist/core/random.h>

#include <cstdint>

namespace joist {

/// words[4 * i … 4 * i + 3] = random_bits(key, first + i), for `blocks` blocks.
void random_words(const RandomKey& key, std::uint32_t first, std::int64_t blocks, std::uint32_t* words);

}  // namespace joist
