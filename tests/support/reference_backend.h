// Arrays on Device::Kind::reference compute with the plain double kernels of core/plain.
#pragma once

#include <joist/core/device.h>

namespace joist {

/// Their device.
Device use_reference();

}  // namespace joist
