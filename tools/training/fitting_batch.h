// How many pictures fit into a batch on this machine.
#pragma once

#include <joist/tools/training/model.h>

#include <cstdint>

namespace joist {

/// Bytes of a training step with two and with four pictures, measured, tell what one more costs. The largest power of
/// two, at most 64, with which a step takes half of the free memory at most and an epoch of `pictures` has ten steps;
/// at least 2.
std::int64_t fitting_batch(const ModelEntry& entry, std::int64_t classes, std::int64_t size, std::int64_t pictures);

}  // namespace joist
