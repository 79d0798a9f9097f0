// Keras's weights, in its own names and layouts and in PyTorch's, which joist's models have.
#pragma once

#include <joist/core/formats/stored.h>
#include <joist/core/formats/zip.h>

#include <string>

namespace joist {

/// Whether an archive that was read from HDF5 holds a model or weights of Keras, of any version since 2.
bool is_keras(const Archive& archive);

/// A .keras file: its weights as they are stored, and its config.json as the attribute "model_config". Nothing in the
/// configuration is ever run.
Archive read_keras_zip(const ZipReader& zip);

/// The weights in PyTorch's layouts under PyTorch's names, layers by the names they have in the model:
///   Dense kernel (in, out) -> weight [out, in], after Flatten with its input axes from height, width, channel to
///   channel, height, width; Conv (h, w, in, out) -> [out, in, h, w]; Conv…Transpose (h, w, out, in) -> [in, out, h,
///   w]; DepthwiseConv (h, w, in, m) -> [in · m, 1, h, w]; SeparableConv -> depthwise.weight, pointwise.weight;
///   BatchNormalization gamma, beta, moving_mean, moving_variance -> weight, bias, running_mean, running_var, with 1
///   for a gamma and 0 for a beta that scale=False or center=False left out;
///   LSTM (gates i, f, g, o in both) and GRU (z, r, n -> r, z, n) -> weight_ih_l0, weight_hh_l0, bias_ih_l0,
///   bias_hh_l0; MultiHeadAttention query, key, value (in, heads, width) -> [heads · width, in], its output [out, heads
///   · width].
/// A GRU with reset_after=False is of joist's GRU{.reset_after = false}; PyTorch has none, which is noted in skipped.
/// What cannot be told is listed there too: a BatchNormalization of three weights where nothing says which of gamma and
/// beta is missing. Optimizer state is left out.
Archive keras_as_torch(const Archive& archive);

/// The inverse for Keras's .weights.h5: "layers/conv2d_1/vars/0" by the order of the layers. Which layer a weight
/// belongs to is told by its name and rank: 2 axes are Dense ("emb" in the name: Embedding), 3 to 5 a convolution
/// (depthwise where its input has one channel per group and as many groups as outputs), 1 axis LayerNormalization, or
/// BatchNormalization beside running_mean. An archive that has Keras's names already stays as it is. Throws
/// UnsupportedError for what else it holds.
Archive torch_as_keras(const Archive& archive);

}  // namespace joist
