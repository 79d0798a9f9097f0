// The two things that this program does.
#pragma once

#include <joist/core/formats/hdf5_frames.h>

namespace joist::helper {

/// Takes the file that follows `request` and answers with its attributes and arrays.
void read_archive(const Frame& request);
/// Takes attributes and arrays and answers with the file.
void write_archive();

}  // namespace joist::helper
