// The loss around a minimum, in a plane of two random directions (Li et al. 2018).
#pragma once

#include <joist/optim/flat.h>
#include <joist/tools/lab/problem.h>

#include <string>

namespace joist::lab {

/// The training loss (of the first batches) on a grid in the plane of two random directions through the present
/// parameters, each filter of which is as long as the model's own (filter-normalized; biases and other parameters of
/// one axis stay). JSON: {"radius", "side", "values": [side · side], "rise_nearby": largest rise among the eight
/// neighbours of the middle}. The parameters are bit for bit what they were.
std::string landscape_of(Problem& problem, FlatParameters& parameters, std::uint64_t seed);

}  // namespace joist::lab
