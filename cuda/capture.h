// Steps as CUDA graphs: what core/capture.h asks for.
#pragma once

#include <joist/core/array.h>
#include <joist/core/capture.h>
#include <joist/core/random.h>

#include <memory>

namespace joist::cuda {

std::unique_ptr<StepCapture> make_step_capture();

/// Throws CaptureError that names what cannot be done while this thread records a step; else nothing.
void require_no_capture(const char* what);

/// Where a recorded kernel finds, at every replay anew, the step and draw (int64 [2], on the GPU) of a key that has
/// those of the step being recorded. Undefined: the key stands as it is.
Array replayed_numbers(const RandomKey& key);

}  // namespace joist::cuda
