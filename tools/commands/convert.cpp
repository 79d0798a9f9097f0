#include <joist/core/error.h>
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/store.h>
#include <joist/tools/commands/command.h>

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist convert model.pth --to model.safetensors
  joist convert runs/site/best.h5 --to site.pt             torch.load("site.pt", weights_only=True)
  joist convert training.ckpt --only state_dict --to weights.npz
  joist convert mobilenet.keras --to mobilenet.pt          layouts and names become PyTorch's
  joist convert model.pt --to model.weights.h5             keras_model.load_weights("model.weights.h5")
  joist convert yolov3.weights --to yolov3.safetensors     yolov3.cfg lies beside it

Formats are told by content when reading, by the name's end when writing: .safetensors, .npz, .npy, .pt, .pth,
.weights.h5 (Keras), .h5, .onnx (initializers without a graph; `joist export` writes whole models).
Nothing in a checkpoint is ever run. Of joist's own checkpoints the weights are written that evaluation uses (the moving
average where there is one); --all keeps everything.)";

struct Given {
  std::string file, to, only;
  bool all = false, keras_names = false;
};

bool has_below(const StoredArchive& stored, const std::string& prefix) {
  return std::any_of(stored.arrays.begin(), stored.arrays.end(),
                     [&](const StoredArray& array) { return array.name.starts_with(prefix); });
}

/// The arrays below "prefix/", without it.
StoredArchive below(StoredArchive stored, const std::string& prefix, const std::string& file) {
  const std::string start = prefix + "/";
  if (!has_below(stored, start))
    throw UsageError({.where = file,
                      .what = "no array's name begins with \"" + start + "\"",
                      .remedy = "joist inspect " + file + " lists the names"});
  std::erase_if(stored.arrays, [&](const StoredArray& array) { return !array.name.starts_with(start); });
  for (StoredArray& array : stored.arrays) {
    array.name = array.name.substr(start.size());
    if (array.tied_to.starts_with(start)) array.tied_to = array.tied_to.substr(start.size());
  }
  return stored;
}

int convert(const Given& given) {
  StoredArchive stored =
      open_checkpoint_file(given.file, given.keras_names ? KerasWeights::as_stored : KerasWeights::as_torch);
  const std::size_t before = stored.arrays.size();
  std::string only = given.only;
  if (only.empty() && !given.all && stored.format == "joist" && has_below(stored, "model/"))
    only = has_below(stored, "average/") ? "average" : "model";
  if (!only.empty()) stored = below(std::move(stored), only, given.file);
  if (stored.arrays.empty())
    throw DataError({.where = given.file,
                     .what = "holds no arrays that joist reads",
                     .remedy = "joist inspect " + given.file + " lists what it holds"});
  const std::vector<std::byte> bytes = checkpoint_file_bytes(load(stored), given.to);
  store_file(given.to, bytes);
  for (const Skipped& skipped : stored.skipped) fmt::print("left out: {}: {}\n", skipped.name, skipped.why);
  fmt::print("{} ({}): {} of {} arrays{} -> {}, {} bytes\n", given.file, stored.format, stored.arrays.size(), before,
             only.empty() ? "" : " below \"" + only + "/\"", given.to, bytes.size());
  return 0;
}

}  // namespace

void add_convert(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("convert", "Turns a checkpoint of one format into another");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->file, "a checkpoint of any format")->type_name("FILE")->required();
  command->add_option("--to", given->to, "the file to write")->type_name("FILE")->required();
  command->add_option("--only", given->only, "only the arrays whose names begin with NAME/, without it")
      ->type_name("NAME");
  command->add_flag("--all", given->all, "of joist's own checkpoints everything, not only the weights");
  command->add_flag("--keras-names", given->keras_names, "leave Keras's names and layouts as they are");
  command->callback([&context, given] { context.run = [given] { return convert(*given); }; });
}

}  // namespace joist::commands
