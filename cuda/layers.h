// Whole recurrent layers by a library: what core/ops/recurrent_library.h asks for.
#pragma once

#include <joist/core/ops/recurrent_library.h>

namespace joist::cuda {

/// Takes what cuDNN's RNN API has: tanh, relu, LSTM (with a projection too) and GRU with the reset gate after the
/// product, one direction or both, of float32, bfloat16 and float16.
const LayerLibrary& layer_library();

}  // namespace joist::cuda
