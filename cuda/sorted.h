// Looking up in sorted numbers.
#pragma once

#include <joist/cuda/elements.h>

namespace joist::cuda {

/// The first place in [begin, end) whose number is at least `wanted`; `end` where none is.
JOIST_DEVICE inline std::int64_t first_at_least(const Typed<std::int64_t>& sorted, std::int64_t begin, std::int64_t end,
                                                std::int64_t wanted) {
  while (begin < end) {
    const std::int64_t middle = begin + (end - begin) / 2;
    if (sorted[middle] < wanted)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

}  // namespace joist::cuda
