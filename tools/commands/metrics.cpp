#include <joist/data/metrics/coco.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/detection_evaluation.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Example:
  joist metrics coco --truth val.json --detections results.json --json numbers.json)";

struct Given {
  std::string truth{}, detections{}, json{};
};

int coco(const Given& given) {
  const CocoResult result = evaluate(read_coco_truth(given.truth), read_coco_detections(given.detections));
  for (const auto& [name, value] : twelve(result)) fmt::print("{:<9} {:.4f}\n", name, value);
  write_result(given.json, coco_json(result) + "\n");
  return 0;
}

}  // namespace

void add_metrics(CLI::App& app, Context& context) {
  CLI::App* metrics = app.add_subcommand("metrics", "Measures results without a model");
  metrics->require_subcommand(1);
  CLI::App* command = metrics->add_subcommand("coco", "The twelve COCO numbers of a list of detections");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--truth", given->truth, "COCO annotation file")->type_name("FILE")->required();
  command->add_option("--detections", given->detections, "COCO results file")->type_name("FILE")->required();
  command->add_option("--json", given->json, "write the numbers here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return coco(*given); }; });
}

}  // namespace joist::commands
