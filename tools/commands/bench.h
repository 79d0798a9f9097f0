// The parts of `joist bench`, one file each.
#pragma once

#include <joist/tools/commands/command.h>

namespace joist::commands {

void add_bench_train(CLI::App& bench, Context& context);
void add_bench_augment(CLI::App& bench, Context& context);
void add_bench_loader(CLI::App& bench, Context& context);
/// `op` and `roofline`.
void add_bench_op(CLI::App& bench, Context& context);

}  // namespace joist::commands
