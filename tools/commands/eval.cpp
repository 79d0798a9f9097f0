#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/core/threads.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/evaluate.h>

#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist eval --model runs/site/best.h5 --data site/val.json --json ap.json
  joist eval --model runs/site/best.h5 --data site/val.json --out evaluation
      evaluation/report.html: where the mistakes come from, curves, which confidence to ask for, the worst pictures and
      the labels that the model disagrees with; evaluation/report.json: the same as numbers
  joist eval --model runs/site/best.h5 --data site/val.json --group 'cam([0-9]+)' --out by_camera
      each camera by itself as well
  joist eval --model runs/fashion/best.h5 --data fashion-mnist)";

}  // namespace

void add_eval(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("eval", "Evaluates a checkpoint: COCO numbers of detectors, top-1 and top-5 of classifiers");
  command->footer(examples);
  const auto given = std::make_shared<EvaluateOptions>();
  const auto json = std::make_shared<std::string>();
  command->add_option("--model", given->model, "a checkpoint of joist, or an ONNX file that it exported")
      ->type_name("FILE")
      ->required();
  command->add_option("--data", given->data, "a folder or one annotation file")->type_name("PATH")->required();
  command->add_option("--batch", given->batch, "pictures at once")->type_name("N")->capture_default_str();
  command->add_option("--threads", given->threads, "threads of the computation; 0: one per core")
      ->type_name("N")
      ->capture_default_str();
  const auto device = add_device(*command);
  command->add_option("--labels", given->labels, "what to do about labels that are wrong")
      ->type_name("fail|repair|drop")
      ->capture_default_str();
  command->add_flag("--mirror", given->mirror,
                    "look at mirror images too (test-time augmentation), for twice the time");
  const auto out = std::make_shared<std::string>();
  command->add_option("--out", *out, "write report.html (one file, with pictures) and report.json into this folder")
      ->type_name("DIR");
  command->add_option("--json", *json, "write the numbers here")->type_name("FILE");
  AnalysisOptions& analysis = given->analysis;
  command->add_option("--confidence", analysis.confidence, "of the table of what is taken for what")
      ->type_name("P")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Detectors");
  command
      ->add_option("--false-alarms", analysis.budgets,
                   "false alarms per picture that can be borne; for each of these, a threshold per class")
      ->type_name("R,…")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group("Detectors");
  command->add_option("--group", analysis.group, "which pictures belong to a camera or video, as in joist data split")
      ->type_name("auto|prefix|folder|none|REGEX")
      ->capture_default_str()
      ->group("Detectors");
  command->add_option("--draws", analysis.draws, "of the pictures, for the ranges of the numbers")
      ->type_name("N")
      ->check(CLI::Range(20, 100000))
      ->capture_default_str()
      ->group("Detectors");
  command->add_option("--seed", analysis.seed, "of these draws")
      ->type_name("N")
      ->capture_default_str()
      ->group("Detectors");
  command->callback([&context, given, json, out, device] {
    context.run = [&context, given, json, out, device] {
      given->with_report = !out->empty();
      const bool exported = given->model.ends_with(".onnx") && *device == "auto";
      given->device = exported ? cpu : device_given(*device);
      const EvaluateResult result = evaluate_model(*given, context.registry);
      if (result.signal != 0) return result.signal;
      fmt::print("{}", result.text);
      write_result(*json, result.json + "\n");
      if (!out->empty()) {
        const std::filesystem::path folder(*out);
        ensure_folder(folder);
        store_file(folder / "report.json", result.json + "\n");
        store_file(folder / "report.html", result.html);
        fmt::print("report: {}\n", (folder / "report.html").string());
      }
      return 0;
    };
  });
}

}  // namespace joist::commands
