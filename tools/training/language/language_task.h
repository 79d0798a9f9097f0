// Learning to go on with texts: fine-tuning of language models, whole or by adapters.
#pragma once

#include <joist/data/language/examples.h>
#include <joist/data/loader/options.h>
#include <joist/data/tokenizer/tokenizer.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/language/pretrained.h>
#include <joist/tools/training/options.h>
#include <joist/tools/training/task.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace joist {

/// Whether a run is about texts: --task language, or --model is a folder with a language model's config.json.
bool is_language_run(const TrainOptions& options);

/// Reads data, tokenizer and model, says what was found, and replaces each option that was left open. --model: a folder
/// as transformers writes it; --from: a folder of adapters to go on with. Throws UsageError, DataError,
/// UnsupportedError. `part`: of each batch, for several processes.
std::unique_ptr<TrainingTask> language_task(TrainOptions& options, Console& console, const BatchPart& part = {});

/// How conversations are written for a tokenizer: "auto" looks at its tokens. Throws UsageError for another name.
ChatFormat chat_format(const std::string& name, const Tokenizer& tokenizer);

/// The token behind the end of a text.
std::optional<std::int64_t> end_token(const LanguageConfig& config, const Tokenizer& tokenizer);

/// A folder that transformers loads: config.json, model.safetensors, and what the base folder has of tokenizers.
void write_language_folder(const std::filesystem::path& folder, const std::filesystem::path& base,
                           const std::vector<Field>& fields);

}  // namespace joist
