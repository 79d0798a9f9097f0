// GGUF files (ggml, llama.cpp): weights, often quantized, and what is known about the model.
#pragma once

#include <joist/core/formats/stored.h>

namespace joist {

/// Versions 2 and 3. Axes are given in joist's order, outermost first. Q8_0 and Q4_0 are turned into float32 when they
/// are loaded; other quantized types are listed as skipped. Texts and numbers become attributes.
StoredArchive open_gguf(const Input& input);

}  // namespace joist
