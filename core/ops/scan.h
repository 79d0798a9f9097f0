// Running totals.
#pragma once

#include <joist/core/gradient.h>

namespace joist {}  // namespace joist
