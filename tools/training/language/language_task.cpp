#include <joist/core/formats/json_strict.h>
#include <joist/core/formats/store.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/data/files.h>
#include <joist/data/text.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/language/language_task.h>
#include <joist/tools/training/language/peft.h>
#include <joist/tools/training/language/texts.h>
#include <joist/tools/training/recipe.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

constexpr std::int64_t usual_length = 512;

/// A language model with or without adapters, as the trainer sees models.
class LanguageModel final : public Model {
 public:
  LanguageModel(std::unique_ptr<CausalModel> model, std::unique_ptr<Lora> lora)
      : model_(std::move(model)), lora_(std::move(lora)) {}
  std::vector<Field> fields() override { return lora_ ? lora_->fields() : model_->fields(); }
  TaskKind task() const noexcept override { return TaskKind::sequence; }
  Tensor continue_sequence(const Tensor& tokens) const override { return (*this)(tokens, {}); }

  Tensor operator()(const Tensor& tokens, const CausalCall& call) const {
    if (lora_) lora_->attach();
    return (*model_)(tokens, call);
  }
  CausalModel& causal() { return *model_; }
  const Lora* lora() const { return lora_.get(); }

 private:
  std::unique_ptr<CausalModel> model_;
  std::unique_ptr<Lora> lora_;  // ends before the model
};

class LanguageTask final : public TrainingTask {
 public:
  LanguageTask(const TrainOptions& options, std::unique_ptr<LanguageModel> model, Texts train, std::optional<Texts> val,
               const BatchPart& part)
      : options_(options),
        part_(part),
        accumulated_(accumulated_batches(options)),
        model_(std::move(model)),
        train_(std::move(train)),
        val_(std::move(val)) {
    description_ = {.model = "language",
                    .task = TaskKind::sequence,
                    .classes = {std::filesystem::path(options.model).filename().string()},
                    .class_ids = {0},
                    .size = options.size,
                    .channels = 0};
  }

  const ModelDescription& description() const override { return description_; }
  Model& model() override { return *model_; }
  std::vector<std::string> loss_names() const override { return {"loss"}; }
  /// likelihood: the geometric mean of the probabilities of the right tokens, 1 / perplexity.
  std::vector<std::string> metric_names() const override {
    return {"likelihood", "val_loss", "perplexity", "token_accuracy"};
  }
  std::int64_t batches_per_epoch() const override { return train_.batches(options_.batch); }
  void seek(std::int64_t batch, bool) override { next_ = batch; }

  BatchLoss next() override {
    load();
    return repeat();
  }
  BatchLoss repeat() override {
    const PartLoss loss = part_loss(0, loaded());
    const double count = std::max(loss.count, 1.0);
    return {.loss = loss.sum * (loss.weight / count), .parts = {loss.parts[0] / count}};
  }

  std::int64_t load() override {
    const std::int64_t step = next_ / accumulated_;
    if (step != step_) {
      step_ = step;
      step_targets_ = 0;
      for (std::int64_t batch = step * accumulated_; batch < (step + 1) * accumulated_; ++batch)
        step_targets_ += targets_in(train_, rows_at(batch));
    }
    rows_ = rows_at(next_++);
    batch_targets_ = targets_in(train_, rows_);
    const auto whole = static_cast<std::int64_t>(rows_.size());
    rows_ = {rows_.begin() + part_.begin(whole), rows_.begin() + part_.end(whole)};
    return whole;
  }
  std::int64_t loaded() const override { return static_cast<std::int64_t>(rows_.size()); }
  PartLoss part_loss(std::int64_t first, std::int64_t last) override {
    const TokenBatch batch = batch_of(train_.pieces, std::span(rows_).subspan(static_cast<std::size_t>(first),
                                                                              static_cast<std::size_t>(last - first)));
    const Tensor total = sum(token_losses(batch, logits_of(batch)));
    // All batches of a step together: each token of it counts the same.
    return {
        .sum = total,
        .count = static_cast<double>(batch.count),
        .weight = static_cast<double>(batch_targets_) / static_cast<double>(std::max<std::int64_t>(step_targets_, 1)),
        .parts = {total.item()}};
  }
  bool counts_pictures() const override { return false; }

  std::string last_pictures() const override { return fmt::format("batch {}", next_ - 1); }
  bool can_evaluate() const override { return val_.has_value(); }

  std::optional<Evaluation> evaluate() override {
    const Inference inference;
    double loss = 0, right = 0, count = 0;
    const auto size = static_cast<std::size_t>(options_.batch);
    for (std::size_t at = 0; at < val_->rows.size(); at += size) {
      if (interrupted() != 0) return std::nullopt;
      const std::span rows = std::span(val_->rows).subspan(at, std::min(size, val_->rows.size() - at));
      const TokenBatch batch = batch_of(val_->pieces, rows);
      const Tensor logits = logits_of(batch);
      loss += sum(token_losses(batch, logits)).item();
      const std::vector<std::int64_t> best = argmax(logits, 1).value().to_vector<std::int64_t>(),
                                      wanted = batch.targets.to_vector<std::int64_t>();
      for (std::size_t i = 0; i < wanted.size(); ++i) right += wanted[i] >= 0 && wanted[i] == best[i] ? 1 : 0;
      count += static_cast<double>(batch.count);
    }
    loss /= std::max(count, 1.0);
    const std::vector<double> values{std::exp(-loss), loss, std::exp(loss), right / std::max(count, 1.0)};
    nlohmann::ordered_json json;
    for (std::size_t i = 0; i < values.size(); ++i) json[metric_names()[i]] = values[i];
    json["tokens"] = count;
    return Evaluation{values, json.dump(1)};
  }

  std::string data_digest() const override { return digest_of(train_) + (val_ ? digest_of(*val_) : ""); }

  std::vector<std::string> finish(const std::filesystem::path& folder) override {
    if (!model_->lora()) {
      const std::filesystem::path to = folder / "model";
      write_language_folder(to, options_.model, model_->fields());
      return {"model: " + to.string() + " (transformers' from_pretrained reads it; joist generate --model " +
              to.string() + ")"};
    }
    const std::filesystem::path to = folder / "adapter";
    write_peft(to, *model_->lora(), model_->causal(), options_.model);
    const PeftCheck check = verify_peft(to, options_.model, model_->lora());
    return {
        fmt::format("adapter: {} (peft and vLLM read it; --max-lora-rank {}), read again: {} layers, logits "
                    "changed by {:.1e}, merged weights the same up to {:.1e}",
                    to.string(), std::max<std::int64_t>(model_->lora()->options().rank, 8), check.layers, check.change,
                    check.merged)};
  }

 private:
  // Another order in every epoch.
  std::vector<std::vector<std::size_t>> rows_at(std::int64_t batch) {
    const std::int64_t each = batches_per_epoch(), epoch = batch / each;
    if (epoch != epoch_ || order_.empty()) {
      epoch_ = epoch;
      order_.resize(train_.rows.size());
      std::iota(order_.begin(), order_.end(), std::size_t{0});
      Random random({.seed = static_cast<std::uint64_t>(options_.seed),
                     .stream = Stream::shuffle,
                     .step = static_cast<std::uint32_t>(epoch)});
      for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
    }
    const auto size = static_cast<std::size_t>(options_.batch), from = static_cast<std::size_t>(batch % each) * size;
    std::vector<std::vector<std::size_t>> rows;
    for (std::size_t i = from; i < std::min(from + size, order_.size()); ++i) rows.push_back(train_.rows[order_[i]]);
    return rows;
  }

  // [rows · length, vocabulary]
  Tensor logits_of(const TokenBatch& batch) const {
    CausalCall call;
    if (batch.positions.defined()) {
      call.positions = Tensor(batch.positions);
      call.mask = ne(Tensor(batch.apart), 0);
    }
    const Tensor logits = (*model_)(Tensor(batch.tokens), call);
    return reshape(logits, {-1, logits.shape(2)});
  }
  static Tensor token_losses(const TokenBatch& batch, const Tensor& logits) {
    return cross_entropy(logits, batch.targets, CrossEntropyOptions{});
  }

  TrainOptions options_;
  BatchPart part_;
  std::int64_t accumulated_;
  std::unique_ptr<LanguageModel> model_;
  Texts train_;
  std::optional<Texts> val_;
  ModelDescription description_{};
  std::vector<std::size_t> order_{};
  std::vector<std::vector<std::size_t>> rows_{};
  std::int64_t next_ = 0, epoch_ = -1, step_ = -1;
  std::int64_t step_targets_ = 1, batch_targets_ = 1;
};

void require_tokens_fit(const Tokenizer& tokenizer, const LanguageConfig& config, const std::string& folder) {
  if (tokenizer.size() <= config.vocabulary) return;
  throw DataError(
      {.where = folder,
       .what = fmt::format("a tokenizer with {} tokens for a model with {}", tokenizer.size(), config.vocabulary),
       .expected = "as many tokens or fewer",
       .remedy = "tokenizer.json and config.json of the same model"});
}

std::unique_ptr<Lora> lora_for(CausalModel& model, const TrainOptions& options, const LanguageConfig& config,
                               Console& console) {
  if (!options.from.empty()) {
    const PeftAdapter adapter = read_peft(options.from);
    if (adapter.dropout > 0)
      console.warn(fmt::format("{}: lora_dropout {} is not done here: 0 is taken", options.from, adapter.dropout));
    return attach_peft(model, adapter, options.from);
  }
  if (options.lora.empty()) return nullptr;
  Lora::Parameters parameters;
  model.each_parameter([&](const std::string& name, Parameter& one) { parameters.emplace_back(name, &one); });
  return std::make_unique<Lora>(parameters, parse_lora(options.lora, config));
}

// What was left open. Rates: usual ones of fine-tuning with AdamW.
void choose(TrainOptions& options, const LanguageConfig& config) {
  const bool adapts = !options.lora.empty() || !options.from.empty(), begins = options.fresh == "**";
  if (options.size == 0) options.size = std::min(config.longest, usual_length);
  if (options.size < 2 || options.size > config.longest)
    throw UsageError({.where = "--size",
                      .what = fmt::format("{} tokens", options.size),
                      .expected = fmt::format("2 to {}, the longest sequence of this model", config.longest),
                      .remedy = "leave it out"});
  if (options.batch == 0 || !options.given.contains("batch")) options.batch = options.batch == 0 ? 8 : options.batch;
  if (options.lr == 0) options.lr = adapts ? 2e-4 : begins ? 1e-3 : 2e-5;
  if (options.weight_decay < 0) options.weight_decay = 0.01;
  if (!options.given.contains("average-decay")) options.average_decay = 0;
  if (!options.given.contains("clip")) options.clip = 1;
  for (const auto& [name, value, choices] :
       {std::tuple<const char*, std::string, std::vector<std::string>>{"--packing", options.packing, {"on", "off"}},
        {"--learn", options.learn, {"completion", "all"}}})
    if (std::find(choices.begin(), choices.end(), value) == choices.end())
      throw UsageError({.where = name,
                        .what = "\"" + value + "\"",
                        .expected = fmt::format("{}", fmt::join(choices, " or ")),
                        .remedy = "leave it out"});
}

}  // namespace

bool is_language_run(const TrainOptions& options) {
  return options.task == "language" ||
         (options.task == "auto" &&
          std::filesystem::is_regular_file(std::filesystem::path(options.model) / "config.json"));
}

ChatFormat chat_format(const std::string& name, const Tokenizer& tokenizer) {
  if (name == "chatml") return ChatFormat::chatml;
  if (name == "llama3") return ChatFormat::llama3;
  if (name == "plain") return ChatFormat::plain;
  if (name != "auto")
    throw UsageError({.where = "--chat-format",
                      .what = "\"" + name + "\"",
                      .expected = "auto, chatml, llama3 or plain",
                      .remedy = "leave it out"});
  if (tokenizer.find("<|im_start|>")) return ChatFormat::chatml;
  return tokenizer.find("<|start_header_id|>") ? ChatFormat::llama3 : ChatFormat::plain;
}

std::optional<std::int64_t> end_token(const LanguageConfig& config, const Tokenizer& tokenizer) {
  for (const std::int64_t end : config.ends)
    if (end >= 0 && end < tokenizer.size()) return end;
  for (const char* name : {"<|endoftext|>", "</s>", "<|end_of_text|>"})
    if (const auto found = tokenizer.find(name)) return found;
  return std::nullopt;
}

std::unique_ptr<TrainingTask> language_task(TrainOptions& options, Console& console, const BatchPart& part) {
  if (options.model == "auto")
    throw UsageError({.where = "--model",
                      .what = "which language model to begin with is missing",
                      .expected = "a folder with config.json, model.safetensors and tokenizer.json",
                      .remedy = "--model FOLDER, such as a downloaded Qwen2.5-0.5B"});
  options.task = "language";
  options.model = std::filesystem::absolute(options.model).lexically_normal().string();
  const LanguageConfig config = read_language_config(options.model);
  choose(options, config);
  const Tokenizer tokenizer = Tokenizer::read(options.model);
  require_tokens_fit(tokenizer, config, options.model);
  Texts train = read_texts(options.data, "data", tokenizer, config, options, console);
  std::optional<Texts> val;
  if (!options.val.empty()) val = read_texts(options.val, "val", tokenizer, config, options, console);
  manual_seed(static_cast<std::uint64_t>(options.seed));
  std::unique_ptr<CausalModel> model =
      options.fresh == "**" ? make_causal_model(config) : load_causal_model(options.model);
  std::unique_ptr<Lora> lora = lora_for(*model, options, config, console);
  std::int64_t all = 0, learned = 0;
  for (const Field& field : model->fields()) all += field.tensor.value().elements();
  for (const Field& field : lora ? lora->fields() : model->fields()) learned += field.tensor.value().elements();
  console.line(fmt::format("{}: {} parameters, {} of them learned ({:.2f} %)", config.model_type,
                           all + (lora ? learned : 0), learned,
                           100 * static_cast<double>(learned) / static_cast<double>(all + (lora ? learned : 0))));
  auto both = std::make_unique<LanguageModel>(std::move(model), std::move(lora));
  return std::make_unique<LanguageTask>(options, std::move(both), std::move(train), std::move(val), part);
}

void write_language_folder(const std::filesystem::path& folder, const std::filesystem::path& base,
                           const std::vector<Field>& fields) {
  ensure_folder(folder);
  nlohmann::ordered_json config = nlohmann::ordered_json::parse(read_text((base / "config.json").string(), 1 << 20));
  for (const char* key : {"dtype", "torch_dtype"})
    if (config.contains(key)) config[key] = "float32";
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json",
                           "merges.txt", "vocab.txt", "generation_config.json", "chat_template.jinja"})
    if (std::filesystem::is_regular_file(base / name)) store_file(folder / name, read_file(base / name, 256U << 20U));
  store_file(folder / "config.json", config.dump(2) + "\n");
  store_file(folder / "model.safetensors", language_weights_bytes(fields));
}

}  // namespace joist
