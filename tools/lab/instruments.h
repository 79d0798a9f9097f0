// What can be measured of a run while it lives: gradients, steps, curvature, noise, dead units.
#pragma once

#include <joist/optim/flat.h>
#include <joist/tools/lab/problem.h>
#include <joist/tools/lab/snapshot.h>

#include <cstdint>
#include <string>

namespace joist::lab {

/// Measures without changing anything of the run: parameters, random numbers and optimizer are bit for bit what they
/// were.
class Instruments {
 public:
  Instruments(Problem& problem, FlatParameters& parameters, std::uint64_t seed);

  bool wants_steps() const noexcept { return true; }
  /// After a step: the parameters before it.
  void stepped(const Array& before);

  /// A JSON object: loss, gradient norm, update-to-weight ratio, cosine between the last two steps, distance from the
  /// start, noise scale, top eigenvalues, weights of the spectrum, trace, histogram of the gradient; and per layer.
  /// Curvature and noise are of the first batches in the order of the seed. Gradients are cleared.
  std::string measure();

  /// What later measures need of earlier steps, as "instruments.…".
  void save(Snapshot& snapshot) const;
  void load(const Snapshot& snapshot);

 private:
  Problem& problem_;
  FlatParameters& parameters_;
  std::uint64_t seed_;
  Array start_, step_, previous_{};
  std::int64_t steps_ = 0;
};

}  // namespace joist::lab
