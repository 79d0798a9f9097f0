#include <joist/core/parallel/launch.h>
#include <joist/core/parallel/rendezvous.h>

#include <charconv>
#include <cstdlib>

namespace joist::parallel {
namespace {

using Meeting = Launch::Meeting;

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  bool has(const char* name) const { return environment_(name).has_value(); }
  std::string text(const char* name) const { return environment_(name).value_or(""); }
  int number(const char* name, int absent) const {
    const std::string value = text(name);
    return value.empty() ? absent : parsed(name, value);
  }
  static int parsed(const std::string& name, const std::string& value) {
    int result = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (code != std::errc() || end != value.data() + value.size() || result < 0)
      throw UsageError({.where = name, .what = "\"" + value + "\" is not a number", .expected = "0, 1, 2, …"});
    return result;
  }

 private:
  const Environment& environment_;
};

void check(const Launch& launch) {
  const std::string where = "launch by " + launch.launcher;
  if (launch.size < 1 || launch.rank < 0 || launch.rank >= launch.size)
    throw UsageError({.where = where,
                      .what = "rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.size),
                      .expected = "a rank from 0 to the number of ranks less one"});
  if (launch.meeting == Meeting::tcp && launch.size > 1 && launch.address.empty())
    throw UsageError({.where = where,
                      .what = "it is not said where rank 0 is",
                      .remedy = "set MASTER_ADDR and MASTER_PORT on every rank"});
  if (launch.port < 0 || launch.port > 65535)
    throw UsageError({.where = where, .what = "port " + std::to_string(launch.port), .expected = "1 … 65535"});
}

void set_address(Launch& launch, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
    throw UsageError({.where = "address", .what = "\"" + text + "\" is not HOST:PORT", .expected = "n01:29500"});
  launch.address = text.substr(0, colon);
  launch.port = Variables::parsed("port", text.substr(colon + 1));
}

void from_torch(const Variables& variables, Launch& launch, bool torchrun) {
  launch.launcher = torchrun ? "torchrun" : "kubeflow";
  launch.meeting = Meeting::tcp;
  launch.rank = variables.number("RANK", 0);
  launch.size = variables.number("WORLD_SIZE", 1);
  launch.local_rank = variables.number("LOCAL_RANK", 0);
  launch.local_size = variables.number("LOCAL_WORLD_SIZE", 0);
  launch.restarts = variables.number("TORCHELASTIC_RESTART_COUNT", 0);
  launch.address = variables.text("MASTER_ADDR");
  launch.port = variables.number("MASTER_PORT", 29500);
  // torchrun's own store listens at MASTER_PORT.
  if (variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True") launch.port = launch.port % 65535 + 1;
  launch.token = variables.text("TORCHELASTIC_RUN_ID");
}

void from_open_mpi(const Variables& variables, Launch& launch) {
  launch.launcher = "mpirun";
  launch.meeting = Meeting::mpi;
  launch.rank = variables.number("OMPI_COMM_WORLD_RANK", 0);
  launch.size = variables.number("OMPI_COMM_WORLD_SIZE", 1);
  launch.local_rank = variables.number("OMPI_COMM_WORLD_LOCAL_RANK", 0);
  launch.local_size = variables.number("OMPI_COMM_WORLD_LOCAL_SIZE", 0);
  launch.token = variables.text("OMPI_MCA_ess_base_jobid");
  launch.address = variables.text("MASTER_ADDR");  // for JOIST_MEETING=tcp under mpirun
  launch.port = variables.number("MASTER_PORT", 29500);
}

void from_slurm(const Variables& variables, Launch& launch) {
  launch.launcher = "slurm";
  launch.rank = variables.number("SLURM_PROCID", 0);
  launch.size = variables.number("SLURM_STEP_NUM_TASKS", 1);
  launch.local_rank = variables.number("SLURM_LOCALID", 0);
  launch.meeting = variables.has("PMIX_RANK") ? Meeting::mpi : Meeting::tcp;
  launch.token = variables.text("SLURM_JOB_ID") + "." + variables.text("SLURM_STEP_ID");
  launch.address = variables.text("MASTER_ADDR");
  if (launch.address.empty() && variables.has("SLURM_STEP_NODELIST"))
    launch.address = first_host(variables.text("SLURM_STEP_NODELIST"));
  // Jobs that share a machine do not share a port.
  launch.port = variables.number("MASTER_PORT", 20000 + variables.number("SLURM_JOB_ID", 0) % 20000);
}

}  // namespace

Environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): joist never sets variables
    return value && *value ? std::optional<std::string>(value) : std::nullopt;
  };
}

std::string first_host(const std::string& node_list) {
  const std::size_t bracket = node_list.find('[');
  const std::string first = node_list.substr(0, node_list.find(','));
  if (bracket == std::string::npos || bracket > first.size()) return first;
  const std::size_t close = node_list.find(']', bracket), end = node_list.find_first_of("-,]", bracket + 1);
  if (close == std::string::npos || end == bracket + 1)
    throw DataError({.where = "SLURM_STEP_NODELIST", .what = "\"" + node_list + "\" is not a list of machines"});
  const std::size_t comma = node_list.find(',', close);
  const std::size_t tail_end = comma == std::string::npos ? node_list.size() : comma;
  return node_list.substr(0, bracket) + node_list.substr(bracket + 1, end - bracket - 1) +
         node_list.substr(close + 1, tail_end - close - 1);
}

std::string Launch::text() const {
  if (size == 1 && meeting == Meeting::none) return "one process";
  std::string result = "rank " + std::to_string(rank) + " of " + std::to_string(size) + " (local " +
                       std::to_string(local_rank) + "), launcher " + launcher;
  if (meeting == Meeting::mpi) return result + ", met by mpi";
  if (meeting == Meeting::tcp) result += ", met by tcp at " + address + ":" + std::to_string(port);
  return result;
}

Launch detect_launch(const Environment& environment, const LaunchOptions& options) {
  const Variables variables(environment);
  Launch launch;
  const bool elastic = variables.has("TORCHELASTIC_RUN_ID") || variables.has("LOCAL_WORLD_SIZE");
  if (options.size >= 0 || options.rank >= 0) {
    launch.launcher = "options";
    launch.meeting = Meeting::tcp;
    launch.rank = std::max(options.rank, 0);
    launch.size = options.size < 0 ? 1 : options.size;
    launch.local_rank = variables.number("LOCAL_RANK", 0);
  } else if (elastic && variables.has("RANK") && variables.has("WORLD_SIZE")) {
    from_torch(variables, launch, true);
  } else if (variables.has("OMPI_COMM_WORLD_SIZE")) {
    from_open_mpi(variables, launch);
  } else if (variables.has("SLURM_PROCID") && variables.has("SLURM_STEP_NUM_TASKS")) {
    from_slurm(variables, launch);
  } else if (variables.has("PMI_SIZE")) {
    launch.launcher = "mpich";
    launch.rank = variables.number("PMI_RANK", 0);
    launch.size = variables.number("PMI_SIZE", 1);
    launch.meeting = Meeting::tcp;
    launch.address = variables.text("MASTER_ADDR");
    launch.port = variables.number("MASTER_PORT", 29500);
  } else if (variables.has("RANK") && variables.has("WORLD_SIZE")) {
    from_torch(variables, launch, false);
  } else if (variables.number("SLURM_NTASKS", 1) > 1) {
    launch.hint = "Slurm gave this job " + variables.text("SLURM_NTASKS") +
                  " tasks, but this is one process: start it with srun to use them";
  }
  if (!options.address.empty()) set_address(launch, options.address);
  launch.port = variables.number("JOIST_PORT", launch.port);
  if (variables.has("JOIST_TOKEN")) {
    launch.token = variables.text("JOIST_TOKEN");
    launch.secret = true;
  }
  const std::string meeting = options.meeting.empty() ? variables.text("JOIST_MEETING") : options.meeting;
  if (meeting == "mpi") {
    launch.meeting = Meeting::mpi;
  } else if (meeting == "tcp") {
    launch.meeting = Meeting::tcp;
  } else if (meeting == "none") {
    launch.meeting = Meeting::none;
  } else if (!meeting.empty()) {
    throw UsageError({.where = "meeting", .what = "\"" + meeting + "\" is unknown", .expected = "mpi, tcp or none"});
  }
  if (launch.launcher == "mpich" && launch.size > 1 && launch.meeting == Meeting::tcp && launch.address.empty())
    throw UsageError({.where = "launch",
                      .what = std::to_string(launch.size) +
                              " processes were started by an mpirun that is not Open MPI's, and each would train alone",
                      .remedy = "use Open MPI's mpirun, or set MASTER_ADDR and MASTER_PORT for a meeting by TCP"});
  if (launch.meeting == Meeting::none && launch.size > 1)
    throw UsageError({.where = "launch by " + launch.launcher,
                      .what = std::to_string(launch.size) + " processes were started, and each would train alone",
                      .remedy = "meeting mpi or tcp; or start one process"});
  check(launch);
  return launch;
}

std::unique_ptr<Communicator> join(const Launch& launch, const JoinOptions& options) {
  if (launch.size == 1) return self_communicator();
  if (launch.meeting == Meeting::mpi) return mpi_communicator(launch, options);
  return tcp_communicator(launch, options);
}

}  // namespace joist::parallel
