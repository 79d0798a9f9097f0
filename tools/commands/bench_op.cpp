#include <joist/core/instruction_set.h>
#include <joist/core/threads.h>
#include <joist/tools/commands/bench.h>
#include <joist/tools/training/op_benchmark.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist bench op batch_norm
  joist bench op all --json ops.json
      every family at the shapes of the benchmarked models, forwards and backwards, slowest against its bound first)";

struct Given {
  std::string family{}, json{};
  int threads = 0;
};

void apply_threads_of(const Given& given) {
  if (given.threads > 0) set_threads(given.threads);
}

std::string text_of(const Roofline& roofline) {
  return fmt::format(
      "{} threads, {}: {:.0f} GFLOP/s multiply-adds, {:.0f} GFLOP/s large product, {:.1f} GB/s large copy\n", threads(),
      instruction_set(), roofline.fma_gflops, roofline.gemm_gflops, roofline.copy_gb_per_second);
}

nlohmann::ordered_json json_of(const Roofline& roofline) {
  return {{"threads", threads()},
          {"instruction_set", instruction_set()},
          {"fma_gflops", roofline.fma_gflops},
          {"gemm_gflops", roofline.gemm_gflops},
          {"copy_gb_per_second", roofline.copy_gb_per_second}};
}

int bench_roofline(const Given& given) {
  apply_threads_of(given);
  const Roofline roofline = measure_roofline();
  fmt::print("{}", text_of(roofline));
  write_result(given.json, json_of(roofline).dump(1) + "\n");
  return 0;
}

int bench_op(const Given& given) {
  apply_threads_of(given);
  std::vector<OpCase> cases;
  for (const std::string& family : given.family == "all" ? op_families() : std::vector{given.family})
    for (OpCase& one : op_cases(family)) {
      one.name = family + ": " + one.name;
      cases.push_back(std::move(one));
    }
  const Roofline roofline = measure_roofline();
  fmt::print("{}{:<58} {:<8} {:>9} {:>9} {:>8}  {:<5} {:>8}\n", text_of(roofline), "operation", "", "ms", "GFLOP/s",
             "GB/s", "bound", "of bound");
  nlohmann::ordered_json json{{"roofline", json_of(roofline)}, {"operations", nlohmann::ordered_json::array()}};
  for (const OpTiming& one : benchmark_ops(cases, roofline)) {
    fmt::print("{:<58} {:<8} {:>9.3f} {:>9.1f} {:>8.1f}  {:<5} {:>7.0f}%\n", one.name, one.direction, one.milliseconds,
               one.gflops, one.gb_per_second, one.bound, 100 * one.share_of_bound);
    json["operations"].push_back({{"name", one.name},
                                  {"direction", one.direction},
                                  {"ms", one.milliseconds},
                                  {"gflops", one.gflops},
                                  {"gb_per_second", one.gb_per_second},
                                  {"bound", one.bound},
                                  {"share_of_bound", one.share_of_bound}});
  }
  write_result(given.json, json.dump(1) + "\n");
  return 0;
}

void add_shared_options(CLI::App& command, Given& given) {
  command.add_option("--threads", given.threads, "threads; 0: one per core")->type_name("N")->capture_default_str();
  command.add_option("--json", given.json, "write the figures here")->type_name("FILE");
}

}  // namespace

void add_bench_op(CLI::App& bench, Context& context) {
  CLI::App* op = bench.add_subcommand("op", "Times single operations beside what bounds them");
  op->footer(examples);
  const auto given = std::make_shared<Given>();
  op->add_option("FAMILY", given->family, fmt::format("all, {}", fmt::join(op_families(), ", ")))->required();
  add_shared_options(*op, *given);
  op->callback([&context, given] { context.run = [given] { return bench_op(*given); }; });

  CLI::App* roofline = bench.add_subcommand("roofline", "Times multiply-adds, a large product and a large copy");
  const auto given_roofline = std::make_shared<Given>();
  add_shared_options(*roofline, *given_roofline);
  roofline->callback(
      [&context, given_roofline] { context.run = [given_roofline] { return bench_roofline(*given_roofline); }; });
}

}  // namespace joist::commands
