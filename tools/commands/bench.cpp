#include <joist/tools/commands/bench.h>

#include <CLI/CLI.hpp>

namespace joist::commands {

void add_bench(CLI::App& app, Context& context) {
  CLI::App* bench = app.add_subcommand("bench", "Times this machine");
  bench->require_subcommand(1);
  add_bench_train(*bench, context);
  add_bench_augment(*bench, context);
  add_bench_loader(*bench, context);
  add_bench_op(*bench, context);
}

}  // namespace joist::commands
