#include <joist/core/error.h>
#include <joist/core/formats/json_strict.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/data/text.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/language/generate.h>
#include <joist/tools/training/language/peft.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

void check(const SamplingOptions& o, const std::vector<std::int64_t>& prompt, const LanguageConfig& config) {
  const auto length = static_cast<std::int64_t>(prompt.size());
  if (prompt.empty() || length >= config.longest)
    throw UsageError({.where = "generate",
                      .what = fmt::format("a prompt of {} tokens", length),
                      .expected = fmt::format("1 to {} tokens", config.longest - 1),
                      .remedy = prompt.empty() ? "a prompt with something in it" : "a shorter prompt"});
  if (o.tokens < 0 || !(o.temperature >= 0 && o.temperature <= 100) || o.top_k < 0 || !(o.top_p > 0 && o.top_p <= 1))
    throw UsageError({.where = "generate",
                      .what = fmt::format("tokens {}, temperature {}, top_k {}, top_p {}", o.tokens, o.temperature,
                                          o.top_k, o.top_p),
                      .expected = "a temperature of 0 to 100, top_k of 0 or more, top_p above 0 and up to 1",
                      .remedy = "temperature 0.7, top_p 0.9"});
}

/// The next token from its logits: temperature, then top_k, then top_p, as transformers does.
std::int64_t chosen(const std::vector<float>& logits, const SamplingOptions& o, Random& random) {
  const auto best = std::max_element(logits.begin(), logits.end());
  if (o.temperature == 0) return best - logits.begin();
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (o.top_k > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(o.top_k)));
  std::vector<double> weights;
  for (const std::size_t one : order) weights.push_back(std::exp((logits[one] - *best) / o.temperature));
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double kept = 0;
  std::size_t count = 0;
  while (count < weights.size() && kept < o.top_p * all) kept += weights[count++];
  double at = static_cast<double>(random.uniform()) * kept;
  for (std::size_t i = 0; i < count; ++i)
    if ((at -= weights[i]) < 0) return static_cast<std::int64_t>(order[i]);
  return static_cast<std::int64_t>(order[count - 1]);
}

bool has(const std::filesystem::path& folder, const char* file) {
  return std::filesystem::is_regular_file(folder / file);
}

}  // namespace

std::vector<std::int64_t> generate(const CausalModel& model, const LanguageConfig& config,
                                   const std::vector<std::int64_t>& prompt, const std::vector<std::int64_t>& ends,
                                   const SamplingOptions& options, const std::function<bool(std::int64_t)>& said) {
  check(options, prompt, config);
  const Inference inference;
  Random random({.seed = options.seed, .stream = Stream::noise});
  std::vector<KeyValueCache> caches;
  std::vector<std::int64_t> next = prompt, written;
  const auto room = config.longest - static_cast<std::int64_t>(prompt.size());
  while (static_cast<std::int64_t>(written.size()) < std::min(options.tokens, room) && interrupted() == 0) {
    const Tensor tokens(Array::from(next, {1, static_cast<std::int64_t>(next.size())}));
    const Tensor logits = model(tokens, {.caches = &caches});
    const std::int64_t last = logits.shape(1) - 1;
    const std::vector<float> row = contiguous(select(select(logits, 1, last), 0, 0)).value().to_vector<float>();
    const std::int64_t token = chosen(row, options, random);
    if (std::find(ends.begin(), ends.end(), token) != ends.end()) break;
    written.push_back(token);
    if (said && !said(token)) break;
    next = {token};
  }
  return written;
}

ReadyModel open_language_model(const std::filesystem::path& path, const std::filesystem::path& base) {
  std::filesystem::path folder = path;
  if (!has(folder, "config.json") && !has(folder, "adapter_config.json"))
    for (const char* below : {"adapter", "model"})
      if (has(folder / below, "config.json") || has(folder / below, "adapter_config.json")) folder /= below;
  if (has(folder, "config.json"))
    return {read_language_config(folder), Tokenizer::read(folder), load_causal_model(folder)};
  if (!has(folder, "adapter_config.json"))
    throw DataError({.where = path.string(),
                     .what = "no language model in this folder",
                     .expected = "config.json (a model), adapter_config.json (adapters), or the results of joist train",
                     .remedy = "look at the path"});
  const PeftAdapter adapter = read_peft(folder);
  const std::filesystem::path from = base.empty() ? std::filesystem::path(adapter.base) : base;
  if (!has(from, "config.json"))
    throw DataError({.where = folder.string(),
                     .what = "the base model \"" + printable(from.string()) + "\" is not there",
                     .expected = "a folder with the model that these adapters belong to",
                     .remedy = "--base FOLDER"});
  ReadyModel ready{read_language_config(from), Tokenizer::read(from), load_causal_model(from)};
  attach_peft(*ready.model, adapter, folder.string())->merge();
  return ready;
}

SentenceEncoder::SentenceEncoder(const std::filesystem::path& folder)
    : model_(load_bert(folder)), tokenizer_(Tokenizer::read(folder)) {
  const auto json = [&](const std::filesystem::path& file) {
    return parse_json_object<Json>(file.string(), "{\"is\":" + read_text(file.string(), 1 << 20) + "}").at("is");
  };
  longest_ = read_language_config(folder).longest;
  if (has(folder, "sentence_bert_config.json")) {
    const Json config = json(folder / "sentence_bert_config.json");
    if (config.is_object() && config.contains("max_seq_length") && config["max_seq_length"].is_number_integer())
      longest_ = std::clamp<std::int64_t>(config["max_seq_length"].get<std::int64_t>(), 3, longest_);
  }
  if (has(folder / "1_Pooling", "config.json")) {
    const Json pooling = json(folder / "1_Pooling" / "config.json");
    const auto on = [&](const char* key) {
      return pooling.is_object() && pooling.contains(key) && pooling[key] == true;
    };
    first_token_ = on("pooling_mode_cls_token");
    if (first_token_ == on("pooling_mode_mean_tokens"))
      throw UnsupportedError({.where = (folder / "1_Pooling/config.json").string(),
                              .what = "unsupported: this pooling of token vectors",
                              .expected = "either pooling_mode_mean_tokens or pooling_mode_cls_token",
                              .remedy = "another model"});
  }
  if (has(folder, "modules.json"))
    for (const Json& one : json(folder / "modules.json"))
      normalize_ = normalize_ || (one.is_object() && one.contains("type") && one["type"].is_string() &&
                                  one["type"].get<std::string>().ends_with("Normalize"));
}

Array SentenceEncoder::operator()(const std::vector<std::string>& sentences, std::int64_t batch) const {
  const Inference inference;
  std::vector<Tensor> vectors;
  for (std::size_t at = 0; at < sentences.size(); at += static_cast<std::size_t>(batch)) {
    const std::size_t count = std::min(static_cast<std::size_t>(batch), sentences.size() - at);
    std::vector<std::vector<std::int64_t>> rows;
    std::size_t length = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::int64_t> tokens = tokenizer_.encode(sentences[at + i]);
      if (tokens.size() > static_cast<std::size_t>(longest_)) {  // what ends a text stays
        const std::int64_t last = tokens.back();
        tokens.resize(static_cast<std::size_t>(longest_));
        tokens.back() = last;
      }
      length = std::max(length, tokens.size());
      rows.push_back(std::move(tokens));
    }
    std::vector<std::int64_t> tokens;
    std::vector<float> seen;
    for (const auto& row : rows)
      for (std::size_t i = 0; i < length; ++i) {
        tokens.push_back(i < row.size() ? row[i] : 0);
        seen.push_back(i < row.size() ? 1.0F : 0.0F);
      }
    const Shape shape{static_cast<std::int64_t>(count), static_cast<std::int64_t>(length)};
    const Tensor mask(Array::from(seen, shape));
    const Tensor states = model_(Tensor(Array::from(tokens, shape)), ne(mask, 0));
    Tensor vector = select(states, 1, 0);
    if (!first_token_) vector = sum(states * unsqueeze(mask, 2), {1}) / sum(mask, {1}, true);
    vectors.push_back(normalize_ ? normalize(vector) : vector);
  }
  if (vectors.empty()) return Array::empty({0, model_.embeddings.word_embeddings.weight.shape(1)});
  return row_major_copy(concat(vectors, 0).value());
}

}  // namespace joist
