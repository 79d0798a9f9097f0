#include <joist/data/check.h>
#include <joist/data/dataset.h>
#include <joist/tools/commands/data.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist data check site/train.json
  joist data check voc_folder --json findings.json)";

struct Given {
  DataPlace place{};
  std::string json{};
};

int check_data(const Given& given) {
  Dataset dataset = read_dataset(given.place.path, {.images = given.place.images, .require_pictures = false});
  fmt::print("{}\n", summary(dataset));
  const CheckReport report = check(dataset, {.policy = Policy::report});
  fmt::print("{}", to_text(report));
  write_result(given.json, to_json(report) + "\n");
  if (report.findings.empty()) fmt::print("nothing wrong was found\n");
  check(dataset, {.policy = Policy::fail});  // exit code 3 if anything would train wrongly; duplicates alone are listed
  return 0;
}

}  // namespace

void add_data_check(CLI::App& data, Context& context) {
  CLI::App* command = data.add_subcommand(
      "check", "Says what is wrong with labels and pictures; exit code 3 if they would train wrongly");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  add_place(*command, given->place);
  command->add_option("--json", given->json, "write the findings here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return check_data(*given); }; });
}

}  // namespace joist::commands
