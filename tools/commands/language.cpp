// Language models: generate, embed, tokenize, lora.
#include <joist/core/error.h>
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/json_strict.h>
#include <joist/core/formats/store.h>
#include <joist/core/threads.h>
#include <joist/data/files.h>
#include <joist/data/language/examples.h>
#include <joist/data/text.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/language/generate.h>
#include <joist/tools/training/language/language_task.h>
#include <joist/tools/training/language/peft.h>

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* generate_examples = R"(Examples:
  joist generate --model Qwen2.5-0.5B --prompt "The helmet is"
  joist generate --model runs/chat --chat "Which helmet for which work?" --temperature 0.7 --top-p 0.9
      the results of joist train --task language, with their adapter
  joist generate --model runs/chat/adapter --base Qwen2.5-0.5B --prompt "Once" --json out.json)";
constexpr const char* embed_examples = R"(Examples:
  joist embed --model all-MiniLM-L6-v2 --source sentences.txt --out vectors.npy
      a vector for each line, as sentence-transformers makes them)";
constexpr const char* tokenize_examples = R"(Examples:
  joist tokenize --model Qwen2.5-0.5B --text "安全帽 😀"
  joist tokenize --model tokenizer.json --source book.txt --json tokens.json)";
constexpr const char* lora_examples = R"(Examples:
  joist lora verify runs/chat/adapter --base Qwen2.5-0.5B
      reads it as peft does: names, shapes, what it changes, and whether merged weights give the same
  joist lora merge runs/chat/adapter --base Qwen2.5-0.5B --to merged
      one folder of weights for programs that know no adapters)";

struct Given {
  std::string model, base, prompt, chat, system, format = "auto", json, source, text, out, adapter, to;
  SamplingOptions sampling{};
  std::int64_t batch = 32;
  int threads = 0;
  bool special = true;
};

void use_threads(const Given& given) {
  if (given.threads > 0) set_threads(given.threads);
}

void add_threads(CLI::App* command, const std::shared_ptr<Given>& given) {
  command->add_option("--threads", given->threads, "threads of the computation; 0: one per core")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
}

// ---- generate
int run_generate(const Given& given) {
  if (given.prompt.empty() == given.chat.empty())
    throw UsageError({.where = "joist generate",
                      .what = given.prompt.empty() ? "neither --prompt nor --chat" : "both --prompt and --chat",
                      .expected = "one of them",
                      .remedy = "--prompt for a text to go on with, --chat for a question"});
  const Interruptible interruptible;
  use_threads(given);
  const ReadyModel ready = open_language_model(given.model, given.base);
  const ChatFormat format = chat_format(given.format, ready.tokenizer);
  std::string prompt = given.prompt;
  if (!given.chat.empty()) {
    std::vector<std::pair<std::string, std::string>> messages;
    if (!given.system.empty()) messages.emplace_back("system", given.system);
    messages.emplace_back("user", given.chat);
    prompt = chat_prompt(messages, format);
  }
  std::vector<std::int64_t> ends = ready.config.ends;
  for (const char* name : {"<|im_end|>", "<|eot_id|>"})
    if (const auto end = ready.tokenizer.find(name); end && !given.chat.empty()) ends.push_back(*end);
  if (const auto end = end_token(ready.config, ready.tokenizer)) ends.push_back(*end);

  const std::vector<std::int64_t> tokens = ready.tokenizer.encode(prompt);
  std::vector<std::int64_t> so_far;
  std::size_t shown = 0;
  const std::vector<std::int64_t> written =
      generate(*ready.model, ready.config, tokens, ends, given.sampling, [&](std::int64_t token) {
        so_far.push_back(token);
        const std::string text = ready.tokenizer.decode(so_far);
        if (text.ends_with("\xef\xbf\xbd") || text.size() < shown) return true;  // part of a character
        fmt::print("{}", text.substr(shown));
        std::fflush(stdout);
        shown = text.size();
        return true;
      });
  const std::string text = ready.tokenizer.decode(written);
  if (text.size() > shown) fmt::print("{}", text.substr(shown));
  fmt::print("\n");
  write_result(given.json,
               Json{{"prompt", prompt}, {"prompt_tokens", tokens}, {"text", text}, {"tokens", written}}.dump(1) + "\n");
  return interrupted();
}

// ---- embed
std::vector<std::string> lines_of(const std::string& path) {
  const std::string content = read_text(path);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = std::min(content.find('\n', at), content.size());
    if (const std::string_view line = trimmed(std::string_view(content).substr(at, end - at)); !line.empty())
      lines.emplace_back(line);
    at = end + 1;
  }
  return lines;
}

int run_embed(const Given& given) {
  use_threads(given);
  const SentenceEncoder encoder(given.model);
  const std::vector<std::string> sentences = given.text.empty() ? lines_of(given.source) : std::vector{given.text};
  const Array vectors = encoder(sentences, given.batch);
  Archive archive;
  archive.arrays.push_back({"vectors", vectors});
  store_file(given.out, checkpoint_file_bytes(archive, given.out));
  fmt::print("{} sentences, vectors of {}: {}\n", vectors.shape(0), vectors.shape(1), given.out);
  return 0;
}

// ---- tokenize
int run_tokenize(const Given& given) {
  const Tokenizer tokenizer = Tokenizer::read(given.model);
  std::vector<std::string> texts;
  if (!given.text.empty()) {
    texts.push_back(given.text);
  } else if (given.source.ends_with(".json")) {  // a list of texts
    const Json list = parse_json_object<Json>(given.source, "{\"list\":" + read_text(given.source) + "}").at("list");
    for (const Json& one : list) {
      if (!one.is_string())
        throw DataError({.where = given.source, .what = "no list of texts", .expected = "[\"…\", …]"});
      texts.push_back(one.get<std::string>());
    }
  } else {
    texts.push_back(read_bytes(given.source, std::int64_t{1} << 32));
  }
  Json all = Json::array(), decoded = Json::array();
  std::size_t count = 0;
  for (const std::string& text : texts) {
    const std::vector<std::int64_t> tokens = tokenizer.encode(text, given.special);
    count += tokens.size();
    decoded.push_back(tokenizer.decode(tokens));
    all.push_back(tokens);
  }
  if (texts.size() == 1 && given.json.empty())
    fmt::print("{}\n", fmt::join(all[0].get<std::vector<std::int64_t>>(), " "));
  write_result(given.json, Json{{"tokens", all}, {"decoded", decoded}}.dump() + "\n");
  fmt::print("{} texts, {} tokens; the tokenizer has {}\n", texts.size(), count, tokenizer.size());
  return 0;
}

// ---- lora
std::string base_of(const Given& given) { return given.base.empty() ? read_peft(given.adapter).base : given.base; }

int run_verify(const Given& given) {
  const PeftCheck check = verify_peft(given.adapter, base_of(given), nullptr);
  fmt::print("{} layers, all in the base model; logits change by {:.2e}; merged weights give the same up to {:.1e}\n",
             check.layers, check.change, check.merged);
  if (check.change == 0) fmt::print("the adapter changes nothing: it was not trained\n");
  return 0;
}

int run_merge(const Given& given) {
  const std::filesystem::path base = base_of(given);
  const ReadyModel ready = open_language_model(given.adapter, base);
  write_language_folder(given.to, base, ready.model->fields());
  fmt::print("{}: the weights of {} with {}\n", given.to, base.string(), given.adapter);
  return 0;
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("generate", "Lets a language model write");
  command->footer(generate_examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--model", given->model, "a model, adapters, or the results of joist train")
      ->type_name("DIR")
      ->required();
  command->add_option("--base", given->base, "the model that adapters belong to, if not the one they name")
      ->type_name("DIR");
  command->add_option("--prompt", given->prompt, "the text to go on with")->type_name("TEXT");
  command->add_option("--chat", given->chat, "a question, written as the model's conversations are")->type_name("TEXT");
  command->add_option("--system", given->system, "what stands before the conversation")->type_name("TEXT");
  command->add_option("--chat-format", given->format, "auto, chatml, llama3 or plain")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--tokens", given->sampling.tokens, "write at most so many")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--temperature", given->sampling.temperature, "0: always the likeliest token; 1: as the model says")
      ->type_name("T")
      ->capture_default_str();
  command->add_option("--top-k", given->sampling.top_k, "choose among the K likeliest; 0: all")
      ->type_name("K")
      ->capture_default_str();
  command
      ->add_option("--top-p", given->sampling.top_p, "choose among the likeliest that together have this probability")
      ->type_name("P")
      ->capture_default_str();
  command->add_option("--seed", given->sampling.seed, "seed of the choice")->type_name("N")->capture_default_str();
  command->add_option("--json", given->json, "write text and tokens here")->type_name("FILE");
  add_threads(command, given);
  command->callback([&context, given] { context.run = [given] { return run_generate(*given); }; });
}

void add_embed(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("embed", "Vectors of sentences, by a BERT or MiniLM");
  command->footer(embed_examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--model", given->model, "a folder as sentence-transformers or transformers writes it")
      ->type_name("DIR")
      ->required();
  auto* source =
      command->add_option("--source", given->source, "a text file with a sentence a line")->type_name("FILE");
  command->add_option("--text", given->text, "one sentence")->type_name("TEXT")->excludes(source);
  command->add_option("--out", given->out, ".npy, .npz, .safetensors or .h5")->type_name("FILE")->required();
  command->add_option("--batch", given->batch, "sentences at once")
      ->type_name("N")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  add_threads(command, given);
  command->callback([&context, given] { context.run = [given] { return run_embed(*given); }; });
}

void add_tokenize(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("tokenize", "Text as the numbers that a language model reads");
  command->footer(tokenize_examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--model", given->model, "tokenizer.json, or a folder with one")->type_name("PATH")->required();
  auto* source =
      command->add_option("--source", given->source, "a text file, or a .json list of texts")->type_name("FILE");
  command->add_option("--text", given->text, "a text")->type_name("TEXT")->excludes(source);
  command->add_flag("!--no-special", given->special, "without the tokens around a text");
  command->add_option("--json", given->json, "write tokens and the texts that they stand for here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return run_tokenize(*given); }; });
}

void add_lora(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("lora", "Low-rank adapters of language models: verify, merge");
  command->footer(lora_examples);
  command->require_subcommand(1);
  const auto given = std::make_shared<Given>();
  const auto add = [&](const char* name, const char* help, int (*work)(const Given&)) {
    CLI::App* part = command->add_subcommand(name, help);
    part->add_option("adapter", given->adapter, "a folder of adapters, as peft writes it")
        ->type_name("DIR")
        ->required();
    part->add_option("--base", given->base, "the model that they belong to, if not the one they name")
        ->type_name("DIR");
    part->callback([&context, given, work] { context.run = [given, work] { return work(*given); }; });
    return part;
  };
  add("verify", "Reads adapters and tries them on their model", run_verify);
  add("merge", "Weights with the adapters in them", run_merge)
      ->add_option("--to", given->to, "folder of the new model")
      ->type_name("DIR")
      ->required();
}

}  // namespace joist::commands
