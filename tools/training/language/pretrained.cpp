#include <joist/core/error.h>
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/safetensors.h>
#include <joist/tools/training/language/pretrained.h>
#include <joist/tools/training/weight_mapping.h>

#include <algorithm>

#include <fmt/format.h>

namespace joist {
namespace {

template <class M>
class CausalOf final : public CausalModel {
 public:
  template <class Options>
  explicit CausalOf(const Options& options) : model_(options) {}
  Tensor operator()(const Tensor& tokens, const CausalCall& call) const override { return model_(tokens, call); }
  std::vector<Field> fields() override { return fields_of(model_); }
  void each_parameter(const std::function<void(const std::string&, Parameter&)>& visit) override {
    visit_fields(model_, [&]<class F>(const std::string& name, F& field) {
      if constexpr (std::is_same_v<F, Parameter>) visit(name, field);
    });
  }

 private:
  M model_;
};

bool any_name(const StoredArchive& stored, const auto& is) {
  return std::any_of(stored.arrays.begin(), stored.arrays.end(), [&](const StoredArray& one) { return is(one.name); });
}

/// What older versions of transformers wrote under other names, or wrote although it is no weight.
MappingOptions mapping_for(const StoredArchive& stored, const LanguageConfig& config) {
  MappingOptions mapping{.fresh_head = false};
  if (std::holds_alternative<BertOptions>(config.options)) {
    mapping.rules = {"**embeddings.position_ids=", "**LayerNorm.gamma=**LayerNorm.weight",
                     "**LayerNorm.beta=**LayerNorm.bias"};
  } else if (const auto* gpt2 = std::get_if<Gpt2Options>(&config.options)) {
    mapping.rules = {"**.attn.bias=", "**.attn.masked_bias="};
    if (gpt2->tied) mapping.rules.push_back("lm_head.weight=");
    if (!any_name(stored, [](const std::string& name) { return name.starts_with("transformer."); }))
      mapping.rules.push_back("**=transformer.**");
  } else {
    mapping.rules = {"**rotary_emb.inv_freq="};
    if (std::get<LlamaOptions>(config.options).tied) mapping.rules.push_back("lm_head.weight=");
  }
  return mapping;
}

// A checkpoint without a head: what it was trained with is the table of tokens.
LanguageConfig with_head_as_stored(LanguageConfig config, const StoredArchive& stored) {
  if (any_name(stored, [](const std::string& name) { return name == "lm_head.weight"; })) return config;
  if (auto* llama = std::get_if<LlamaOptions>(&config.options)) llama->tied = true;
  if (auto* gpt2 = std::get_if<Gpt2Options>(&config.options)) gpt2->tied = true;
  return config;
}

// At least so many numbers has a model of this configuration; as double, which no product overflows.
double fewest_numbers(const LanguageConfig& config) {
  const auto d = [](std::int64_t value) { return static_cast<double>(value); };
  if (const auto* o = std::get_if<LlamaOptions>(&config.options)) {
    const double head = o->head_width > 0 ? d(o->head_width) : d(o->width) / d(o->heads);
    const double attention = 2 * (d(o->heads) + d(o->key_heads)) * head * d(o->width);
    return d(o->vocabulary) * d(o->width) + d(o->layers) * (attention + 3 * d(o->mlp) * d(o->width));
  }
  if (const auto* o = std::get_if<Gpt2Options>(&config.options)) {
    const double mlp = o->mlp > 0 ? d(o->mlp) : 4 * d(o->width);
    return d(o->vocabulary + o->positions) * d(o->width) +
           d(o->layers) * (4 * d(o->width) * d(o->width) + 2 * mlp * d(o->width));
  }
  const auto& o = std::get<BertOptions>(config.options);
  return d(o.vocabulary + o.positions + o.token_types) * d(o.width) +
         d(o.layers) * (4 * d(o.width) * d(o.width) + 2 * d(o.mlp) * d(o.width));
}

// Before the model takes memory: the sizes that config.json names are borne out by what the file holds.
void require_as_large_as(const LanguageConfig& config, const StoredArchive& stored, const std::string& where) {
  double numbers = 0;
  for (const StoredArray& array : stored.arrays) numbers += static_cast<double>(array.shape.elements());
  if (fewest_numbers(config) <= numbers) return;
  throw DataError({.where = where,
                   .what = fmt::format("{:.0f} numbers, too few for the sizes in config.json", numbers),
                   .expected = fmt::format("at least {:.0f}", fewest_numbers(config)),
                   .remedy = "take config.json and weights from the same model"});
}

}  // namespace

std::filesystem::path language_weights(const std::filesystem::path& folder) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"})
    if (std::filesystem::exists(folder / name)) return folder / name;
  throw DataError({.where = folder.string(),
                   .what = "no weights in this folder",
                   .expected = "model.safetensors, model.safetensors.index.json or pytorch_model.bin",
                   .remedy = "a folder that transformers' save_pretrained() wrote"});
}

std::unique_ptr<CausalModel> make_causal_model(const LanguageConfig& config) {
  if (const auto* llama = std::get_if<LlamaOptions>(&config.options)) return std::make_unique<CausalOf<Llama>>(*llama);
  if (const auto* gpt2 = std::get_if<Gpt2Options>(&config.options)) return std::make_unique<CausalOf<Gpt2>>(*gpt2);
  throw UnsupportedError(
      {.where = "config.json",
       .what = "unsupported: predicting the next token with a model of the type " + config.model_type,
       .expected = "llama, qwen2, qwen3, mistral or gpt2",
       .remedy = "joist embed gives sentence vectors of a BERT"});
}

std::unique_ptr<CausalModel> load_causal_model(const std::filesystem::path& folder) {
  LanguageConfig config = read_language_config(folder);
  const std::filesystem::path file = language_weights(folder);
  const StoredArchive stored = open_checkpoint_file(file);
  require_as_large_as(config, stored, file.string());
  config = with_head_as_stored(std::move(config), stored);
  std::unique_ptr<CausalModel> model = make_causal_model(config);
  load_mapped(model->fields(), stored, mapping_for(stored, config), file.string());
  return model;
}

Bert load_bert(const std::filesystem::path& folder) {
  const LanguageConfig config = read_language_config(folder);
  const auto* options = std::get_if<BertOptions>(&config.options);
  if (!options)
    throw UnsupportedError({.where = folder.string(),
                            .what = "unsupported: sentence vectors of a model of the type " + config.model_type,
                            .expected = "bert",
                            .remedy = "another model"});
  const std::filesystem::path file = language_weights(folder);
  const StoredArchive stored = open_checkpoint_file(file);
  require_as_large_as(config, stored, file.string());
  BertOptions wanted = *options;
  wanted.pooler = any_name(stored, [](const std::string& name) { return name.ends_with("pooler.dense.weight"); });
  Bert model(wanted);
  load_mapped(fields_of(model), stored, mapping_for(stored, config), file.string());
  return model;
}

std::vector<std::byte> language_weights_bytes(const std::vector<Field>& fields) {
  Archive archive;
  archive.attributes["format"] = "pt";
  for (const Field& field : fields) archive.arrays.push_back({field.name, row_major_copy(field.tensor.value())});
  return safetensors_bytes(archive);
}

}  // namespace joist
