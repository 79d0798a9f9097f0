// Language models at work: text token by token, and vectors of sentences.
#pragma once

#include <joist/data/tokenizer/tokenizer.h>
#include <joist/layers/lora.h>
#include <joist/tools/training/language/pretrained.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace joist {

struct SamplingOptions {
  std::int64_t tokens = 128;  ///< at most so many
  double temperature = 0;     ///< 0: always the likeliest token; 1: as the model says; above: more daring
  std::int64_t top_k = 0;     ///< only the k likeliest; 0: all
  double top_p = 1;           ///< only the likeliest that together have this probability
  std::uint64_t seed = 0;
};

/// What the model goes on with, without the prompt and the token that ended it. `said`, if given, hears each token;
/// when it says false, or a signal came, generation ends. Throws UsageError for an empty prompt, options out of range
/// and a prompt that fills the model's longest sequence.
std::vector<std::int64_t> generate(const CausalModel& model, const LanguageConfig& config,
                                   const std::vector<std::int64_t>& prompt, const std::vector<std::int64_t>& ends,
                                   const SamplingOptions& options, const std::function<bool(std::int64_t)>& said = {});

/// A language model ready for use, with its adapter where it has one.
struct ReadyModel {
  LanguageConfig config{};
  Tokenizer tokenizer;
  std::unique_ptr<CausalModel> model{};
};
/// `path`: a model's folder, a folder of adapters, or the results of joist train, which hold one or the other. The base
/// of adapters is the one that they name, or `base`. Adapters become part of the weights.
ReadyModel open_language_model(const std::filesystem::path& path, const std::filesystem::path& base = {});

/// Sentence vectors as the package sentence-transformers makes them from the same folder: the mean over the tokens, of
/// length 1 where modules.json has Normalize.
class SentenceEncoder {
 public:
  /// Throws what load_bert() throws, UnsupportedError for another pooling than the mean or the first token.
  explicit SentenceEncoder(const std::filesystem::path& folder);
  /// float32 [sentences, width]. Longer sentences are cut.
  Array operator()(const std::vector<std::string>& sentences, std::int64_t batch = 32) const;

 private:
  Bert model_;
  Tokenizer tokenizer_;
  std::int64_t longest_ = 0;
  bool first_token_ = false, normalize_ = false;
};

}  // namespace joist
