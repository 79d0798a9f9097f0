// The texts of a run as rows of tokens.
#pragma once

#include <joist/data/language/packing.h>
#include <joist/data/tokenizer/tokenizer.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/language/pretrained.h>
#include <joist/tools/training/options.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace joist {

struct Texts {
  std::vector<TokenPiece> pieces{};
  std::vector<std::vector<std::size_t>> rows{};
  std::int64_t batches(std::int64_t batch) const {
    return (static_cast<std::int64_t>(rows.size()) + batch - 1) / batch;
  }
};

/// What the model learns to write in these rows: tokens.
std::int64_t targets_in(const Texts& texts, std::span<const std::vector<std::size_t>> rows);
/// Of tokens and of what is learned.
std::string digest_of(const Texts& texts);

/// Reads a file or folder of texts and says what was found; `which` is its name there. Throws DataError where nothing
/// can be learned.
Texts read_texts(const std::string& path, const char* which, const Tokenizer& tokenizer, const LanguageConfig& config,
                 const TrainOptions& options, Console& console);

}  // namespace joist
