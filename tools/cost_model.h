// What data-parallel training costs on machines that one does not have: the time of an all-reduce and of a step by the
// formulas of nccl-tests' PERFORMANCE.md (ring), of double binary trees, and of both levels of a cluster.
#pragma once

#include <cstdint>

namespace joist {

/// Rates are bytes per second of one rank, latencies seconds per hop.
struct Link {
  double bandwidth = 0;
  double latency = 0;
};

/// 2 (N - 1) a + 2 (N - 1) / N · S / B
double ring_all_reduce(std::int64_t ranks, double bytes, const Link& link);
/// 2 log2(N) a + 2 S / B; nothing for one rank
double tree_all_reduce(std::int64_t ranks, double bytes, const Link& link);

struct Cluster {
  std::int64_t nodes = 1;
  std::int64_t per_node = 8;          ///< ranks of a node
  Link inside{.bandwidth = 370e9};    ///< H100 and H200 with NVLink, measured by ring
  double node_bandwidth = 400e9 / 8;  ///< line rate of all network devices of a node together, bytes/s
  double network_latency = 12e-6;     ///< per hop
  double network_efficiency = 0.9;    ///< of the line rate
};

/// 2 (g - 1) / g · S / B inside each node, then a tree over the nodes with S / g per rank.
double hierarchical_all_reduce(const Cluster& cluster, double bytes);

struct StepModel {
  double compute = 0;               ///< seconds of forward and backward
  double backward_share = 2.0 / 3;  ///< of the compute
  double gradient_bytes = 0;
  bool overlap = true;              ///< buckets are reduced during backward
  double overlap_share = 0.9;       ///< of backward in which buckets are on their way
  double last_bucket_share = 0.05;  ///< of the gradients, which nothing hides
};

struct StepPrediction {
  double communication = 0;  ///< seconds, all of it
  double step = 0;
  double efficiency = 0;  ///< compute / step
};

/// Without overlap: compute + communication. With: compute + max(0, communication - 0.9 backward) + the last bucket.
StepPrediction predict_step(const Cluster& cluster, const StepModel& model);

}  // namespace joist
