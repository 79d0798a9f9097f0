// Average precision at one overlap from a list of detections that are known to be right or wrong.
#pragma once

#include <span>

namespace joist {

/// One detection of a list with the best first; weights say how often its picture counts.
struct ScoredHit {
  double score = 0;
  bool hit = false;
  double weight = 1;
};

/// COCO's mean precision at the recalls 0, 0.01, …, 1. `truths`: how many objects there are to be found; -1 where there
/// is none.
double average_precision(std::span<const ScoredHit> best_first, double truths);

}  // namespace joist
