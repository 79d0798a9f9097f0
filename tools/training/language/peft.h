// Folders of adapters as the package peft writes and reads them: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <joist/core/formats/archive.h>
#include <joist/layers/lora.h>
#include <joist/tools/training/language/pretrained.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace joist {

struct PeftAdapter {
  LoraOptions lora{};  ///< targets: the full names of the layers that the file has matrices for
  std::string base{};  ///< base_model_name_or_path
  double dropout = 0;  ///< lora_dropout: of the input in training; joist has none
  Archive matrices{};  ///< "LAYER.lora_A.weight" …
};

/// Reads a folder. Throws DataError for damage and for layers without one of their two matrices, UnsupportedError for
/// adapters that are not plain LoRA (DoRA, whole modules, biases, other ranks or alphas by layer), naming what it is.
PeftAdapter read_peft(const std::filesystem::path& folder);

/// A model's adapters with the values of a folder. Throws DataError listing layers that the model does not have and
/// matrices of other shapes; nothing is taken then.
std::unique_ptr<Lora> attach_peft(CausalModel& model, const PeftAdapter& adapter, const std::string& where);

/// Writes the folder. `base`: what peft loads the base model from.
void write_peft(const std::filesystem::path& folder, const Lora& lora, CausalModel& model, const std::string& base);

/// What was checked of a written folder.
struct PeftCheck {
  std::int64_t layers = 0;
  double change = 0;  ///< largest difference of logits with and without the adapter, as a share of the largest logit
  double merged = 0;  ///< the same between adapter and merged weights
  bool same = true;   ///< the matrices are those in memory, bit for bit
};
/// Reads the folder again into a second model with the base's weights and compares: names, matrices, logits with the
/// adapter and with merged weights. `lora`: what was written, or nullptr. Throws DataError where anything differs by
/// more than 1e-4.
PeftCheck verify_peft(const std::filesystem::path& folder, const std::filesystem::path& base, const Lora* lora);

/// The layers that language models usually are adapted at: all products of the blocks.
std::vector<std::string> usual_targets(const LanguageConfig& config);

/// What `--lora` says: "r=8,alpha=16,targets=q_proj+v_proj,rslora=true", each part optional. Throws UsageError.
LoraOptions parse_lora(const std::string& text, const LanguageConfig& config);

}  // namespace joist
