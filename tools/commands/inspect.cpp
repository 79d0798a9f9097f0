#include <joist/core/error.h>
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/sha256.h>
#include <joist/core/kernels.h>
#include <joist/layers/summary.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/receptive_field.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist inspect runs/site/best.h5
  joist inspect model.pth --json tensors.json
  joist inspect model.safetensors.index.json            all shards; also .npz, .keras, .h5, .onnx, .gguf, .weights
  joist inspect runs/site/best.h5 --layers
  joist inspect --model resnet18 --size 224
      one row per operation with its parameters, FLOPs and memory, and the receptive fields

FLOPs are 2 per multiply-add of products and convolutions; bytes are those of the results.
The receptive field of a layer (--layers, --model) is the part of the picture that one number of its output sees: its
size, the distance from one number's field to the next one's (stride) and how far the first one reaches beyond the
picture's edge (padding), all in pixels of the picture.)";

struct Given {
  std::string file{}, json{}, model{};
  bool digests = false, layers = false;
  std::int64_t size = 0, batch = 1, classes = 10;
};

std::int64_t size_of(const Given& given, std::int64_t usual) {
  return given.size > 0 ? given.size : usual > 0 ? usual : 320;
}

int show_operations(const Given& given, Model& model, const Tensor& input, const std::string& layers_text,
                    const std::string& layers_json) {
  const Summary summary = summary_of(model.fields(), [&] {
    switch (model.task()) {
      case TaskKind::detect: static_cast<void>(model.detect(input)); break;
      case TaskKind::classify: static_cast<void>(model.classify(input)); break;
      case TaskKind::sequence: static_cast<void>(model.continue_sequence(input)); break;
    }
  });
  fmt::print("{}Operations on {}\n{}", layers_text, input.shape().text(), summary.text());
  write_result(given.json, fmt::format("{{\"layers\": {}, \"summary\": {}}}\n", layers_json, summary.json()));
  return 0;
}

/// `size`: side of the pictures, or length of the sequences.
int show_layers(const Given& given, Model& model, std::int64_t channels, std::int64_t size) {
  if (model.task() == TaskKind::sequence)  // no picture, no receptive fields
    return show_operations(given, model, Tensor::zeros({given.batch, size}, Dtype::int64), "", "[]");
  const std::vector<LayerField> layers = receptive_fields(model, channels, size);
  const Tensor pictures(Array::empty({given.batch, channels, size, size}, Dtype::float32, cpu, Order::channels_last));
  kernels(cpu).elementwise.fill(0.5, pictures.value());
  return show_operations(
      given, model, pictures,
      fmt::format("{}{} operations on a picture of {} × {} pixels\n\n", to_text(layers), layers.size(), size, size),
      to_json(layers));
}

int inspect_model(const Given& given, const ModelRegistry& registry) {
  if (!given.model.empty()) {
    if (!given.file.empty())
      throw UsageError({.where = "inspect",
                        .what = "both a file and --model",
                        .expected = "a checkpoint with --layers, or --model with the name of a model"});
    const ModelEntry& entry = registry.find(given.model);
    const std::int64_t size = size_of(given, entry.size);
    const std::unique_ptr<Model> model = entry.make({.classes = given.classes, .size = size});
    try {
      return show_layers(given, *model, entry.channels, size);
    } catch (const ShapeError& error) {
      throw UsageError({.where = "--size",
                        .what = fmt::format("{} does not work on pictures of {} × {} pixels: {}", given.model, size,
                                            size, error.what()),
                        .expected = "a size that leaves each layer something to work on",
                        .remedy = "--size 224, or leave it out"});
    }
  }
  const Checkpoint checkpoint = read_checkpoint(given.file);
  return show_layers(given, *load_model(checkpoint, registry, given.file), checkpoint.description.channels,
                     size_of(given, checkpoint.description.size));
}

/// SHA-256 of the elements in row-major order.
std::string digest(const Array& array) {
  const Array dense = row_major_copy(array);
  return hexadecimal(sha256(std::span(static_cast<const std::byte*>(dense.raw()), dense.bytes())));
}

int inspect(const Given& given, const ModelRegistry& registry) {
  if (given.file.empty() && given.model.empty())
    throw UsageError({.where = "inspect",
                      .what = "nothing to look at",
                      .expected = "a checkpoint, or --model with the name of a model",
                      .remedy = "joist inspect --help"});
  if (given.layers || !given.model.empty()) return inspect_model(given, registry);
  const StoredArchive archive = open_checkpoint_file(given.file, KerasWeights::as_stored);
  auto list = nlohmann::ordered_json::array();
  std::int64_t numbers = 0;
  for (const StoredArray& array : archive.arrays) {
    std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
    list.push_back({{"name", array.name}, {"shape", shape}, {"dtype", name_of(array.dtype)}});
    if (!array.stored_as.empty()) list.back()["stored_as"] = array.stored_as;
    if (!array.tied_to.empty()) list.back()["tied_to"] = array.tied_to;
    if (given.digests) list.back()["sha256"] = digest(array.load());
    fmt::print("{:<48} {:<9} {}{}{} {}\n", array.name, name_of(array.dtype), array.shape.text(),
               array.stored_as.empty() ? "" : " stored as " + array.stored_as,
               array.tied_to.empty() ? "" : " same memory as " + array.tied_to, list.back().value("sha256", ""));
    if (array.tied_to.empty()) numbers += array.shape.elements();
  }
  for (const Skipped& skipped : archive.skipped) fmt::print("{:<48} not read: {}\n", skipped.name, skipped.why);
  for (const auto& [name, text] : archive.attributes)
    fmt::print("{}: {}\n", name, text.size() > 200 ? fmt::format("({} bytes of text)", text.size()) : text);
  fmt::print("{} arrays, {} numbers; format: {}{}\n", archive.arrays.size(), numbers, archive.format,
             archive.foreign ? ", not written by joist" : "");
  write_result(given.json, list.dump(1) + "\n");
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "inspect", "Lists the tensors of a checkpoint, or the layers of a model and what part of a picture each sees");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->file, "a checkpoint of any format")->type_name("FILE");
  command->add_option("--json", given->json, "write [{\"name\", \"shape\", \"dtype\"}], or the layers, here")
      ->type_name("FILE");
  command->add_flag("--digests", given->digests,
                    "the SHA-256 of each tensor too, to see which ones differ between two files");
  command->add_flag("--layers", given->layers, "the layers of the checkpoint's model and their receptive fields");
  command->add_option("--model", given->model, "the same for a model by its name, without a file")->type_name("NAME");
  command->add_option("--size", given->size, "side of the picture; 0: what the model was trained on, else 320")
      ->type_name("PIXELS")
      ->check(CLI::Range(0, 16384))
      ->capture_default_str();
  command->add_option("--batch", given->batch, "pictures that the operations are counted for")
      ->type_name("N")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--classes", given->classes, "classes of the model named by --model")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->callback(
      [&context, given] { context.run = [&context, given] { return inspect(*given, context.registry); }; });
}

}  // namespace joist::commands
