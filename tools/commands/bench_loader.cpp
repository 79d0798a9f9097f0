#include <joist/tools/commands/bench.h>
#include <joist/tools/training/loader_benchmark.h>

#include <memory>
#include <ranges>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist bench loader --data site/train.json --size 320 --json loader.json
  joist bench loader --data site/train.json --epochs 20
      twenty epochs, with the memory of the process after each
  joist bench loader --data voc_folder --no-cache --threads 1
      every picture is decoded every time, by one thread)";

struct Given {
  LoaderBenchmarkOptions options{};
  bool no_cache = false;
  std::string json{};
};

int bench_loader(const Given& given) {
  LoaderBenchmarkOptions options = given.options;
  options.cache = !given.no_cache;
  const LoaderBenchmark result = benchmark_loader(options);
  fmt::print(
      "{} loader threads, {} × {} pixels, batch {}: {:.0f} pictures/s ({:.0f} in the first epoch, which decodes all), "
      "{:.2f} ms of processor time each, cache {:.2f} GB and {:.2f} GB in a temporary file, peak memory {:.2f} GB\n",
      result.threads, options.size, options.size, options.batch, result.pictures_per_second,
      result.first_epoch_pictures_per_second, result.cpu_seconds_per_picture * 1e3,
      static_cast<double>(result.cached_bytes) / 1e9, static_cast<double>(result.spilled_bytes) / 1e9,
      static_cast<double>(result.peak_rss_bytes) / 1e9);
  if (options.epochs > 0)
    fmt::print("memory after each epoch, MB: {:.1f}\n",
               fmt::join(result.epoch_rss |
                             std::views::transform([](std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; }),
                         " "));
  const nlohmann::ordered_json json{{"pictures_per_second", result.pictures_per_second},
                                    {"first_epoch_pictures_per_second", result.first_epoch_pictures_per_second},
                                    {"pictures", result.pictures},
                                    {"decoded", result.decoded},
                                    {"batch", options.batch},
                                    {"size", options.size},
                                    {"threads", result.threads},
                                    {"cached_bytes", result.cached_bytes},
                                    {"spilled_bytes", result.spilled_bytes},
                                    {"cpu_seconds_per_picture", result.cpu_seconds_per_picture},
                                    {"epoch_rss_bytes", result.epoch_rss},
                                    {"peak_rss_bytes", result.peak_rss_bytes}};
  write_result(given.json, json.dump(1) + "\n");
  return 0;
}

}  // namespace

void add_bench_loader(CLI::App& bench, Context& context) {
  CLI::App* loader = bench.add_subcommand("loader", "Times the pictures of a detector's training, without a model");
  loader->footer(examples);
  const auto given = std::make_shared<Given>();
  LoaderBenchmarkOptions& options = given->options;
  loader->add_option("--data", options.data, "annotated pictures: a folder or one annotation file")
      ->type_name("PATH")
      ->required();
  loader->add_option("--batch", options.batch, "pictures per batch")->type_name("N")->capture_default_str();
  loader->add_option("--size", options.size, "side of the pictures that come out")
      ->type_name("PIXELS")
      ->capture_default_str();
  loader->add_option("--threads", options.threads, "loader threads; 0: one per core")
      ->type_name("N")
      ->capture_default_str();
  loader->add_option("--seconds", options.seconds, "how long to measure, after the first epoch")
      ->type_name("S")
      ->capture_default_str();
  loader->add_option("--labels", options.labels, "what to do about labels that are wrong")
      ->type_name("fail|repair|drop")
      ->capture_default_str();
  loader->add_option("--epochs", options.epochs, "whole epochs instead of seconds; says the memory after each")
      ->type_name("N")
      ->capture_default_str();
  loader
      ->add_option("--augment", options.augment,
                   "a ready list instead of the fixed recipe; joist data preview has them")
      ->type_name("NAME");
  loader->add_option("--cache-folder", options.cache_folder, "decoded pictures stay here for later runs")
      ->type_name("DIR");
  loader->add_flag("--no-cache", given->no_cache, "decode every picture every time");
  loader->add_option("--json", given->json, "write the figures here")->type_name("FILE");
  loader->callback([&context, given] { context.run = [given] { return bench_loader(*given); }; });
}

}  // namespace joist::commands
