#include <joist/core/error.h>
#include <joist/core/threads.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/evaluate.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist eval --model runs/site/best.h5 --data site/val.json --json ap.json
  joist eval --model runs/fashion/best.h5 --data fashion-mnist)";

}  // namespace

void add_eval(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("eval", "Evaluates a checkpoint: COCO numbers of detectors, top-1 and top-5 of classifiers");
  command->footer(examples);
  const auto given = std::make_shared<EvaluateOptions>();
  const auto json = std::make_shared<std::string>();
  command->add_option("--model", given->model, "a checkpoint of joist")->type_name("FILE")->required();
  command->add_option("--data", given->data, "a folder or one annotation file")->type_name("PATH")->required();
  command->add_option("--batch", given->batch, "pictures at once")->type_name("N")->capture_default_str();
  command->add_option("--threads", given->threads, "threads of the computation; 0: one per core")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--labels", given->labels, "what to do about labels that are wrong")
      ->type_name("fail|repair|drop")
      ->capture_default_str();
  command->add_flag("--mirror", given->mirror,
                    "look at mirror images too (test-time augmentation), for twice the time");
  command->add_option("--json", *json, "write the numbers here")->type_name("FILE");
  command->callback([&context, given, json] {
    context.run = [&context, given, json] {
      const EvaluateResult result = evaluate_model(*given, context.registry);
      if (result.signal != 0) return result.signal;
      fmt::print("{}", result.text);
      write_result(*json, result.json + "\n");
      return 0;
    };
  });
}

}  // namespace joist::commands
