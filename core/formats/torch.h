// PyTorch's files: torch.save's ZIP archives and the older streams of pickles, and the weights of TorchScript. No file
// can make joist run anything: see pickle.h.
#pragma once

#include <joist/core/formats/stored.h>
#include <joist/core/formats/zip.h>

namespace joist {

/// The tensors of a ZIP archive written by torch.save or torch.jit.save. Nested dicts and lists become names with
/// slashes ("optimizer/state/0/exp_avg"; of TorchScript with dots), other values attributes of such names. Tensors that
/// share memory are tied; views keep their strides. Throws DataError for damage, for tensors that reach outside their
/// storage and storages of another size than said; UnsupportedError for anything but plain data, naming the class.
StoredArchive open_torch_zip(const ZipReader& zip);

/// The same for a file written before PyTorch 1.6 (or with _use_new_zipfile_serialization=False).
StoredArchive open_torch_legacy(const Input& input);

/// A ZIP archive with a state dict that torch.load(weights_only=True) opens: arrays under their names, tied where they
/// share memory. The attributes are left out.
std::vector<std::byte> torch_zip_bytes(const Archive& archive);

}  // namespace joist
