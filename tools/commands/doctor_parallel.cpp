#include <joist/core/parallel/communicator.h>
#include <joist/core/parallel/launch.h>
#include <joist/core/threads.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/commands/doctor_parallel.h>
#include <joist/tools/cost_model.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace joist::commands {
namespace {

using Json = nlohmann::ordered_json;
using parallel::Communicator;
using parallel::Reduce;

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

int cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

std::vector<std::string> interfaces() {
  std::vector<std::string> names;
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0) return names;
  for (const ifaddrs* one = found; one; one = one->ifa_next)
    if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET && (one->ifa_flags & IFF_UP) != 0 &&
        (one->ifa_flags & IFF_LOOPBACK) == 0)
      names.emplace_back(one->ifa_name);
  ::freeifaddrs(found);
  return names;
}

// What a rank knows of itself and its machine, sent to rank 0 as JSON.
Json own_state(const Communicator& world) {
  struct statvfs shared = {};
  const bool has_shared = ::statvfs("/dev/shm", &shared) == 0;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return {{"rank", world.rank()},
          {"host", std::string(host.data())},
          {"process", ::getpid()},
          {"version", JOIST_VERSION},
          {"threads", threads()},
          {"cores", cores()},
          {"interfaces", interfaces()},
          {"shm_bytes", has_shared ? static_cast<std::int64_t>(shared.f_frsize * shared.f_blocks) : 0}};
}

void add_problem(Json& problems, const std::string& what, const std::string& fix) {
  for (const Json& known : problems)
    if (known["what"] == what) return;
  problems.push_back({{"what", what}, {"fix", fix}});
}

Json problems_of(const std::vector<Json>& ranks, const std::string& transport) {
  Json problems = Json::array();
  for (const Json& rank : ranks) {
    const auto host = rank["host"].get<std::string>();
    if (rank["version"] != ranks[0]["version"])
      add_problem(problems,
                  fmt::format("rank {} is joist {}, rank 0 is {}", rank["rank"].get<int>(),
                              rank["version"].get<std::string>(), ranks[0]["version"].get<std::string>()),
                  "install the same joist on every machine");
    int wanted = 0, here = 0;
    for (const Json& other : ranks)
      if (other["host"] == host) wanted += other["threads"].get<int>(), ++here;
    const int available = rank["cores"].get<int>();
    // Ranks that mpirun binds to different cores see only their own.
    const bool bound =
        here > 1 &&
        std::ranges::all_of(ranks,
                            [&](const Json& other) {
                              return other["host"] != host || other["threads"].get<int>() <= other["cores"].get<int>();
                            }) &&
        available < here;
    if (!bound && wanted > available)
      add_problem(problems,
                  fmt::format("{} ranks with {} threads together share {} cores of {}", here, wanted, available, host),
                  available >= here ? fmt::format("--threads {} for each rank, or OMP_NUM_THREADS={}", available / here,
                                                  available / here)
                                    : fmt::format("at most {} ranks on this machine", available));
    const double megabytes = static_cast<double>(rank["shm_bytes"].get<std::int64_t>()) / 1e6;
    if (transport == "mpi" && here > 1 && megabytes < 128)
      add_problem(problems,
                  fmt::format("/dev/shm of {} holds {:.0f} MB: MPI's shared memory may not fit", host, megabytes),
                  "docker run --shm-size=1g, or a volume of medium Memory in Kubernetes");
    if (rank["interfaces"].size() > 1 && ranks.size() > static_cast<std::size_t>(here)) {
      std::string names;
      for (const Json& name : rank["interfaces"]) names += (names.empty() ? "" : ", ") + name.get<std::string>();
      add_problem(problems, fmt::format("{} has several network devices ({}): the slow one may be taken", host, names),
                  "mpirun --mca btl_tcp_if_include DEVICE, or MASTER_ADDR as an address of the fast device");
    }
  }
  return problems;
}

// Both directions at once between two ranks; the contents are checked. The slowest of both ranks counts.
Json measure_pair(Communicator& world, int a, int b, std::int64_t elements) {
  const bool takes_part = world.rank() == a || world.rank() == b;
  const int other = world.rank() == a ? b : a;
  double latency = 0, rate = 0, wrong = 0;
  if (takes_part) {
    const Array small = Array::from(std::vector<float>{1}, {1});
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) {
      if (world.rank() == a) {
        world.send("ping", small, other).wait();
        world.receive("pong", small, other).wait();
      } else {
        world.receive("ping", small, other).wait();
        world.send("pong", small, other).wait();
      }
    }
    latency = seconds_since(begun) / 40;
    const Array mine = Array::empty({elements}, Dtype::int32), theirs = Array::empty({elements}, Dtype::int32);
    for (std::int64_t i = 0; i < elements; ++i)
      mine.data<std::int32_t>()[i] = static_cast<std::int32_t>(i * 2654435761 + world.rank());
    for (int i = 0; i < 3; ++i) {
      const auto start = std::chrono::steady_clock::now();
      auto receive = world.receive("block", theirs, other);
      world.send("block", mine, other).wait();
      receive.wait();
      rate = std::max(rate, static_cast<double>(mine.bytes()) / seconds_since(start));
    }
    for (std::int64_t i = 0; i < elements; ++i)
      wrong += theirs.data<std::int32_t>()[i] != static_cast<std::int32_t>(i * 2654435761 + other) ? 1 : 0;
  }
  latency = parallel::reduced(world, "latency", latency, Reduce::max);
  rate = parallel::reduced(world, "rate", takes_part ? rate : 1e300, Reduce::min);
  wrong = parallel::reduced(world, "wrong elements", wrong);
  return {{"ranks", {a, b}}, {"latency_us", 1e6 * latency}, {"bytes_per_second", rate}, {"wrong_elements", wrong}};
}

Json measure_all_reduce(Communicator& world, std::int64_t elements) {
  const Array data = Array::empty({elements});
  double best = 1e300, wrong = 0;
  for (int i = 0; i < 3; ++i) {
    std::fill_n(data.data<float>(), elements, static_cast<float>(world.rank() + 1));
    world.barrier("start").wait();
    const auto start = std::chrono::steady_clock::now();
    world.all_reduce("gradients of doctor", data).wait();
    best = std::min(best, parallel::reduced(world, "time", seconds_since(start), Reduce::max));
    const auto expected = static_cast<float>(world.size() * (world.size() + 1) / 2);
    wrong += static_cast<double>(elements - std::count(data.data<float>(), data.data<float>() + elements, expected));
  }
  const auto n = static_cast<double>(world.size());
  return {{"bytes", data.bytes()},
          {"seconds", best},
          {"bus_bytes_per_second", static_cast<double>(data.bytes()) / best * 2 * (n - 1) / n},
          {"wrong_elements", parallel::reduced(world, "wrong elements", wrong)}};
}

// Every rank's part; rank 0 gets the whole.
Json examine_world(Communicator& world) {
  std::vector<Json> ranks;
  for (const std::string& text : parallel::gathered_text(world, "state of the ranks", own_state(world).dump()))
    ranks.push_back(Json::parse(text));
  Json result{{"ranks", ranks}, {"transport", world.transport()}, {"pairs", Json::array()}};
  // All pairs where there are few ranks, else a ring.
  for (int a = 0; a < world.size(); ++a)
    for (int b = a + 1; b < world.size(); ++b)
      if (world.size() <= 8 || b == a + 1) result["pairs"].push_back(measure_pair(world, a, b, 1 << 20));
  result["all_reduce"] = measure_all_reduce(world, 4 << 20);
  result["problems"] = problems_of(ranks, world.transport());
  return result;
}

void print_world(const Json& result) {
  fmt::print("{:<12} {} by {}\n", "ranks", result["ranks"].size(), result["transport"].get<std::string>());
  for (const Json& rank : result["ranks"])
    fmt::print("{:<12} process {} on {}, {} threads, {} cores\n", fmt::format("rank {}", rank["rank"].get<int>()),
               rank["process"].get<int>(), rank["host"].get<std::string>(), rank["threads"].get<int>(),
               rank["cores"].get<int>());
  for (const Json& pair : result["pairs"])
    fmt::print("{:<12} {:8.1f} us, {:8.3f} GB/s in both directions at once\n",
               fmt::format("{} - {}", pair["ranks"][0].get<int>(), pair["ranks"][1].get<int>()),
               pair["latency_us"].get<double>(), pair["bytes_per_second"].get<double>() / 1e9);
  const Json& sum = result["all_reduce"];
  fmt::print("{:<12} {:.1f} MB in {:.2f} ms, {:.3f} GB/s on the bus; every element right\n", "all_reduce",
             sum["bytes"].get<double>() / 1e6, 1e3 * sum["seconds"].get<double>(),
             sum["bus_bytes_per_second"].get<double>() / 1e9);
  for (const Json& problem : result["problems"])
    fmt::print("{:<12} problem: {}\n{:<12} try: {}\n", "", problem["what"].get<std::string>(), "",
               problem["fix"].get<std::string>());
}

void require_right(const Json& result) {
  const auto refuse = [](const std::string& what) {
    throw EnvironmentError({.where = "joist doctor --parallel",
                            .what = what,
                            .remedy = "do not train on these machines before memory and network were checked"});
  };
  for (const Json& pair : result["pairs"])
    if (pair["wrong_elements"] != 0) refuse("data between ranks " + pair["ranks"].dump() + " arrived changed");
  if (result["all_reduce"]["wrong_elements"] != 0) refuse("all_reduce gave wrong sums");
}

}  // namespace

int examine_ranks(const std::string& json_file) {
  const parallel::Launch launch = parallel::detect_launch(parallel::process_environment());
  if (launch.rank == 0) fmt::print("{:<12} {}\n", "launch", launch.text());
  if (launch.rank == 0 && !launch.hint.empty()) fmt::print("{:<12} {}\n", "", launch.hint);
  Json result;
  if (launch.size > 1) {
    const auto world = parallel::join(launch, {.timeout = std::chrono::seconds(60)});
    result = examine_world(*world);
    if (launch.rank == 0 && launch.meeting == parallel::Launch::Meeting::tcp && !launch.secret)
      add_problem(result["problems"], "the ranks met without a secret",
                  "set JOIST_TOKEN to the same random text on every rank, where strangers reach these machines");
  } else {
    auto ranks = parallel::thread_communicators(2);
    std::thread second([&] { examine_world(*ranks[1]); });
    result = examine_world(*ranks[0]);
    second.join();
    result["problems"] = Json::array();  // two threads of one process share everything on purpose
    const std::string missing = parallel::why_no_mpi();
    fmt::print("{:<12} {}\n", "mpi", missing.empty() ? "there: mpirun -np 2 joist doctor --parallel" : missing);
    result["mpi"] = missing.empty() ? "there" : missing;
  }
  require_right(result);
  if (launch.rank != 0) return 0;
  print_world(result);
  result["launch"] = launch.text();
  write_result(json_file, result.dump(1) + "\n");
  return 0;
}

int predict_scaling(const PredictOptions& options, const std::string& json_file) {
  Json rows = Json::array();
  fmt::print("{} nodes of {} ranks, {} Gb/s per node, {} GB/s inside, {} MB of gradients, {} ms of computing\n",
             options.nodes, options.per_node, options.node_gigabits, options.inside_gigabytes,
             options.gradient_megabytes, options.compute_milliseconds);
  fmt::print("{:>7} {:>9} {:>14} {:>14} {:>12} {:>12}\n", "ranks", "ring ms", "hierarchy ms", "overlapped ms",
             "plain %", "overlapped %");
  std::vector<std::int64_t> nodes;
  for (std::int64_t n = 1; n < options.nodes; n *= 2) nodes.push_back(n);
  nodes.push_back(options.nodes);
  for (const std::int64_t n : nodes) {
    const Cluster cluster{.nodes = n,
                          .per_node = options.per_node,
                          .inside = {.bandwidth = 1e9 * options.inside_gigabytes},
                          .node_bandwidth = 1e9 * options.node_gigabits / 8};
    StepModel model{.compute = 1e-3 * options.compute_milliseconds,
                    .gradient_bytes = 1e6 * options.gradient_megabytes,
                    .overlap = false};
    const StepPrediction plain = predict_step(cluster, model);
    model.overlap = true;
    const StepPrediction overlapped = predict_step(cluster, model);
    // One ring through all ranks crosses the network in each node once, with all of the node's bandwidth.
    const Link slowest{
        .bandwidth = n > 1 ? cluster.node_bandwidth * cluster.network_efficiency : cluster.inside.bandwidth,
        .latency = cluster.network_latency};
    const double ring = ring_all_reduce(n * options.per_node, model.gradient_bytes, slowest);
    fmt::print("{:>7} {:>9.2f} {:>14.2f} {:>14.2f} {:>12.1f} {:>12.1f}\n", n * options.per_node, 1e3 * ring,
               1e3 * plain.communication, 1e3 * overlapped.step, 100 * plain.efficiency, 100 * overlapped.efficiency);
    rows.push_back({{"ranks", n * options.per_node},
                    {"ring_seconds", ring},
                    {"communication_seconds", plain.communication},
                    {"step_seconds", plain.step},
                    {"efficiency", plain.efficiency},
                    {"overlapped_step_seconds", overlapped.step},
                    {"overlapped_efficiency", overlapped.efficiency}});
  }
  fmt::print("A model, not a measurement: no stragglers, no reading of pictures.\n");
  write_result(json_file, rows.dump(1) + "\n");
  return 0;
}

}  // namespace joist::commands
