// Shapes of the learning rate over a whole run, by name: what `--schedule` of `joist train` and the laboratory take.
#pragma once

#include <string>
#include <vector>

namespace joist::schedule {

struct ShapeInfo {
  std::string name{};
  std::string help{};
};
/// constant, linear, polynomial, cosine, cosine_restarts, one_cycle, cyclic, wsd, step, multi_step, exponential,
/// plateau.
const std::vector<ShapeInfo>& shapes();

/// The shape that `text` names; "one-cycle" is "one_cycle". Throws UsageError naming `where`, with the nearest name.
std::string shape_named(const std::string& text, const std::string& where);

/// The rate at `progress` of a run (0: begin, 1: end, clamped) as a share of its height. All but constant and plateau
/// end at `final` in [0, 1]; exponential, step and multi_step, which cannot reach 0, take 0.01 for it. A plateau is
/// constant here: what makes it fall is a result (Plateau), not progress. Throws UsageError for another name.
double shape(const std::string& name, double progress, double final);

/// Whether the shape begins low by itself, so that no warm-up stands before it.
bool begins_low(const std::string& name);

}  // namespace joist::schedule
