// Sorting, searching, counting.
#pragma once

#include <joist/core/gradient.h>

namespace joist {}  // namespace joist
