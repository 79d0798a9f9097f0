// Which weights of a Keras file belong to which layer. Included by .cpp files only.
#pragma once

#include <joist/core/formats/archive.h>

#include <map>
#include <string>
#include <vector>

namespace joist {

/// One layer, or part of one that has weights of its own (the query of an attention).
struct KerasLayer {
  std::string name{};  ///< as in the model, parts after a dot: "stem", "attention.query"
  std::string kind{};  ///< "conv2d", "batch_normalization", …: the class in snake case, "" not known
  std::map<std::string, Array> weights{};  ///< by role: "kernel", "bias", "gamma", …
  std::vector<std::int64_t> flattened{};   ///< a Dense after a Flatten: [height, width, channels] of what was flattened
  bool reset_after = true;                 ///< of a GRU; false: its own cell, of joist's GRU{.reset_after = false}
  std::string why{};                       ///< what is wrong with it; "" nothing
};

/// In the model's order where the file tells it.
std::vector<KerasLayer> keras_layers(const Archive& archive);

}  // namespace joist
