// The cost model gives the figures that were worked out for 1,024 GPUs of 128 nodes.
#include <joist/tools/cost_model.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Row {
  double gigabits;      // of a node's network
  double bytes;         // of the gradients
  double compute;       // seconds
  double milliseconds;  // of communication
  double plain;         // efficiency without overlap, percent
  double overlapped;    // 0: not worked out
};

TEST(CostModel, ReproducesThePredictionsFor1024Gpus) {
  constexpr double resnet = 25.557e6 * 4, resnet_half = 25.557e6 * 2, gpt = 124.4e6 * 2;
  const Row rows[] = {
      {3200, resnet, 0.083, 1.3, 98.5, 0}, {400, resnet, 0.083, 5.2, 94.1, 99.7}, {100, resnet, 0.083, 19.3, 81, 99},
      {25, resnet, 0.083, 73.7, 53, 75},   {25, resnet_half, 0.083, 37, 69, 98},  {3200, gpt, 0.140, 2.8, 98.1, 0},
      {400, gpt, 0.140, 12.5, 91.8, 99.6}, {100, gpt, 0.140, 46.7, 75, 98},       {25, gpt, 0.140, 179, 44, 57},
  };
  for (const Row& row : rows) {
    const Cluster cluster{.nodes = 128, .per_node = 8, .node_bandwidth = row.gigabits * 1e9 / 8};
    StepModel model{.compute = row.compute, .gradient_bytes = row.bytes, .overlap = false};
    const StepPrediction plain = predict_step(cluster, model);
    EXPECT_NEAR(1e3 * plain.communication, row.milliseconds, 0.07 * row.milliseconds) << row.gigabits;
    EXPECT_NEAR(100 * plain.efficiency, row.plain, 0.6) << row.gigabits;
    model.overlap = true;
    if (row.overlapped > 0) {
      EXPECT_NEAR(100 * predict_step(cluster, model).efficiency, row.overlapped, 0.8) << row.gigabits;
    }
  }
}

TEST(CostModel, LatencyOfRingsAndTrees) {
  const Link link{.bandwidth = 1e30, .latency = 12e-6};
  EXPECT_NEAR(ring_all_reduce(1024, 1, link), 24.6e-3, 0.1e-3);
  EXPECT_NEAR(tree_all_reduce(1024, 1, link), 0.24e-3, 0.001e-3);
  EXPECT_EQ(ring_all_reduce(1, 1e9, {.bandwidth = 1e9}), 0);
  EXPECT_EQ(tree_all_reduce(1, 1e9, {.bandwidth = 1e9}), 0);
  // Two ranks: each sends and receives all of it once.
  EXPECT_DOUBLE_EQ(ring_all_reduce(2, 1e9, {.bandwidth = 1e9}), 1.0);
  // Four times as many nodes cost less than 0.1 ms.
  Cluster cluster{.nodes = 128, .node_bandwidth = 400e9};
  const double before = hierarchical_all_reduce(cluster, 102e6);
  cluster.nodes = 512;
  EXPECT_LT(hierarchical_all_reduce(cluster, 102e6) - before, 0.1e-3);
}

}  // namespace
}  // namespace joist
