// From an unpickled value to the list of a checkpoint's tensors. Included by .cpp files only.
#pragma once

#include <joist/core/formats/pickle.h>
#include <joist/core/formats/stored.h>

#include <functional>
#include <optional>

namespace joist {

/// The bytes of a storage. Throws DataError when it is missing.
using FindStorage = std::function<Input(const PickledStorage&)>;

/// Adds every tensor below the pickle's top value.
void add_tensors(StoredBuilder& builder, const std::string& where, const Pickle& pickle, const FindStorage& find,
                 bool big_endian, char separator);

}  // namespace joist
