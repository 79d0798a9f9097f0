// What the functions that a checkpoint may name make of their arguments. Included by .cpp files only.
#pragma once

#include <joist/core/formats/pickle.h>

namespace joist {

/// The storage that a persistent id describes: ('storage', type, key, location, elements[, view]).
PickledStorage storage_of(const Pickle& pickle, PickleRef id, const InputReader& reader);

/// What `function`, a name of the list, makes of `arguments`: `result`, a fresh value that is filled, or one of the
/// arguments. Throws DataError for anything else than the arguments that PyTorch writes.
PickleRef rebuild(Pickle& pickle, PickleRef function, PickleRef arguments, PickleRef result, const InputReader& reader);

}  // namespace joist
