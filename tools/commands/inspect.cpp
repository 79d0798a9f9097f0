#include <joist/core/error.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/sha256.h>
#include <joist/core/kernels.h>
#include <joist/layers/summary.h>
#include <joist/tools/commands/command.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist inspect runs/site/best.h5
  joist inspect keras_weights.h5 --json tensors.json
  joist inspect --model resnet18 --size 224
      one row per operation: layer, output, parameters, FLOPs, memory)";

struct Given {
  std::string file{}, json{}, model{};
  bool digests = false;
  std::int64_t size = 0, batch = 1, classes = 0;
};

/// SHA-256 of the elements in row-major order.
std::string digest(const Array& array) {
  const Array dense = row_major_copy(array);
  return hexadecimal(sha256(std::span(static_cast<const std::byte*>(dense.raw()), dense.bytes())));
}

int inspect(const Given& given) {
  const Archive archive = read_hdf5(given.file);
  auto list = nlohmann::ordered_json::array();
  std::int64_t numbers = 0;
  for (const NamedArray& named : archive.arrays) {
    std::vector<std::int64_t> shape(named.array.shape().begin(), named.array.shape().end());
    list.push_back({{"name", named.name}, {"shape", shape}, {"dtype", name_of(named.array.dtype())}});
    if (given.digests) list.back()["sha256"] = digest(named.array);
    fmt::print("{:<48} {:<9} {} {}\n", named.name, name_of(named.array.dtype()), named.array.shape().text(),
               list.back().value("sha256", ""));
    numbers += named.array.elements();
  }
  for (const Skipped& skipped : archive.skipped) fmt::print("{:<48} not read: {}\n", skipped.name, skipped.why);
  for (const auto& [name, text] : archive.attributes)
    fmt::print("{}: {}\n", name, text.size() > 200 ? fmt::format("({} bytes of text)", text.size()) : text);
  fmt::print("{} arrays, {} numbers{}\n", archive.arrays.size(), numbers,
             archive.foreign ? ", not written by joist" : "");
  write_result(given.json, list.dump(1) + "\n");
  return 0;
}

int inspect_model(const Given& given, const ModelRegistry& registry) {
  const ModelEntry& entry = registry.find(given.model);
  const bool detect = entry.task == TaskKind::detect;
  const std::int64_t usual = entry.size > 0 ? entry.size : detect ? 640 : 224;
  const std::int64_t size = given.size > 0 ? given.size : usual;
  const std::int64_t classes = given.classes > 0 ? given.classes : detect ? 80 : entry.size == 28 ? 10 : 1000;
  if (given.batch < 1)
    throw UsageError({.where = "--batch", .what = std::to_string(given.batch), .expected = "at least 1"});
  const std::unique_ptr<Model> model = entry.make({.classes = classes});
  const Tensor pictures(
      Array::empty({given.batch, entry.channels, size, size}, Dtype::float32, cpu, Order::channels_last));
  kernels(cpu).elementwise.fill(0.5, pictures.value());
  const Summary summary = summary_of(model->fields(), [&] {
    if (detect)
      static_cast<void>(model->detect(pictures));
    else
      static_cast<void>(model->classify(pictures));
  });
  fmt::print("{} on {}\n{}", given.model, pictures.shape().text(), summary.text());
  write_result(given.json, summary.json());
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("inspect", "Lists the tensors of a checkpoint, or the operations of a model");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->file, "an HDF5 file: joist's own, or of Keras and h5py")->type_name("FILE");
  command->add_option("--model", given->model, "a model by name instead of a file")->type_name("NAME");
  command->add_option("--size", given->size, "side of the model's input; 0: its usual one")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--batch", given->batch, "pictures in the model's input")->type_name("N")->capture_default_str();
  command->add_option("--classes", given->classes, "classes of the model; 0: its usual number")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--json", given->json, "write the list here")->type_name("FILE");
  command->add_flag("--digests", given->digests,
                    "the SHA-256 of each tensor too, to see which ones differ between two files");
  command->callback([&context, given] {
    if (given->file.empty() == given->model.empty())
      throw UsageError({.where = "inspect",
                        .what = given->file.empty() ? "neither a file nor --model" : "a file and --model",
                        .expected = "one of them",
                        .remedy = "joist inspect --model resnet18"});
    context.run = [&context, given] {
      return given->model.empty() ? inspect(*given) : inspect_model(*given, context.registry);
    };
  });
}

}  // namespace joist::commands
