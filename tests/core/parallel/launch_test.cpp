// Who started this process, read from the environment; the world of 4,096 ranks that is not there; ranks that
// misbehave.
#include <joist/core/parallel/fake_communicator.h>
#include <joist/core/parallel/faulty_communicator.h>
#include <joist/core/parallel/launch.h>
#include <joist/tests/core/parallel/ranks.h>

#include <map>

#include <gtest/gtest.h>

namespace joist::parallel {
namespace {

using Variables = std::map<std::string, std::string>;

Environment of(const Variables& variables) {
  return [variables](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

const Variables torchrun{{"RANK", "3"},
                         {"WORLD_SIZE", "8"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "2"},
                         {"MASTER_ADDR", "n01"},
                         {"MASTER_PORT", "29500"},
                         {"TORCHELASTIC_RUN_ID", "job7"},
                         {"TORCHELASTIC_RESTART_COUNT", "2"}};
const Variables mpirun{{"OMPI_COMM_WORLD_RANK", "1"},
                       {"OMPI_COMM_WORLD_SIZE", "4"},
                       {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                       {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}};
const Variables slurm{{"SLURM_PROCID", "5"},
                      {"SLURM_STEP_NUM_TASKS", "16"},
                      {"SLURM_NTASKS", "16"},
                      {"SLURM_LOCALID", "1"},
                      {"SLURM_JOB_ID", "1234567"},
                      {"SLURM_STEP_ID", "0"},
                      {"SLURM_STEP_NODELIST", "gpu[003-006,9],m1"}};

Variables with(Variables variables, const Variables& more) {
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

TEST(Launch, IsReadFromTheEnvironment) {
  const struct {
    Variables variables;
    std::string text;
  } cases[] = {
      {{}, "one process"},
      {torchrun, "rank 3 of 8 (local 1), launcher torchrun, met by tcp at n01:29500"},
      // torchrun's own store has the port.
      {with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}}),
       "rank 3 of 8 (local 1), launcher torchrun, met by tcp at n01:29501"},
      {with(torchrun, {{"JOIST_PORT", "7000"}}), "rank 3 of 8 (local 1), launcher torchrun, met by tcp at n01:7000"},
      {mpirun, "rank 1 of 4 (local 1), launcher mpirun, met by mpi"},
      {with(mpirun, {{"JOIST_MEETING", "tcp"}, {"MASTER_ADDR", "n02"}}),
       "rank 1 of 4 (local 1), launcher mpirun, met by tcp at n02:29500"},
      {slurm, "rank 5 of 16 (local 1), launcher slurm, met by tcp at gpu003:34567"},
      {with(slurm, {{"PMIX_RANK", "5"}}), "rank 5 of 16 (local 1), launcher slurm, met by mpi"},
      {with(slurm, torchrun), "rank 3 of 8 (local 1), launcher torchrun, met by tcp at n01:29500"},
      {{{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "job-master-0"}, {"MASTER_PORT", "23456"}},
       "rank 1 of 2 (local 0), launcher kubeflow, met by tcp at job-master-0:23456"},
      {{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MASTER_ADDR", "n1"}, {"MASTER_PORT", "5"}},
       "rank 1 of 2 (local 0), launcher mpich, met by tcp at n1:5"},
  };
  for (const auto& one : cases) EXPECT_EQ(detect_launch(of(one.variables)).text(), one.text);
  EXPECT_EQ(detect_launch(of(torchrun), {.rank = 1, .size = 2, .address = "m:9"}).text(),
            "rank 1 of 2 (local 1), launcher options, met by tcp at m:9");
  EXPECT_EQ(detect_launch(of(torchrun)).restarts, 2);
  EXPECT_EQ(detect_launch(of(torchrun)).token, "job7");
  EXPECT_FALSE(detect_launch(of(torchrun)).secret);
  EXPECT_TRUE(detect_launch(of(with(torchrun, {{"JOIST_TOKEN", "x"}}))).secret);
  // A batch script that forgot srun.
  EXPECT_NE(detect_launch(of({{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}})).hint.find("srun"), std::string::npos);
}

TEST(Launch, ProcessesThatWouldEachBeAloneAreRefused) {
  const struct {
    Variables variables;
    std::string part;
  } cases[] = {
      {with(mpirun, {{"JOIST_MEETING", "none"}}), "4 processes were started, and each would train alone"},
      {{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}, "each would train alone"},
      {with(torchrun, {{"JOIST_MEETING", "tpc"}}), "\"tpc\" is unknown"},
      {with(torchrun, {{"RANK", "8"}}), "rank 8 of 8"},
      {with(torchrun, {{"RANK", "one"}}), "\"one\" is not a number"},
      {with(torchrun, {{"MASTER_PORT", "70000"}}), "port 70000"},
      {{{"RANK", "1"}, {"WORLD_SIZE", "2"}}, "it is not said where rank 0 is"},
      {with(mpirun, {{"JOIST_MEETING", "tcp"}}), "it is not said where rank 0 is"},
  };
  for (const auto& one : cases) try {
      detect_launch(of(one.variables));
      ADD_FAILURE() << one.part;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(one.part), std::string::npos) << error.what();
    }
}

TEST(Launch, FirstMachineOfASlurmList) {
  EXPECT_EQ(first_host("n1"), "n1");
  EXPECT_EQ(first_host("n1,n2"), "n1");
  EXPECT_EQ(first_host("n[03-07,12],m1"), "n03");
  EXPECT_EQ(first_host("n[5]"), "n5");
  EXPECT_EQ(first_host("a,n[5-6]"), "a");
  EXPECT_EQ(first_host("rack[2-3]-gpu"), "rack2-gpu");
  EXPECT_THROW(first_host("n[]"), DataError);
  EXPECT_THROW(first_host("n[3"), DataError);
}

TEST(Fake, ActsAsOneOf4096EqualRanks) {
  constexpr int size = 4096, rank = 1234;
  FakeCommunicator world(rank, size);
  const Array gradients = Array::from(std::vector<float>(8192, 0.5F), {8192});
  world.all_reduce("bucket 1", gradients).wait();
  EXPECT_EQ(gradients.data<float>()[17], 2048.0F);
  EXPECT_EQ(reduced(world, "worst", 3, Reduce::max), 3);
  const Array counts = Array::from(std::vector<std::int64_t>{7}, {1});
  world.all_reduce("pictures", counts).wait();
  EXPECT_EQ(counts.data<std::int64_t>()[0], 7 * size);
  world.reduce_scatter("shard", gradients).wait();
  EXPECT_EQ(gradients.data<float>()[2 * rank], 2048.0F * size);
  EXPECT_EQ(gradients.data<float>()[0], 2048.0F);
  world.all_gather("parameters", gradients).wait();
  EXPECT_EQ(gradients.data<float>()[0], 2048.0F * size);
  const auto& shard = world.calls()[3];
  EXPECT_EQ(shard.name, "shard");
  EXPECT_EQ(shard.begin, 2 * rank);
  EXPECT_EQ(shard.end, 2 * rank + 2);
  EXPECT_GT(world.bytes_sent(), 2 * 8192 * 4 * 0.99);
  world.abort("enough");
  EXPECT_THROW(world.barrier("end"), CommunicatorError);
  EXPECT_THROW(FakeCommunicator(2, 2), UsageError);
}

// A rank that drops, delays or swaps a collective, over a transport that knows nothing of it.
TEST(Faulty, EveryFaultEndsInItsMessageOrInNone) {
  for (const Faults::Kind kind : {Faults::Kind::drop, Faults::Kind::delay, Faults::Kind::reorder}) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      const Faults faults{.kind = kind, .seed = seed, .within = 8, .delay = std::chrono::milliseconds(30)};
      auto ranks = thread_communicators(3);
      ranks[1] = faulty_communicator(std::move(ranks[1]), faults);
      for (auto& rank : ranks) rank->set_timeout(std::chrono::milliseconds(kind == Faults::Kind::drop ? 300 : 30'000));
      const auto errors = on_ranks(std::move(ranks), [](Communicator& world) {
        std::vector<Work> works;
        std::vector<Array> data;
        for (int i = 1; i <= 10; ++i) {
          data.push_back(Array::from(std::vector<float>(100, 1.0F), {100}));
          works.push_back(world.all_reduce("bucket " + std::to_string(i), data.back()));
        }
        for (Work& work : works) work.wait();
      });
      const std::string chosen = "#" + std::to_string(faults.chosen());
      for (const std::string& error : errors) {
        if (kind == Faults::Kind::delay) {
          EXPECT_EQ(error, "");
        } else if (kind == Faults::Kind::reorder) {
          EXPECT_NE(error.find("different things as " + chosen), std::string::npos) << error;
        } else {
          EXPECT_NE(error.find(chosen + " all_reduce"), std::string::npos) << error;
        }
      }
    }
  }
}

}  // namespace
}  // namespace joist::parallel
