// NumPy's .npy (one array) and .npz (a ZIP archive of them).
#pragma once

#include <joist/core/formats/stored.h>

namespace joist {

/// One array, called "array". Throws DataError for a header that is not the dictionary that NumPy writes, and
/// UnsupportedError for Python objects, text and records.
StoredArchive open_npy(const Input& input);
/// Arrays by the names of their members, "layers/conv.weight" from "layers/conv.weight.npy".
StoredArchive open_npz(const Input& input);

std::vector<std::byte> npy_bytes(const Array& array);
/// bfloat16, which NumPy lacks, is widened to float32. Attributes are left out.
std::vector<std::byte> npz_bytes(const Archive& archive);

}  // namespace joist
