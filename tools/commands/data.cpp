#include <joist/core/error.h>
#include <joist/data/check.h>
#include <joist/data/dataset.h>
#include <joist/data/tile.h>
#include <joist/tools/commands/command.h>

#include <cmath>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* check_examples = R"(Examples:
  joist data check site/train.json
  joist data check voc_folder --json findings.json)";
constexpr const char* tile_examples = R"(Example:
  joist data tile photographs/train --size 320 --overlap 0.25 --out tiles/train)";

struct Given {
  std::string path{}, images{}, json{}, out{};
  TileOptions tile{};
  double overlap = 0.1;
};

int check_data(const Given& given) {
  Dataset dataset = read_dataset(given.path, {.images = given.images, .require_pictures = false});
  fmt::print("{}\n", summary(dataset));
  const CheckReport report = check(dataset, {.policy = Policy::report});
  fmt::print("{}", to_text(report));
  write_result(given.json, to_json(report) + "\n");
  if (report.findings.empty()) fmt::print("nothing wrong was found\n");
  check(dataset, {.policy = Policy::fail});  // exit code 3 if anything would train wrongly; duplicates alone are listed
  return 0;
}

int tile_data(Given given) {
  if (!(given.overlap >= 0) || (given.overlap >= 1 && given.overlap != std::floor(given.overlap)))
    throw UsageError({.where = "--overlap",
                      .what = fmt::format("{}", given.overlap),
                      .expected = "a share of the tile below 1, or whole pixels"});
  given.tile.overlap =
      static_cast<int>(given.overlap < 1 ? std::lround(given.overlap * given.tile.size) : std::lround(given.overlap));
  Dataset dataset = read_dataset(given.path, {.images = given.images});
  fmt::print("{}\n", summary(dataset));
  check(dataset, {.policy = Policy::repair});
  const Dataset tiles = tile(dataset, given.out, given.tile);
  fmt::print("{}\n", summary(tiles));
  return 0;
}

}  // namespace

void add_data(CLI::App& app, Context& context) {
  CLI::App* data = app.add_subcommand("data", "Looks at data sets and prepares them");
  data->require_subcommand(1);
  const auto given = std::make_shared<Given>();
  const auto common = [&](CLI::App* command, const char* footer) {
    command->footer(footer);
    command->add_option("path", given->path, "a folder or one annotation file; the format is detected")
        ->type_name("PATH")
        ->required();
    command->add_option("--images", given->images, "folder of the pictures, where they are not found by themselves")
        ->type_name("DIR");
  };

  CLI::App* checking = data->add_subcommand(
      "check", "Says what is wrong with labels and pictures; exit code 3 if they would train wrongly");
  common(checking, check_examples);
  checking->add_option("--json", given->json, "write the findings here")->type_name("FILE");
  checking->callback([&context, given] { context.run = [given] { return check_data(*given); }; });

  CLI::App* tiling = data->add_subcommand("tile", "Cuts large pictures into overlapping tiles, with their boxes");
  common(tiling, tile_examples);
  tiling->add_option("--size", given->tile.size, "side of a tile, pixels")->type_name("PIXELS")->capture_default_str();
  tiling->add_option("--overlap", given->overlap, "shared with the next tile: a share of the size, or pixels")
      ->type_name("SHARE|PIXELS")
      ->capture_default_str();
  tiling->add_option("--keep", given->tile.keep, "share of a box that must lie in the tile")
      ->type_name("SHARE")
      ->capture_default_str();
  tiling->add_option("--out", given->out, "folder of the tiles")->type_name("DIR")->required();
  tiling->callback([&context, given] { context.run = [given] { return tile_data(*given); }; });
}

}  // namespace joist::commands
