// Steps as CUDA graphs: what core/capture.h asks for.
#pragma once

#include <joist/core/array.h>
#include <joist/core/capture.h>
#include <joist/core/random.h>

#include <cstdint>
#include <memory>
#include <span>

namespace joist::cuda {

std::unique_ptr<StepCapture> make_step_capture();

/// Throws CaptureError that names what cannot be done while this thread records a step; else nothing.
void require_no_capture(const char* what);
/// Throws CaptureError while this thread only renews the coefficients of a recorded step; else nothing.
void require_no_renewal();

/// Where a recorded kernel finds, at every replay anew, the step and draw (int64 [2], on the GPU) of a key that has
/// those of the step being recorded. Undefined: the key stands as it is.
Array replayed_numbers(const RandomKey& key);

/// Where a kernel finds its coefficients.
struct RenewedWords {
  Array words{};          ///< int64, on the GPU, at every replay anew; undefined: those that it was given stand
  Array verdict{};        ///< float64 (verdict.h): whether it has anything to do; undefined: it has
  bool recorded = false;  ///< it stands in the graph already, and is not launched now
};
/// Keeps the coefficients of a kernel that writes `target`, as 8-byte words, where this thread records or renews them.
RenewedWords renewed_words(std::span<const std::int64_t> words, const Array& target);

}  // namespace joist::cuda
