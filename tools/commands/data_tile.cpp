#include <joist/core/error.h>
#include <joist/data/check.h>
#include <joist/data/dataset.h>
#include <joist/data/tile.h>
#include <joist/tools/commands/data.h>

#include <cmath>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Example:
  joist data tile photographs/train --size 320 --overlap 0.25 --out tiles/train)";

struct Given {
  DataPlace place{};
  std::string out{};
  TileOptions tile{};
  double overlap = 0.1;
};

int tile_data(Given given) {
  if (!(given.overlap >= 0) || (given.overlap >= 1 && given.overlap != std::floor(given.overlap)))
    throw UsageError({.where = "--overlap",
                      .what = fmt::format("{}", given.overlap),
                      .expected = "a share of the tile below 1, or whole pixels"});
  given.tile.overlap =
      static_cast<int>(given.overlap < 1 ? std::lround(given.overlap * given.tile.size) : std::lround(given.overlap));
  Dataset dataset = read_dataset(given.place.path, {.images = given.place.images});
  fmt::print("{}\n", summary(dataset));
  check(dataset, {.policy = Policy::repair});
  const Dataset tiles = tile(dataset, given.out, given.tile);
  fmt::print("{}\n", summary(tiles));
  return 0;
}

}  // namespace

void add_data_tile(CLI::App& data, Context& context) {
  CLI::App* command = data.add_subcommand("tile", "Cuts large pictures into overlapping tiles, with their boxes");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  add_place(*command, given->place);
  command->add_option("--size", given->tile.size, "side of a tile, pixels")->type_name("PIXELS")->capture_default_str();
  command->add_option("--overlap", given->overlap, "shared with the next tile: a share of the size, or pixels")
      ->type_name("SHARE|PIXELS")
      ->capture_default_str();
  command->add_option("--keep", given->tile.keep, "share of a box that must lie in the tile")
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--out", given->out, "folder of the tiles")->type_name("DIR")->required();
  command->callback([&context, given] { context.run = [given] { return tile_data(*given); }; });
}

}  // namespace joist::commands
