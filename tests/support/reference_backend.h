// Arrays on Device::Kind::reference compute with the plain double kernels of tests/reference.
#pragma once

#include <joist/core/device.h>

namespace joist {

/// Registers the kernels once and returns their device.
Device use_reference();

}  // namespace joist
