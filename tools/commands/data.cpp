#include <joist/tools/commands/data.h>

#include <CLI/CLI.hpp>

namespace joist::commands {

void add_place(CLI::App& command, DataPlace& place) {
  command.add_option("path", place.path, "a folder or one annotation file; the format is detected")
      ->type_name("PATH")
      ->required();
  command.add_option("--images", place.images, "folder of the pictures, where they are not found by themselves")
      ->type_name("DIR");
}

void add_data(CLI::App& app, Context& context) {
  CLI::App* data = app.add_subcommand("data", "Looks at data sets and prepares them");
  data->require_subcommand(1);
  add_data_check(*data, context);
  add_data_split(*data, context);
  add_data_stats(*data, context);
  add_data_preview(*data, context);
  add_data_convert(*data, context);
  add_data_tile(*data, context);
}

}  // namespace joist::commands
