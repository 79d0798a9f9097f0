#include <joist/core/instruction_set.h>
#include <joist/core/threads.h>
#include <joist/tools/commands/bench.h>
#include <joist/tools/training/benchmark.h>
#include <joist/tools/training/captured_step.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist bench train --model yolo_n --batch 16 --size 320 --steps 10 --json yolo.json
  joist bench train --model resnet18 --batch 16 --size 224
  joist bench train --model gpt --batch 8 --size 256
  joist bench train --model resnet18 --steps 3 --profile trace.json
      every operation of a step, forwards and backwards; open it at https://ui.perfetto.dev
  JOIST_CAPTURE=1 joist bench train --model resnet50 --device cuda --bf16
      steps as graphs of the GPU, as in training
  JOIST_MAX_CPU_ISA=avx2 joist bench train --model resnet18
      as on a processor without AVX-512

tools/compare runs this beside PyTorch: the same weights, the same batch, the same losses.)";

struct Given {
  TrainBenchmarkOptions options{};
  bool no_drops = false;
  int threads = 0;
  std::string json{};
  std::shared_ptr<std::string> device{};
};

int bench_train(const Given& given, const ModelRegistry& registry) {
  if (given.threads > 0) set_threads(given.threads);
  TrainBenchmarkOptions options = given.options;
  options.random_drops = !given.no_drops;
  options.device = device_given(*given.device);
  options.capture = wants_capture();
  const TrainBenchmark result = benchmark_training(options, registry);
  fmt::print(
      "{}, {} parameters, batch {}, size {}, {}, {}{}: {:.1f} ms per step (median of {}; fastest {:.1f}, 9 of "
      "10 within {:.1f}, first {:.1f}), {:.1f} samples/s, peak memory {:.2f} GB\n",
      options.model, result.parameters, result.batch, result.size,
      options.device.on_host() ? fmt::format("{} threads", threads()) : options.device.text(), instruction_set(),
      options.bfloat16 ? ", bfloat16" : "", result.step_ms_median, result.step_ms.size(), result.step_ms_fastest,
      result.step_ms_p90, result.first_step_ms, result.samples_per_second,
      static_cast<double>(result.peak_rss_bytes) / 1e9);
  if (!result.why_not_captured.empty())
    fmt::print("JOIST_CAPTURE: steps are not recorded: {}\n", result.why_not_captured);
  else if (options.capture)
    fmt::print("JOIST_CAPTURE: {} steps were replayed as a graph\n", result.replayed_steps);
  fmt::print("losses of the first steps: {:.6f}\n", fmt::join(result.losses, " "));
  const nlohmann::ordered_json json{{"model", options.model},
                                    {"batch", result.batch},
                                    {"size", result.size},
                                    {"steps", options.steps},
                                    {"threads", threads()},
                                    {"instruction_set", instruction_set()},
                                    {"bfloat16", options.bfloat16},
                                    {"device", options.device.text()},
                                    {"captured", result.replayed_steps > 0},
                                    {"why_not_captured", result.why_not_captured},
                                    {"parameters", result.parameters},
                                    {"samples_per_second", result.samples_per_second},
                                    {"step_ms_median", result.step_ms_median},
                                    {"step_ms_fastest", result.step_ms_fastest},
                                    {"step_ms_p90", result.step_ms_p90},
                                    {"first_step_ms", result.first_step_ms},
                                    {"step_ms", result.step_ms},
                                    {"losses", result.losses},
                                    {"peak_rss_bytes", result.peak_rss_bytes},
                                    {"peak_bytes", result.peak_bytes},
                                    {"predicted_peak_bytes", result.predicted_peak_bytes},
                                    {"forward_flops", result.forward_flops}};
  write_result(given.json, json.dump(1) + "\n");
  return 0;
}

}  // namespace

void add_bench_train(CLI::App& bench, Context& context) {
  CLI::App* train = bench.add_subcommand("train", "Times training steps on one batch");
  train->footer(examples);
  const auto given = std::make_shared<Given>();
  TrainBenchmarkOptions& options = given->options;
  train->add_option("--model", options.model, "model")->type_name("NAME")->required();
  train->add_option("--batch", options.batch, "samples per step; 0: 16, or as many as --inputs holds")
      ->type_name("N")
      ->capture_default_str();
  train->add_option("--size", options.size, "side of the pictures, length of the sequences; 0: the model's usual one")
      ->type_name("N")
      ->capture_default_str();
  train->add_option("--steps", options.steps, "steps that are measured, after 3 that are not")
      ->type_name("N")
      ->capture_default_str();
  train->add_option("--classes", options.classes, "classes, or different tokens; 0: the model's usual number")
      ->type_name("N")
      ->capture_default_str();
  train->add_option("--lr", options.lr, "learning rate; 0: 0.01 (pictures) or 0.001 (sequences)")
      ->type_name("R")
      ->capture_default_str();
  train->add_option("--weights", options.weights, "initial weights: HDF5, every parameter and buffer by its name")
      ->type_name("FILE");
  train
      ->add_option("--inputs", options.inputs,
                   "the batch: HDF5 with \"inputs\", \"targets\" and, for detectors, \"boxes\"")
      ->type_name("FILE");
  train->add_flag("--no-drops", given->no_drops, "without dropout and stochastic depth: losses can be compared");
  train->add_flag("--bf16", options.bfloat16, "products in bfloat16");
  given->device = add_device(*train, "cpu");
  train->add_flag("--predict-memory", options.predict_memory,
                  "foresee the peak of the arrays' memory from steps of two and four samples on the CPU");
  train->add_option("--threads", given->threads, "threads; 0: one per core")->type_name("N")->capture_default_str();
  train->add_option("--profile", options.profile, "write a Chrome trace of one more step here")->type_name("FILE");
  train->add_option("--json", given->json, "write the figures here")->type_name("FILE");
  train->callback(
      [&context, given] { context.run = [&context, given] { return bench_train(*given, context.registry); }; });
}

}  // namespace joist::commands
