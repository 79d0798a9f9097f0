// Darknet's .weights (YOLO): numbers without names or lengths, whose order only the network's .cfg tells.
#pragma once

#include <joist/core/formats/stored.h>

#include <string>

namespace joist {

/// `cfg`: the text of the network's description. Arrays of layer N (counted from 0 without [net]) are called
/// "layers.N.conv.weight", ".conv.bias", ".norm.weight", ".norm.bias", ".norm.running_mean", ".norm.running_var",
/// ".linear.weight", ".linear.bias". Throws DataError unless the file ends exactly where the network does, and
/// UnsupportedError naming a kind of layer that holds weights of a layout not known here.
StoredArchive open_darknet(const Input& input, const std::string& cfg);

}  // namespace joist
