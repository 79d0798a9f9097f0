#include <joist/core/error.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/sha256.h>
#include <joist/tools/commands/command.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist inspect runs/site/best.h5
  joist inspect keras_weights.h5 --json tensors.json)";

struct Given {
  std::string file{}, json{};
  bool digests = false;
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

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("inspect", "Lists the tensors of a checkpoint");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->file, "an HDF5 file: joist's own, or of Keras and h5py")
      ->type_name("FILE")
      ->required();
  command->add_option("--json", given->json, "write [{\"name\", \"shape\", \"dtype\"}] here")->type_name("FILE");
  command->add_flag("--digests", given->digests,
                    "the SHA-256 of each tensor too, to see which ones differ between two files");
  command->callback([&context, given] { context.run = [given] { return inspect(*given); }; });
}

}  // namespace joist::commands
