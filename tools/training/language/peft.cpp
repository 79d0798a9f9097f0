#include <joist/core/error.h>
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/json_strict.h>
#include <joist/core/formats/safetensors.h>
#include <joist/core/formats/store.h>
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/data/files.h>
#include <joist/data/text.h>
#include <joist/tools/training/language/peft.h>
#include <joist/tools/training/options.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

constexpr const char* config_name = "adapter_config.json";
constexpr const char* weights_name = "adapter_model.safetensors";
constexpr std::string_view prefix = "base_model.model.";
constexpr double tolerance = 1e-4;

[[noreturn]] void unsupported(const std::string& where, const std::string& what) {
  throw UnsupportedError({.where = where,
                          .what = "unsupported: " + what,
                          .expected = "LoRA with one rank and alpha, without biases and whole modules",
                          .remedy = "merge it in Python (merge_and_unload) and save the model"});
}

bool empty(const Json& json, const char* key) {
  return !json.contains(key) || json.at(key).is_null() || json.at(key) == false || json.at(key).empty();
}

template <class T>
T value(const Json& json, const char* key, T otherwise, const std::string& where) {
  if (!json.contains(key) || json.at(key).is_null()) return otherwise;
  try {
    return json.at(key).get<T>();
  } catch (const Json::exception&) {
    throw DataError({.where = where,
                     .what = fmt::format("\"{}\" has another type", key),
                     .expected = "what peft writes",
                     .remedy = "save the adapter again"});
  }
}

PeftAdapter parse_config(const std::string& text, const std::string& where) {
  const Json json = parse_json_object<Json>(where, text);
  const std::string type = value<std::string>(json, "peft_type", "", where);
  if (type != "LORA") unsupported(where, "an adapter of the type \"" + printable(type) + "\"");
  for (const char* key : {"use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "trainable_token_indices",
                          "target_parameters", "layer_replication", "lora_bias", "use_qalora", "use_bdlora",
                          "alora_invocation_tokens", "arrow_config", "kasa_config", "velora_config"})
    if (!empty(json, key)) unsupported(where, key);
  if (value<std::string>(json, "bias", "none", where) != "none") unsupported(where, "trained biases");
  PeftAdapter adapter{.lora = {.rank = value<std::int64_t>(json, "r", 0, where),
                               .alpha = value<double>(json, "lora_alpha", 0, where),
                               .rslora = value<bool>(json, "use_rslora", false, where),
                               .transposed = value<bool>(json, "fan_in_fan_out", false, where)},
                      .base = value<std::string>(json, "base_model_name_or_path", "", where),
                      .dropout = value<double>(json, "lora_dropout", 0, where)};
  if (adapter.lora.rank < 1 || adapter.lora.rank > 65536 || !std::isfinite(adapter.lora.alpha))
    throw DataError({.where = where,
                     .what = fmt::format("r {}, lora_alpha {}", adapter.lora.rank, adapter.lora.alpha),
                     .expected = "a rank of 1 to 65536",
                     .remedy = "save the adapter again"});
  return adapter;
}

std::string leaf_of(const std::string& layer) { return layer.substr(layer.rfind('.') + 1); }

// The last parts of the layers' names where those mean just these layers, as vLLM wants them; else the whole names.
std::vector<std::string> targets_of(const Lora& lora, CausalModel& model) {
  const std::vector<std::string> layers = lora.layers();
  std::set<std::string> leaves;
  for (const std::string& layer : layers) leaves.insert(leaf_of(layer));
  std::size_t meant = 0;
  model.each_parameter([&](const std::string& name, Parameter& parameter) {
    meant += parameter.rank() >= 2 && leaves.contains(leaf_of(layer_of_parameter(name))) ? 1 : 0;
  });
  return meant == layers.size() ? std::vector<std::string>(leaves.begin(), leaves.end()) : layers;
}

void copy_into(const Array& from, const Tensor& to) {
  kernels(from).elementwise.copy(from, {to.value(), false});
  to.value().bump_version();
}

double difference(const Array& a, const Array& b) {
  const std::vector<float> x = a.to_vector<float>(), y = b.to_vector<float>();
  double largest = 0, scale = 1e-12;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return std::nan("");
    largest = std::max<double>(largest, std::abs(x[i] - y[i]));
    scale = std::max<double>(scale, std::abs(x[i]));
  }
  return largest / scale;
}

}  // namespace

PeftAdapter read_peft(const std::filesystem::path& folder) {
  const std::filesystem::path config = folder / config_name, weights = folder / weights_name;
  PeftAdapter adapter = parse_config(read_text(config.string(), 1 << 20), config.string());
  const StoredArchive stored = open_checkpoint_file(weights);
  std::map<std::string, int> halves;
  std::vector<std::string> foreign;
  for (const StoredArray& array : stored.arrays) {
    const bool a = array.name.ends_with(".lora_A.weight"), b = array.name.ends_with(".lora_B.weight");
    if (!array.name.starts_with(prefix) || (!a && !b)) {
      foreign.push_back(array.name);
      continue;
    }
    const std::string name = array.name.substr(prefix.size());
    halves[name.substr(0, name.size() - std::strlen(".lora_A.weight"))] += a ? 1 : 2;
  }
  for (const auto& [layer, seen] : halves) {
    if (seen != 3) foreign.push_back(layer + " without lora_A or lora_B");
    adapter.lora.targets.push_back(layer);
  }
  if (!foreign.empty() || halves.empty())
    throw DataError({.where = weights.string(),
                     .what = foreign.empty() ? std::string("no adapters in this file")
                                             : fmt::format("these are no adapters: {}", fmt::join(foreign, ", ")),
                     .expected = "base_model.model.LAYER.lora_A.weight and .lora_B.weight",
                     .remedy = "save the adapter with peft's save_pretrained()"});
  adapter.matrices = load(stored);
  for (NamedArray& one : adapter.matrices.arrays) one.name.erase(0, prefix.size());
  return adapter;
}

std::unique_ptr<Lora> attach_peft(CausalModel& model, const PeftAdapter& adapter, const std::string& where) {
  Lora::Parameters parameters;
  std::set<std::string> layers;
  model.each_parameter([&](const std::string& name, Parameter& parameter) {
    parameters.emplace_back(name, &parameter);
    if (parameter.rank() >= 2) layers.insert(layer_of_parameter(name));
  });
  std::vector<std::string> wrong;
  for (const std::string& layer : adapter.lora.targets)
    if (!layers.contains(layer)) wrong.push_back(layer);
  if (!wrong.empty())
    throw DataError(
        {.where = where,
         .what = fmt::format("the model has no layers {}", fmt::join(wrong, ", ")),
         .expected = fmt::format("layers of the model, such as {}",
                                 *std::next(layers.begin(), static_cast<std::ptrdiff_t>(layers.size() / 2))),
         .remedy = "the base model that the adapter was trained on"});
  auto lora = std::make_unique<Lora>(parameters, adapter.lora);
  const std::vector<Field> fields = lora->fields();
  for (const Field& field : fields) {
    const Array* array = adapter.matrices.find(field.name);
    if (!array || array->shape() != field.tensor.shape() || !is_floating(array->dtype()))
      wrong.push_back(fmt::format("{} {} (model: {})", field.name, array ? array->shape().text() : "is missing",
                                  field.tensor.shape().text()));
  }
  if (!wrong.empty())
    throw DataError({.where = where,
                     .what = fmt::format("matrices that do not fit: {}", fmt::join(wrong, ", ")),
                     .expected = "[rank, in] and [out, rank] of the model's layers",
                     .remedy = "the base model that the adapter was trained on"});
  for (const Field& field : fields) copy_into(*adapter.matrices.find(field.name), field.tensor);
  return lora;
}

void write_peft(const std::filesystem::path& folder, const Lora& lora, CausalModel& model, const std::string& base) {
  const LoraOptions& o = lora.options();
  Archive archive;
  archive.attributes["format"] = "pt";
  for (const Field& field : lora.fields())
    archive.arrays.push_back({std::string(prefix) + field.name, row_major_copy(field.tensor.value())});
  const Json config{
      {"peft_type", "LORA"},
      {"task_type", "CAUSAL_LM"},
      {"base_model_name_or_path", base},
      {"r", o.rank},
      {"lora_alpha", o.alpha == std::floor(o.alpha) ? Json(static_cast<std::int64_t>(o.alpha)) : Json(o.alpha)},
      {"lora_dropout", 0.0},
      {"target_modules", targets_of(lora, model)},
      {"bias", "none"},
      {"fan_in_fan_out", o.transposed},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"layers_pattern", nullptr},
      {"layers_to_transform", nullptr},
      {"modules_to_save", nullptr},
      {"rank_pattern", Json::object()},
      {"alpha_pattern", Json::object()},
      {"revision", nullptr},
      {"use_dora", false},
      {"use_rslora", o.rslora}};
  ensure_folder(folder);
  store_file(folder / weights_name, safetensors_bytes(archive));
  store_file(folder / config_name, config.dump(2) + "\n");
}

PeftCheck verify_peft(const std::filesystem::path& folder, const std::filesystem::path& base, const Lora* lora) {
  const PeftAdapter adapter = read_peft(folder);
  PeftCheck check{.layers = static_cast<std::int64_t>(adapter.lora.targets.size())};
  const std::string where = folder.string();
  if (lora) {
    const std::vector<Field> fields = lora->fields();
    check.same = fields.size() == adapter.matrices.arrays.size();
    for (const Field& field : fields) {
      const Array* array = adapter.matrices.find(field.name);
      check.same = check.same && array && array->shape() == field.tensor.shape() &&
                   std::memcmp(array->raw(), row_major_copy(field.tensor.value()).raw(), array->bytes()) == 0;
    }
  }
  const Inference inference;
  const std::unique_ptr<CausalModel> model = load_causal_model(base);
  const std::int64_t vocabulary = read_language_config(base).vocabulary;
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < 16; ++i) numbers.push_back((i * i + 7 * i) % vocabulary);
  const Tensor tokens(Array::from(numbers, {1, 16}));
  const Array plain = (*model)(tokens).value();
  const std::unique_ptr<Lora> attached = attach_peft(*model, adapter, where);
  attached->attach();
  const Array adapted = (*model)(tokens).value();
  attached->merge();
  check.change = difference(plain, adapted);
  check.merged = difference(adapted, (*model)(tokens).value());
  if (!check.same || !(check.merged <= tolerance))
    throw DataError({.where = where,
                     .what = check.same ? fmt::format("merged weights give other results: {:.2e}", check.merged)
                                        : std::string("the matrices in the file are not those in memory"),
                     .expected = fmt::format("the same up to {:.0e}", tolerance),
                     .remedy = "write it again"});
  return check;
}

std::vector<std::string> usual_targets(const LanguageConfig& config) {
  if (std::holds_alternative<Gpt2Options>(config.options)) return {"c_attn", "c_proj", "c_fc"};
  return {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
}

LoraOptions parse_lora(const std::string& text, const LanguageConfig& config) {
  LoraOptions options{.rank = 8, .alpha = -1, .targets = usual_targets(config)};
  options.transposed = std::holds_alternative<Gpt2Options>(config.options);
  const auto refuse = [](const std::string& part) -> UsageError {
    return UsageError({.where = "--lora",
                       .what = "\"" + part + "\"",
                       .expected = "r=RANK, alpha=NUMBER, targets=LAYER+LAYER…, rslora=true, with commas between them",
                       .remedy = "--lora r=8,alpha=16"});
  };
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.find('=');
    if (equals == part.npos || equals + 1 == part.size()) throw refuse(part);
    const std::string key = part.substr(0, equals), given = part.substr(equals + 1);
    char* end = nullptr;
    const double number = std::strtod(given.c_str(), &end);
    const bool is_number = *end == '\0' && std::isfinite(number);
    if (key == "r" && is_number && number >= 1 && number <= 65536 && number == std::floor(number)) {
      options.rank = static_cast<std::int64_t>(number);
    } else if (key == "alpha" && is_number && number > 0) {
      options.alpha = number;
    } else if (key == "rslora" && (given == "true" || given == "false")) {
      options.rslora = given == "true";
    } else if (key == "targets") {
      options.targets.clear();
      for (std::size_t at = 0; at <= given.size();) {
        const std::size_t plus = std::min(given.find('+', at), given.size());
        options.targets.push_back(given.substr(at, plus - at));
        at = plus + 1;
      }
    } else {
      throw refuse(part);
    }
  }
  if (options.alpha < 0) options.alpha = 2 * static_cast<double>(options.rank);
  return options;
}

}  // namespace joist
