#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/runs.h>

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist runs runs
      a line for each run below the folder runs, the best first
  joist runs runs/a runs/b --out compared.html
      their curves over each other, their numbers, and what was set differently: one file
  joist runs runs --sort name --json runs.json)";

struct Given {
  std::vector<std::string> places{"."};
  std::string sort = "best", out{}, json{};
};

int run(const Given& given) {
  std::vector<RunSummary> runs = find_runs(given.places);
  const std::string decides = deciding_metric(runs);
  if (given.sort == "best")
    std::stable_sort(runs.begin(), runs.end(), [&](const RunSummary& a, const RunSummary& b) {
      return a.metric(decides).value_or(-1) > b.metric(decides).value_or(-1);
    });
  std::size_t widest = 4;
  for (const RunSummary& one : runs) widest = std::max(widest, one.name.size());
  fmt::print("{:<{}}  {:<14} {:>5} {:>7} {:>9}  {}\n", "run", widest, "model", "size", "epochs", "time",
             decides.empty() ? "not evaluated" : decides);
  for (const RunSummary& one : runs) {
    const std::optional<double> value = one.metric(decides);
    fmt::print("{:<{}}  {:<14} {:>5} {:>7.0f} {:>9}  {}{}{}\n", one.name, widest, one.option("model"),
               one.option("size"), one.metric("epochs").value_or(0), clock_text(one.metric("seconds").value_or(0)),
               value ? fmt::format("{:.4f}", *value) : "",
               one.AP_range ? fmt::format(" ({:.3f} to {:.3f})", one.AP_range->first, one.AP_range->second) : "",
               one.is_finished ? "" : "  not finished");
  }
  const std::vector<std::string> differing = differing_options(runs);
  if (runs.size() > 1 && !differing.empty()) fmt::print("set differently: {}\n", fmt::join(differing, ", "));
  if (!given.out.empty()) {
    store_file(given.out, runs_page(runs));
    fmt::print("page: {}\n", given.out);
  }
  write_result(given.json, to_json(runs) + "\n");
  return 0;
}

}  // namespace

void add_runs(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("runs", "Lists training runs and compares them");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("places", given->places, "folders of runs, or with runs in them")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_option("--sort", given->sort, "the best first, or by name")
      ->type_name("best|name")
      ->check(CLI::IsMember({"best", "name"}))
      ->capture_default_str();
  command->add_option("--out", given->out, "write a page with curves and settings: one HTML file")
      ->type_name("FILE.html");
  command->add_option("--json", given->json, "write the list here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return run(*given); }; });
}

}  // namespace joist::commands
