// Any checkpoint format in, told by content; any out, told by the file's name.
#pragma once

#include <joist/core/formats/stored.h>

#include <cstddef>
#include <filesystem>
#include <vector>

namespace joist {

/// As the file has it, or weights of Keras under PyTorch's names and layouts (see keras_as_torch).
enum class KerasWeights : std::uint8_t { as_stored, as_torch };

/// Opens a checkpoint of any format: PyTorch's (ZIP and older), TorchScript, safetensors (also a
/// *.safetensors.index.json), NumPy .npy and .npz, HDF5 (joist's own, Keras's .h5, .weights.h5), .keras, ONNX, GGUF,
/// Darknet's .weights with its .cfg beside it under the same name. Everything is checked, nothing is run, and only
/// headers are read (HDF5 and ONNX: the whole file). Throws DataError for damage, UnsupportedError for other formats,
/// each with what to do.
StoredArchive open_checkpoint_file(const std::filesystem::path& path, KerasWeights keras = KerasWeights::as_torch);

/// The bytes of a file of the format that its name says: .safetensors, .npz, .npy (one array), .pt or .pth (a state
/// dict for torch.load), .weights.h5 (Keras), .h5, .onnx (initializers without a graph). Throws UsageError listing
/// these for another name.
std::vector<std::byte> checkpoint_file_bytes(const Archive& archive, const std::filesystem::path& path);

}  // namespace joist
