#include <joist/core/error.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/instruction_set.h>
#include <joist/core/parallel/launch.h>
#include <joist/core/plugin.h>
#include <joist/core/threads.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/commands/doctor_parallel.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist doctor
  joist doctor --json machine.json
  mpirun -np 4 joist doctor --parallel       # every pair of ranks: latency, rate, contents; what slows them
  joist doctor --parallel                    # two ranks inside this process; is MPI there?
  joist doctor --predict --nodes 128 --node-gigabits 100 --gradients 102 --compute 83

--parallel meets the other ranks as `joist train` does: mpirun, torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT),
Slurm. Set JOIST_TOKEN to the same random text on every rank where strangers reach the machines, JOIST_PORT for another
port of rank 0, JOIST_MEETING=tcp to do without MPI.)";

/// What the doctor says of one thing.
struct Line {
  std::string name;
  nlohmann::ordered_json value;
  std::string problem{};
  std::string fix{};
};

/// "model name" and the flags of the first processor.
std::pair<std::string, std::set<std::string>> processor() {
  std::ifstream file("/proc/cpuinfo");
  std::string name = "unknown";
  std::set<std::string> flags;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (line.starts_with("model name")) name = value;
    if (!line.starts_with("flags")) continue;
    std::istringstream words(value);
    for (std::string word; words >> word;) flags.insert(word);
  }
  return {name, flags};
}

std::int64_t memory_kilobytes(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return std::strtoll(line.c_str() + key.size() + 1, nullptr, 10);
  return 0;
}

Line cpu_line() {
  const auto [name, flags] = processor();
  const bool avx2 = flags.contains("avx2"), avx512 = flags.contains("avx512f");
  Line line{"processor", name +
                             (avx512 ? ", AVX-512"
                              : avx2 ? ", AVX2"
                                     : "") +
                             (multiplies_bfloat16() ? ", bfloat16 products" : "")};
  if (!avx2) line.problem = "no AVX2: training is several times slower", line.fix = "a newer processor";
  return line;
}

Line threads_line() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int cores = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  Line line{"threads", threads()};
  if (threads() > cores) {
    line.problem = fmt::format("{} threads on {} cores wait for each other", threads(), cores);
    line.fix = fmt::format("OMP_NUM_THREADS={}, or --threads {}", cores, cores);
  } else if (threads() < cores) {
    line.problem = fmt::format("{} of {} cores are used", threads(), cores);
    line.fix = fmt::format("unset OMP_NUM_THREADS, or --threads {}", cores);
  }
  return line;
}

Line memory_line() {
  const double total = static_cast<double>(memory_kilobytes("MemTotal")) / 1e6;
  const double available = static_cast<double>(memory_kilobytes("MemAvailable")) / 1e6;
  Line line{"memory", fmt::format("{:.1f} GB, {:.1f} GB available", total, available)};
  if (available < 2)
    line.problem = "the default training takes about 2 GB", line.fix = "end other programs, or --batch 8";
  return line;
}

Line disk_line() {
  struct statvfs disk = {};
  if (::statvfs(".", &disk) != 0) return {"disk", "unknown", "this folder's disk cannot be asked", "another folder"};
  const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize) / 1e9;
  Line line{"disk", fmt::format("{:.1f} GB free here", free)};
  if (free < 1) line.problem = "a run takes up to 1 GB", line.fix = "make room, or another --out";
  return line;
}

Line gpu_line() {
  const std::string& why = why_no_backend(Device::Kind::cuda);
  return {"gpu", why.empty() ? "CUDA" : "not used: " + why};
}

Line processes_line() {
  const std::string missing = parallel::why_no_mpi();
  if (missing.empty()) return {"processes", "MPI, TCP"};
  return {"processes", "TCP; no MPI: " + missing};
}

Line checkpoints_line() {
  try {
    require_hdf5();
    return {"checkpoints", "HDF5"};
  } catch (const Error& error) {
    return {"checkpoints", "none", error.fault().what, error.fault().remedy};
  }
}

int examine(const std::string& json_file) {
  const std::vector<Line> lines{
      {"joist", JOIST_VERSION}, cpu_line(),        threads_line(), memory_line(), disk_line(), gpu_line(),
      processes_line(),         checkpoints_line()};
  nlohmann::ordered_json json;
  auto problems = nlohmann::ordered_json::array();
  for (const Line& line : lines) {
    fmt::print("{:<12} {}\n", line.name, line.value.is_string() ? line.value.get<std::string>() : line.value.dump());
    json[line.name] = line.value;
    if (line.problem.empty()) continue;
    fmt::print("{:<12} problem: {}\n{:<12} try: {}\n", "", line.problem, "", line.fix);
    problems.push_back({{"what", line.problem}, {"fix", line.fix}});
  }
  json["problems"] = problems;
  write_result(json_file, json.dump(1) + "\n");
  return 0;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("doctor", "Says what this machine offers, and each problem with its fix");
  command->footer(examples);
  const auto json = std::make_shared<std::string>();
  command->add_option("--json", *json, "write it here")->type_name("FILE");
  const auto parallel = std::make_shared<bool>(false), predict = std::make_shared<bool>(false);
  const auto sizes = std::make_shared<PredictOptions>();
  auto* ranks = command->add_flag("--parallel", *parallel, "the ranks of a job instead of this machine");
  auto* model =
      command->add_flag("--predict", *predict, "how a training would scale, by a cost model")->excludes(ranks);
  const auto positive = CLI::PositiveNumber;
  command->add_option("--nodes", sizes->nodes, "machines")->check(CLI::Range(1, 1 << 20))->needs(model);
  command->add_option("--per-node", sizes->per_node, "ranks of one")->check(CLI::Range(1, 1024))->needs(model);
  command->add_option("--node-gigabits", sizes->node_gigabits, "network of one, all devices")
      ->check(positive)
      ->needs(model);
  command->add_option("--inside", sizes->inside_gigabytes, "GB/s of one rank inside")->check(positive)->needs(model);
  command->add_option("--gradients", sizes->gradient_megabytes, "MB of all gradients")->check(positive)->needs(model);
  command->add_option("--compute", sizes->compute_milliseconds, "ms of one step alone")->check(positive)->needs(model);
  command->callback([&context, json, parallel, predict, sizes] {
    context.run = [json, parallel, predict, sizes] {
      return *parallel ? examine_ranks(*json) : *predict ? predict_scaling(*sizes, *json) : examine(*json);
    };
  });
}

}  // namespace joist::commands
