// The parts of `joist data`, one file each.
#pragma once

#include <joist/tools/commands/command.h>

#include <string>

namespace joist::commands {

void add_data_check(CLI::App& data, Context& context);
void add_data_split(CLI::App& data, Context& context);
void add_data_stats(CLI::App& data, Context& context);
void add_data_convert(CLI::App& data, Context& context);
void add_data_preview(CLI::App& data, Context& context);
void add_data_tile(CLI::App& data, Context& context);

/// Where the data of a command are.
struct DataPlace {
  std::string path{}, images{};
};

/// PATH and --images, which every part takes.
void add_place(CLI::App& command, DataPlace& place);

}  // namespace joist::commands
