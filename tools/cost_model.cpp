#include <joist/tools/cost_model.h>

#include <algorithm>
#include <cmath>

namespace joist {

double ring_all_reduce(std::int64_t ranks, double bytes, const Link& link) {
  const auto n = static_cast<double>(ranks);
  return 2 * (n - 1) * link.latency + 2 * (n - 1) / n * bytes / link.bandwidth;
}

double tree_all_reduce(std::int64_t ranks, double bytes, const Link& link) {
  if (ranks <= 1) return 0;
  return 2 * std::log2(static_cast<double>(ranks)) * link.latency + 2 * bytes / link.bandwidth;
}

double hierarchical_all_reduce(const Cluster& cluster, double bytes) {
  const auto g = static_cast<double>(cluster.per_node);
  const Link network{.bandwidth = cluster.node_bandwidth * cluster.network_efficiency / g,
                     .latency = cluster.network_latency};
  return ring_all_reduce(cluster.per_node, bytes, cluster.inside) + tree_all_reduce(cluster.nodes, bytes / g, network);
}

StepPrediction predict_step(const Cluster& cluster, const StepModel& model) {
  StepPrediction result;
  result.communication = hierarchical_all_reduce(cluster, model.gradient_bytes);
  double shown = result.communication;
  if (model.overlap)
    shown = std::max(0.0, result.communication - model.overlap_share * model.backward_share * model.compute) +
            model.last_bucket_share * result.communication;
  result.step = model.compute + shown;
  result.efficiency = model.compute / result.step;
  return result;
}

}  // namespace joist
