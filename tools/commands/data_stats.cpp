#include <joist/core/formats/store.h>
#include <joist/data/check.h>
#include <joist/data/dataset.h>
#include <joist/tools/commands/data.h>
#include <joist/tools/report/dataset_report.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist data stats site/train.json
      writes stats.html: classes, box sizes and positions, pictures with their boxes
  joist data stats voc_folder --size 640 --out voc.html --json voc_stats.json)";

struct Given {
  DataPlace place{};
  std::string out = "stats.html", json{};
  int size = 320;
};

int stats(const Given& given) {
  Dataset dataset =
      read_dataset(given.place.path, {.images = given.place.images, .require_pictures = false, .lenient = true});
  const CheckReport report = check(dataset, {.policy = Policy::repair});
  fmt::print("{}\n{}", summary(dataset), to_text(report));
  store_file(given.out, dataset_page(dataset, given.size));
  write_result(given.json, to_json(statistics(dataset, given.size)) + "\n");
  fmt::print("page: {}\n", given.out);
  return 0;
}

}  // namespace

void add_data_stats(CLI::App& data, Context& context) {
  CLI::App* command =
      data.add_subcommand("stats", "One page about a data set: classes, box sizes, positions, pictures");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  add_place(*command, given->place);
  command->add_option("--size", given->size, "side of the model's input, to which box sizes refer")
      ->type_name("PIXELS")
      ->check(CLI::Range(32, 16384))
      ->capture_default_str();
  command->add_option("--out", given->out, "the page")->type_name("FILE.html")->capture_default_str();
  command->add_option("--json", given->json, "write the numbers here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return stats(*given); }; });
}

}  // namespace joist::commands
