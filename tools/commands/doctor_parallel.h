// `joist doctor --parallel` and `--predict`.
#pragma once

#include <string>
#include <vector>

namespace joist::commands {

/// Meets the other ranks as `joist train` would, measures every pair, and says what slows or endangers them. Alone, two
/// ranks of this process are tried. Rank 0 prints.
int examine_ranks(const std::string& json_file);

struct PredictOptions {
  std::int64_t nodes = 128;
  std::int64_t per_node = 8;
  double node_gigabits = 400;     ///< of all network devices of a node together
  double inside_gigabytes = 370;  ///< per second and rank, within a node
  double gradient_megabytes = 102.2;
  double compute_milliseconds = 83;
};

/// A table of step time and efficiency from one rank to all of them.
int predict_scaling(const PredictOptions& options, const std::string& json_file);

}  // namespace joist::commands
