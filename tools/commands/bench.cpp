#include <joist/core/threads.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/benchmark.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist bench train --model yolo_n --batch 16 --size 320 --steps 10 --json yolo.json
  joist bench train --model resnet18 --batch 16 --size 224
  joist bench train --model resnet18 --steps 3 --profile trace.json
      every operation of a step, forwards and backwards; open it at https://ui.perfetto.dev)";

struct Given {
  TrainBenchmarkOptions options{};
  int threads = 0;
  std::string json{};
};

int bench_train(const Given& given, const ModelRegistry& registry) {
  if (given.threads > 0) set_threads(given.threads);
  const TrainBenchmark result = benchmark_training(given.options, registry);
  fmt::print(
      "{}, {} parameters, batch {}, {} threads: {:.1f} ms per step (median of {}; fastest {:.1f}), {:.1f} samples/s, "
      "peak memory {:.2f} GB\n",
      given.options.model, result.parameters, given.options.batch, threads(), result.step_ms_median,
      given.options.steps, result.step_ms_fastest, result.samples_per_second,
      static_cast<double>(result.peak_rss_bytes) / 1e9);
  const nlohmann::ordered_json json{{"model", given.options.model},
                                    {"batch", given.options.batch},
                                    {"steps", given.options.steps},
                                    {"threads", threads()},
                                    {"parameters", result.parameters},
                                    {"samples_per_second", result.samples_per_second},
                                    {"step_ms_median", result.step_ms_median},
                                    {"step_ms_fastest", result.step_ms_fastest},
                                    {"peak_rss_bytes", result.peak_rss_bytes}};
  write_result(given.json, json.dump(1) + "\n");
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  CLI::App* bench = app.add_subcommand("bench", "Times this machine");
  bench->require_subcommand(1);
  CLI::App* train = bench->add_subcommand("train", "Times training steps on made-up input");
  train->footer(examples);
  const auto given = std::make_shared<Given>();
  train->add_option("--model", given->options.model, "model")->type_name("NAME")->required();
  train->add_option("--batch", given->options.batch, "pictures per step")->type_name("N")->capture_default_str();
  train->add_option("--size", given->options.size, "side of the input; 0: the model's usual one")
      ->type_name("PIXELS")
      ->capture_default_str();
  train->add_option("--steps", given->options.steps, "steps that are measured, after 3 that are not")
      ->type_name("N")
      ->capture_default_str();
  train->add_option("--classes", given->options.classes, "classes; 0: the model's usual number")
      ->type_name("N")
      ->capture_default_str();
  train->add_option("--threads", given->threads, "threads; 0: one per core")->type_name("N")->capture_default_str();
  train->add_option("--profile", given->options.profile, "write a Chrome trace of one more step here")
      ->type_name("FILE");
  train->add_option("--json", given->json, "write the figures here")->type_name("FILE");
  train->callback(
      [&context, given] { context.run = [&context, given] { return bench_train(*given, context.registry); }; });
}

}  // namespace joist::commands
