// How this process was started: alone, or as one of several ranks, and by whom.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace joist::parallel {

/// An environment variable's value, nothing when it is not set or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment process_environment();

struct Launch {
  enum class Meeting : std::uint8_t { none, mpi, tcp };

  std::string launcher = "none";  ///< none, options, torchrun, mpirun, slurm, kubeflow, mpich
  Meeting meeting = Meeting::none;
  int rank = 0;
  int size = 1;
  int local_rank = 0;     ///< among the ranks of this machine
  int local_size = 0;     ///< 0: not known
  std::string address{};  ///< tcp: where rank 0 is met
  int port = 0;
  std::string token{};  ///< what every rank of the job knows and nobody else
  bool secret = false;  ///< the token was given by JOIST_TOKEN; else it only tells jobs apart
  int restarts = 0;     ///< torchrun's TORCHELASTIC_RESTART_COUNT
  std::string hint{};   ///< a sentence for people about something odd, or ""

  /// "rank 3 of 16 (local 3), launcher slurm, met by tcp at n01:29500".
  std::string text() const;
};

struct LaunchOptions {
  std::string meeting{};  ///< "", "mpi", "tcp" or "none"; "" takes what the environment says
  int rank = -1;          ///< -1: from the environment
  int size = -1;
  std::string address{};  ///< "host:port"
};

/// Explicit options first, then torchrun, Open MPI, Slurm, MPICH, plain RANK/WORLD_SIZE (Kubeflow). Variables of joist:
/// JOIST_TOKEN (shared secret of the ranks), JOIST_PORT (where rank 0 listens), JOIST_MEETING (mpi, tcp, none).
/// Throws UsageError for numbers that do not fit, for a job of several ranks whose meeting is "none", and for several
/// processes that were started by a launcher whose ranks joist cannot connect.
Launch detect_launch(const Environment& environment, const LaunchOptions& options = {});

struct JoinOptions {
  std::chrono::milliseconds patience{300'000};  ///< how long the ranks may take to meet
  std::chrono::milliseconds timeout{120'000};   ///< of the collectives
  bool compare_calls = false;                   ///< rank 0 compares every call of all ranks (slower)
};

/// Meets the other ranks. Throws UsageError when N processes each believe to be alone or two claim one rank,
/// EnvironmentError when MPI's plugin or library is missing (what to install), CommunicatorError when ranks do not
/// come.
std::unique_ptr<Communicator> join(const Launch& launch, const JoinOptions& options = {});

/// The communicator of libjoist_mpi.so. Throws EnvironmentError when it, or MPI's own library, is missing.
std::unique_ptr<Communicator> mpi_communicator(const Launch& launch, const JoinOptions& options);
/// "" when the MPI plugin could be loaded, else what is missing. Does not start MPI.
std::string why_no_mpi();

/// The first machine of a Slurm list: "n[03-07,12],m1" -> "n03". Throws DataError.
std::string first_host(const std::string& node_list);

}  // namespace joist::parallel
