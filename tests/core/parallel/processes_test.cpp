// Ranks that are processes: they meet by TCP and by MPI, and when one is killed or stopped the others say so and end.
// The same program is the test and, with JOIST_TEST_BODY set, a rank.
#include <joist/core/parallel/launch.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace joist::parallel {
namespace {

using namespace std::chrono_literals;
using Variables = std::map<std::string, std::string>;

// --- a rank ---

int number(const char* name, int absent) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : absent;
}

int body() {
  try {
    // mpirun asks the other ranks to end when one was killed; they say why before they do.
    std::signal(SIGTERM, SIG_IGN);
    const Launch launch = detect_launch(process_environment());
    auto world = join(launch, {.patience = std::chrono::milliseconds(number("JOIST_TEST_PATIENCE", 20'000)),
                               .timeout = std::chrono::milliseconds(number("JOIST_TEST_TIMEOUT", 20'000))});
    std::printf("met: %s by %s\n", launch.text().c_str(), world->transport().c_str());
    std::fflush(stdout);
    const int victim = number("JOIST_TEST_VICTIM", -1), steps = number("JOIST_TEST_STEPS", 20);
    if (world->rank() == victim)
      std::thread([] {
        std::this_thread::sleep_for(std::chrono::microseconds(number("JOIST_TEST_AFTER", 0)));
        std::raise(SIGKILL);
      }).detach();
    const int size = world->size(), rank = world->rank();
    for (int step = 0; step < steps; ++step) {
      const std::int64_t n = step % 2 == 0 ? 5 : 200'000;
      const Array x = Array::from(std::vector<float>(static_cast<std::size_t>(n), static_cast<float>(rank + 1)), {n});
      world->all_reduce("bucket " + std::to_string(step), x).wait();
      if (x.data<float>()[n - 1] != static_cast<float>(size * (size + 1) / 2)) return 70;
      const Array parts = Array::from(std::vector<std::int64_t>(static_cast<std::size_t>(size) * 3, rank), {size * 3});
      world->reduce_scatter("shards", parts).wait();
      if (parts.data<std::int64_t>()[rank * 3] != size * (size - 1) / 2) return 71;
      parts.data<std::int64_t>()[rank * 3] = rank;
      world->all_gather("shards", parts).wait();
      for (int r = 0; r < size; ++r)
        if (parts.data<std::int64_t>()[r * 3] != r) return 72;
      if (size > 1) {
        Array halo = Array::empty({1000});
        Work received = world->receive("halo", halo, (rank + size - 1) % size);
        world->send("halo", Array::from(std::vector<float>(1000, static_cast<float>(rank)), {1000}), (rank + 1) % size)
            .wait();
        received.wait();
        if (halo.data<float>()[999] != static_cast<float>((rank + size - 1) % size)) return 73;
      }
      if (broadcast_text(*world, "id", rank == step % size ? "安全帽" : "", step % size) != "安全帽") return 74;
      if (reduced(*world, "worst", rank, Reduce::max) != size - 1) return 75;
    }
    std::printf("done\n");
    return 0;
  } catch (const Error& error) {
    std::printf("failed: %s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}

// --- the test's side ---

class Process {
 public:
  Process(const std::vector<std::string>& command, const Variables& variables) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    output_ = ends[0];
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    std::vector<std::string> environment;
    for (char** variable = environ; *variable; ++variable) environment.emplace_back(*variable);
    for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
    std::vector<char*> arguments, settings;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& setting : environment) settings.push_back(const_cast<char*>(setting.c_str()));
    arguments.push_back(nullptr);
    settings.push_back(nullptr);
    EXPECT_EQ(::posix_spawnp(&id_, arguments[0], &actions, nullptr, arguments.data(), settings.data()), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
  }
  Process(const Process&) = delete;
  ~Process() {
    if (!ended_) end(0ms);
    ::close(output_);
  }

  // Reads until the text was seen (or, "" until the output ends). False when that takes longer.
  bool read_until(const std::string& text, std::chrono::milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    while (text.empty() || output.find(text) == std::string::npos) {
      pollfd polled{output_, POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0 || ::poll(&polled, 1, static_cast<int>(left)) <= 0) return false;
      std::array<char, 4096> chunk;
      const ssize_t count = ::read(output_, chunk.data(), chunk.size());
      if (count <= 0) return text.empty();
      output.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return true;
  }
  void signal(int which) const { ::kill(id_, which); }
  // The exit code, or 1000 and more when it had to be killed.
  int end(std::chrono::milliseconds patience) {
    const bool closed = read_until("", patience);
    if (!closed) ::kill(id_, SIGKILL);
    int status = 0;
    ::waitpid(id_, &status, 0);
    ended_ = true;
    if (!closed) return 1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 500 + WTERMSIG(status);
  }

  std::string output{};

 private:
  pid_t id_ = -1;
  int output_ = -1;
  bool ended_ = false;
};

std::string self() {
  std::array<char, 4096> path{};
  return ::readlink("/proc/self/exe", path.data(), path.size() - 1) > 0 ? path.data() : "";
}

std::string free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(socket, reinterpret_cast<sockaddr*>(&address), length);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(socket);
  return std::to_string(ntohs(address.sin_port));
}

Variables rank_variables(int rank, int size, const std::string& port, const Variables& more = {}) {
  Variables variables{
      {"JOIST_TEST_BODY", "1"},     {"RANK", std::to_string(rank)}, {"WORLD_SIZE", std::to_string(size)},
      {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", port},          {"JOIST_TOKEN", "of this test"}};
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

std::vector<std::unique_ptr<Process>> start(int size, const Variables& more = {}) {
  std::vector<std::unique_ptr<Process>> ranks;
  const std::string port = free_port();
  for (int r = 0; r < size; ++r)
    ranks.push_back(std::make_unique<Process>(std::vector{self()}, rank_variables(r, size, port, more)));
  return ranks;
}

TEST(Processes, MeetByTcp) {
  for (const int size : {2, 4}) {
    auto ranks = start(size);
    for (auto& rank : ranks) {
      EXPECT_EQ(rank->end(40s), 0) << rank->output;
      EXPECT_NE(rank->output.find("done"), std::string::npos);
    }
    EXPECT_NE(ranks[1]->output.find("met: rank 1 of " + std::to_string(size) +
                                    " (local 0), launcher kubeflow, met by tcp at 127.0.0.1:"),
              std::string::npos)
        << ranks[1]->output;
  }
}

/// Of one test, the same in every run of it.
class Draw {
 public:
  std::uint32_t below(std::uint32_t range) { return (random_ = random_ * 1664525 + 1013904223) / 65536 % range; }

 private:
  std::uint32_t random_ = 20261127;
};

TEST(Processes, AKilledRankIsNamedAtTwentyRandomMoments) {
  Draw draw;
  for (int round = 0; round < 20; ++round) {
    auto ranks = start(3, {{"JOIST_TEST_STEPS", "1000000"}});
    for (auto& rank : ranks) ASSERT_TRUE(rank->read_until("met:", 20s)) << rank->output;
    const std::size_t victim = draw.below(3);
    std::this_thread::sleep_for(std::chrono::microseconds(draw.below(60'000)));
    ranks[victim]->signal(SIGKILL);
    const auto killed = Clock::now();
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      const int code = ranks[r]->end(20s);
      if (r == victim) continue;
      const std::string& said = ranks[r]->output;
      EXPECT_EQ(code, 4) << said;
      EXPECT_NE(said.find("rank " + std::to_string(victim) + " (process "), std::string::npos) << said;
      EXPECT_NE(said.find("died"), std::string::npos) << said;
    }
    EXPECT_LT(std::chrono::duration<double>(Clock::now() - killed).count(), 20);
  }
}

TEST(Processes, AStoppedRankIsNamed) {
  for (const std::size_t victim : {std::size_t{0}, std::size_t{2}}) {
    auto ranks = start(3, {{"JOIST_TEST_STEPS", "1000000"}, {"JOIST_TEST_TIMEOUT", "1000"}});
    for (auto& rank : ranks) ASSERT_TRUE(rank->read_until("met:", 20s)) << rank->output;
    ranks[victim]->signal(SIGSTOP);
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      if (r == victim) continue;
      EXPECT_EQ(ranks[r]->end(30s), 4) << ranks[r]->output;
      EXPECT_NE(ranks[r]->output.find("rank " + std::to_string(victim) + " (process "), std::string::npos)
          << ranks[r]->output;
      EXPECT_NE(ranks[r]->output.find("does not answer"), std::string::npos) << ranks[r]->output;
    }
    ranks[victim]->signal(SIGKILL);
  }
}

TEST(Processes, MeetingsThatCannotWorkAreRefused) {
  const Variables hurry{{"JOIST_TEST_PATIENCE", "800"}};
  const std::string port = free_port();
  {  // nobody comes
    Process alone({self()}, rank_variables(0, 3, port, hurry));
    EXPECT_EQ(alone.end(20s), 4);
    EXPECT_NE(alone.output.find("only 1 of 3 ranks met; missing: 1, 2"), std::string::npos) << alone.output;
  }
  {  // nobody is there
    Process alone({self()}, rank_variables(1, 2, port, hurry));
    EXPECT_EQ(alone.end(20s), 4);
    EXPECT_NE(alone.output.find("rank 0 was not reached at 127.0.0.1:" + port + ": nobody answered"), std::string::npos)
        << alone.output;
  }
  {  // a stranger
    Variables other = rank_variables(1, 2, port, hurry);
    other["JOIST_TOKEN"] = "of another job";
    Process zero({self()}, rank_variables(0, 2, port, hurry)), stranger({self()}, other);
    EXPECT_EQ(stranger.end(20s), 4);
    EXPECT_NE(stranger.output.find("does not know this job's token"), std::string::npos) << stranger.output;
    EXPECT_EQ(zero.end(20s), 4);
    EXPECT_NE(zero.output.find("missing: 1"), std::string::npos) << zero.output;
  }
  {  // two processes of one rank, as when each believes to be the only one of its kind
    Process zero({self()}, rank_variables(0, 3, port)), one({self()}, rank_variables(1, 3, port)),
        other({self()}, rank_variables(1, 3, port));
    EXPECT_EQ(zero.end(20s), 2);
    EXPECT_NE(zero.output.find("two processes say that they are rank 1"), std::string::npos) << zero.output;
  }
  {  // other numbers of ranks
    Process zero({self()}, rank_variables(0, 2, port)), one({self()}, rank_variables(1, 4, port));
    EXPECT_EQ(zero.end(20s), 2);
    EXPECT_NE(zero.output.find("was told of 4 ranks, rank 0 of 2"), std::string::npos) << zero.output;
  }
}

// As root and with more ranks than cores, and two hosts' worth of shared memory tricks left out.
const Variables mpi_variables{{"JOIST_TEST_BODY", "1"},
                              {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                              {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                              {"OMPI_MCA_mpi_yield_when_idle", "1"},
                              {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
                              {"OMPI_MCA_rmaps_base_oversubscribe", "1"}};

std::vector<std::string> mpirun(int size) {
  return {"mpirun", "--oversubscribe", "--bind-to", "none", "-np", std::to_string(size), self()};
}

std::string no_mpi() {
  if (std::system("command -v mpirun >/dev/null 2>&1") != 0) return "mpirun is not installed (openmpi-bin)";
  return why_no_mpi();
}

TEST(Processes, MeetByMpi) {
  if (const std::string missing = no_mpi(); !missing.empty()) GTEST_SKIP() << missing;
  for (const int size : {1, 2, 4}) {
    Process job(mpirun(size), mpi_variables);
    EXPECT_EQ(job.end(60s), 0) << job.output;
    std::size_t done = 0;
    for (std::size_t at = job.output.find("done"); at != std::string::npos; at = job.output.find("done", at + 1))
      ++done;
    EXPECT_EQ(done, static_cast<std::size_t>(size)) << job.output;
    EXPECT_NE(job.output.find("rank 0 of " + std::to_string(size) + " (local 0), launcher mpirun, met by mpi"),
              std::string::npos)
        << job.output;
  }
}

// Each start of mpirun takes a second; JOIST_TEST_ROUNDS=20 for more moments.
TEST(Processes, AKilledRankUnderMpirunIsNamedAtRandomMoments) {
  if (const std::string missing = no_mpi(); !missing.empty()) GTEST_SKIP() << missing;
  Draw draw;
  for (int round = 0; round < number("JOIST_TEST_ROUNDS", 4); ++round) {
    Variables variables = mpi_variables;
    const std::string victim = std::to_string(draw.below(3));
    variables["JOIST_TEST_VICTIM"] = victim;
    variables["JOIST_TEST_AFTER"] = std::to_string(draw.below(200'000));
    variables["JOIST_TEST_STEPS"] = "1000000";
    Process job(mpirun(3), variables);
    const int code = job.end(60s);
    EXPECT_NE(code, 0);
    EXPECT_LT(code, 1000) << "it had to be killed: " << job.output;
    EXPECT_NE(job.output.find("rank " + victim + " (process "), std::string::npos) << job.output;
    EXPECT_NE(job.output.find("died"), std::string::npos) << job.output;
  }
}

TEST(Processes, WithoutMpiItIsSaidWhatToInstall) {
  if (why_no_mpi().empty()) GTEST_SKIP() << "MPI is there";
  try {
    mpi_communicator({.size = 2}, {});
    ADD_FAILURE();
  } catch (const EnvironmentError& error) {
    EXPECT_NE(std::string(error.what()).find("apt-get install"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace joist::parallel

int main(int argc, char** argv) {
  if (std::getenv("JOIST_TEST_BODY")) return joist::parallel::body();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
