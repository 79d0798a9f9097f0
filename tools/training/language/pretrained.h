// Language models from the folders that transformers writes: config.json, model.safetensors (or its shards).
#pragma once

#include <joist/core/formats/archive.h>
#include <joist/layers/causal.h>
#include <joist/layers/models/bert.h>
#include <joist/layers/models/gpt2.h>
#include <joist/layers/models/llama.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace joist {

/// What config.json says, as far as joist needs it.
struct LanguageConfig {
  std::string model_type{};  ///< "qwen2", "gpt2", "bert", …
  std::variant<LlamaOptions, Gpt2Options, BertOptions> options{};
  std::int64_t vocabulary = 0;
  std::int64_t longest = 0;          ///< positions that the model was made for
  std::vector<std::int64_t> ends{};  ///< eos_token_id
  bool predicts_next() const { return !std::holds_alternative<BertOptions>(options); }
};

/// Reads the text of a config.json; `where` is named in messages. Throws DataError for damage and sizes out of range,
/// UnsupportedError for other kinds of models, activations and rotary scalings, each listing what there is.
LanguageConfig parse_language_config(const std::string& text, const std::string& where);
LanguageConfig read_language_config(const std::filesystem::path& folder);

/// The folder's weights: model.safetensors, its shards, or pytorch_model.bin. Throws DataError where there are none.
std::filesystem::path language_weights(const std::filesystem::path& folder);

/// A model that predicts the next token, whichever it is.
class CausalModel {
 public:
  virtual ~CausalModel() = default;
  virtual Tensor operator()(const Tensor& tokens, const CausalCall& call = {}) const = 0;
  virtual std::vector<Field> fields() = 0;
  /// Every parameter by name, as the member that it is: what replaces it is what the model computes with.
  virtual void each_parameter(const std::function<void(const std::string&, Parameter&)>& visit) = 0;
};

/// The model with random weights from manual_seed(). Throws UnsupportedError for encoders.
std::unique_ptr<CausalModel> make_causal_model(const LanguageConfig& config);
/// The same with the folder's weights. Throws what load_mapped() throws.
std::unique_ptr<CausalModel> load_causal_model(const std::filesystem::path& folder);
/// A BERT encoder with the folder's weights; the pooler only where the file has one.
Bert load_bert(const std::filesystem::path& folder);

/// The bytes of model.safetensors as transformers reads it.
std::vector<std::byte> language_weights_bytes(const std::vector<Field>& fields);

}  // namespace joist
