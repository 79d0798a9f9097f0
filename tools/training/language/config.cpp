// config.json of transformers.
#include <joist/core/error.h>
#include <joist/core/formats/json_strict.h>
#include <joist/data/text.h>
#include <joist/tools/training/language/pretrained.h>

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t largest_config = 1 << 20;
constexpr std::int64_t largest_width = 1 << 20, largest_vocabulary = 1 << 24, most_layers = 1000;

/// An object of config.json, read key by key with ranges.
class Section {
 public:
  Section(const Json& json, const std::string& where) : json_(json), where_(where) {}

  bool has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }
  std::int64_t number(const char* key, std::int64_t least, std::int64_t most, std::int64_t otherwise = -1) const {
    if (!has(key)) {
      if (otherwise >= 0) return otherwise;
      refuse(key, "is missing", fmt::format("a whole number, {} to {}", least, most));
    }
    const Json& value = json_.at(key);
    if (!value.is_number_integer() || value.get<double>() < static_cast<double>(least) ||
        value.get<double>() > static_cast<double>(most))
      refuse(key, "is out of range", fmt::format("a whole number, {} to {}", least, most));
    return value.get<std::int64_t>();
  }
  double real(const char* key, double otherwise) const {
    if (!has(key)) return otherwise;
    const Json& value = json_.at(key);
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0)
      refuse(key, "is no number", "a number of 0 or more");
    return value.get<double>();
  }
  bool truth(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_.at(key).is_boolean()) refuse(key, "is neither true nor false", "true or false");
    return json_.at(key).get<bool>();
  }
  std::string text(const char* key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_.at(key).is_string()) refuse(key, "is no text", "text");
    return json_.at(key).get<std::string>();
  }
  [[noreturn]] void refuse(const char* key, const char* what, const std::string& expected) const {
    throw DataError({.where = where_,
                     .what = fmt::format("\"{}\" {}", key, what),
                     .expected = expected,
                     .remedy = "get config.json again from where the model came from"});
  }
  [[noreturn]] void unsupported(const std::string& what, const std::string& expected) const {
    throw UnsupportedError({.where = where_,
                            .what = "unsupported: " + what,
                            .expected = expected,
                            .remedy = "another model, or an ONNX file of this one with joist onnx run"});
  }
  const Json& json() const { return json_; }
  const std::string& where() const { return where_; }

 private:
  const Json& json_;
  std::string where_;
};

Unary activation_of(const Section& config, const char* key, const char* otherwise) {
  const std::string name = config.text(key, otherwise);
  if (name == "silu" || name == "swish") return Silu{};
  if (name == "gelu") return Gelu{};
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return GeluTanh{};
  if (name == "relu") return Relu{};
  if (name == "tanh") return HyperbolicTangent{};
  config.unsupported("the activation " + printable(name), "silu, gelu, gelu_new, gelu_pytorch_tanh, relu or tanh");
}

// rope_parameters of transformers 5, or rope_theta beside rope_scaling.
RotaryTableOptions rotary_of(const Section& config, std::int64_t positions) {
  RotaryTableOptions rotary{.base = config.real("rope_theta", 10000)};
  const char* key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!config.has(key)) return rotary;
  if (!config.json().at(key).is_object()) config.refuse(key, "is no object", "an object with a rope_type");
  const Section scaling(config.json().at(key), config.where());
  rotary.base = scaling.real("rope_theta", rotary.base);
  const std::string type = scaling.text("rope_type", scaling.text("type", "default"));
  if (type == "default" || type == "mrope") return rotary;
  rotary.factor = scaling.real("factor", 1);
  rotary.original_positions =
      scaling.real("original_max_position_embeddings",
                   config.real("original_max_position_embeddings", static_cast<double>(positions)));
  if (type == "linear") {
    rotary.scaling = RotaryScaling::linear;
  } else if (type == "llama3") {
    rotary.scaling = RotaryScaling::llama3;
    rotary.low_frequency = scaling.real("low_freq_factor", 1);
    rotary.high_frequency = scaling.real("high_freq_factor", 4);
  } else if (type == "yarn") {
    if (scaling.has("mscale") || scaling.has("mscale_all_dim") || !scaling.truth("truncate", true))
      config.unsupported("mscale or truncate of yarn", "yarn with factor, beta_fast, beta_slow, attention_factor");
    rotary.scaling = RotaryScaling::yarn;
    rotary.beta_fast = scaling.real("beta_fast", 32);
    rotary.beta_slow = scaling.real("beta_slow", 1);
    rotary.attention_factor = scaling.real("attention_factor", 0);
  } else {
    config.unsupported("rotary positions of the type " + printable(type), "default, linear, llama3 or yarn");
  }
  return rotary;
}

// Which layers see a window only.
void set_windows(LlamaOptions& o, const Section& config, const std::string& type) {
  const bool used = type == "mistral" || config.truth("use_sliding_window", false);
  if (!used || !config.has("sliding_window")) return;
  o.window = config.number("sliding_window", 1, std::int64_t{1} << 40);
  if (config.has("layer_types")) {
    const Json& types = config.json().at("layer_types");
    if (!types.is_array() || types.size() != static_cast<std::size_t>(o.layers))
      config.refuse("layer_types", "does not fit the layers", "a list with one entry per layer");
    for (const Json& one : types) o.windowed.push_back(one == "sliding_attention");
  } else if (type != "mistral") {
    const std::int64_t whole = config.number("max_window_layers", 0, most_layers, 0);
    for (std::int64_t i = 0; i < o.layers; ++i) o.windowed.push_back(i >= whole);
  }
}

LlamaOptions llama_options(const Section& config, const std::string& type, std::int64_t positions) {
  LlamaOptions o{.vocabulary = config.number("vocab_size", 1, largest_vocabulary),
                 .width = config.number("hidden_size", 1, largest_width),
                 .layers = config.number("num_hidden_layers", 1, most_layers),
                 .heads = config.number("num_attention_heads", 1, 4096)};
  o.key_heads = config.number("num_key_value_heads", 1, 4096, o.heads);
  o.head_width = config.number("head_dim", 1, 1 << 16, 0);
  o.mlp = config.number("intermediate_size", 1, largest_width);
  o.epsilon = config.real("rms_norm_eps", 1e-6);
  o.rotary = rotary_of(config, positions);
  const bool bias = config.truth("attention_bias", false);
  o.qkv_bias = type == "qwen2" || bias;
  o.output_bias = type != "qwen2" && bias;
  o.mlp_bias = config.truth("mlp_bias", false);
  o.query_norm = type == "qwen3";
  o.attention_dropout = config.real("attention_dropout", 0);
  o.activation = activation_of(config, "hidden_act", "silu");
  o.tied = config.truth("tie_word_embeddings", false);
  set_windows(o, config, type);
  return o;
}

Gpt2Options gpt2_options(const Section& config) {
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"})
    if (config.truth(key, false)) config.unsupported(key, "false");
  if (!config.truth("scale_attn_weights", true)) config.unsupported("scale_attn_weights false", "true");
  return {.vocabulary = config.number("vocab_size", 1, largest_vocabulary),
          .positions = config.number("n_positions", 1, 1 << 24),
          .width = config.number("n_embd", 1, largest_width),
          .layers = config.number("n_layer", 1, most_layers),
          .heads = config.number("n_head", 1, 4096),
          .mlp = config.number("n_inner", 1, largest_width, 0),
          .epsilon = config.real("layer_norm_epsilon", 1e-5),
          .dropout = config.real("resid_pdrop", 0.1),
          .attention_dropout = config.real("attn_pdrop", 0.1),
          .activation = activation_of(config, "activation_function", "gelu_new"),
          .tied = config.truth("tie_word_embeddings", true)};
}

BertOptions bert_options(const Section& config) {
  const std::string places = config.text("position_embedding_type", "absolute");
  if (places != "absolute") config.unsupported("positions of the type " + printable(places), "absolute");
  if (config.truth("is_decoder", false)) config.unsupported("BERT as a decoder", "an encoder");
  return {.vocabulary = config.number("vocab_size", 1, largest_vocabulary),
          .width = config.number("hidden_size", 1, largest_width),
          .layers = config.number("num_hidden_layers", 1, most_layers),
          .heads = config.number("num_attention_heads", 1, 4096),
          .mlp = config.number("intermediate_size", 1, largest_width),
          .positions = config.number("max_position_embeddings", 1, 1 << 24),
          .token_types = config.number("type_vocab_size", 1, 1 << 16, 2),
          .epsilon = config.real("layer_norm_eps", 1e-12),
          .dropout = config.real("hidden_dropout_prob", 0.1),
          .attention_dropout = config.real("attention_probs_dropout_prob", 0.1),
          .activation = activation_of(config, "hidden_act", "gelu")};
}

std::optional<std::int64_t> padding_of(const Section& config, std::int64_t vocabulary) {
  if (!config.has("pad_token_id")) return std::nullopt;
  if (config.json().at("pad_token_id") == -1) return std::nullopt;  // of old files of Llama: none
  return config.number("pad_token_id", 0, vocabulary - 1);
}

std::vector<std::int64_t> ends_of(const Section& config) {
  std::vector<std::int64_t> ends;
  if (!config.has("eos_token_id")) return ends;
  const Json& value = config.json().at("eos_token_id");
  for (const Json& one : value.is_array() ? value : Json::array({value})) {
    if (!one.is_number_integer()) config.refuse("eos_token_id", "is no number", "a whole number or a list of such");
    ends.push_back(one.get<std::int64_t>());
  }
  return ends;
}

}  // namespace

LanguageConfig parse_language_config(const std::string& text, const std::string& where) {
  const Json json = parse_json_object<Json>(where, text);
  const Section config(json, where);
  if (config.has("quantization_config"))
    config.unsupported("quantized weights (quantization_config)", "weights in float32, float16 or bfloat16");
  LanguageConfig result{.model_type = config.text("model_type", "")};
  const std::string& type = result.model_type;
  if (type == "gpt2") {
    const Gpt2Options o = gpt2_options(config);
    result.vocabulary = o.vocabulary;
    result.longest = o.positions;
    result.options = o;
  } else if (type == "bert") {
    BertOptions o = bert_options(config);
    o.padding = padding_of(config, o.vocabulary);
    result.vocabulary = o.vocabulary;
    result.longest = o.positions;
    result.options = o;
  } else if (type == "llama" || type == "qwen2" || type == "qwen3" || type == "mistral") {
    result.longest = config.number("max_position_embeddings", 1, std::int64_t{1} << 40, 2048);
    LlamaOptions o = llama_options(config, type, result.longest);
    o.padding = padding_of(config, o.vocabulary);
    result.vocabulary = o.vocabulary;
    result.options = o;
  } else {
    config.unsupported("a model of the type \"" + printable(type) + "\"", "llama, qwen2, qwen3, mistral, gpt2 or bert");
  }
  result.ends = ends_of(config);
  return result;
}

LanguageConfig read_language_config(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  return parse_language_config(read_text(path.string(), largest_config), path.string());
}

}  // namespace joist
