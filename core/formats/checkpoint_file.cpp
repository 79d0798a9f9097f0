#include <joist/core/error.h>
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/darknet.h>
#include <joist/core/formats/gguf.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/keras.h>
#include <joist/core/formats/numpy.h>
#include <joist/core/formats/onnx.h>
#include <joist/core/formats/onnx_read.h>
#include <joist/core/formats/safetensors.h>
#include <joist/core/formats/torch.h>
#include <joist/core/formats/zip.h>

#include <algorithm>

namespace joist {
namespace {

namespace fs = std::filesystem;

StoredArchive from_hdf5(Archive archive, KerasWeights keras) {
  const bool own = !archive.foreign, of_keras = is_keras(archive);
  if (of_keras && keras == KerasWeights::as_torch) archive = keras_as_torch(archive);
  return stored(std::move(archive), of_keras ? "Keras" : own ? "joist" : "HDF5");
}

StoredArchive from_zip(const Input& input, KerasWeights keras) {
  const ZipReader zip(input);
  const auto& names = zip.names();
  const auto ends = [&](std::string_view end) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return name.ends_with(end); });
  };
  if (ends("/data.pkl")) return open_torch_zip(zip);
  if (zip.has("model.weights.h5")) return from_hdf5(read_keras_zip(zip), keras);
  if (!names.empty() && names[0].ends_with(".npy")) return open_npz(input);
  throw UnsupportedError({.where = input.where(),
                          .what = "a ZIP archive that is neither of PyTorch nor of Keras nor an .npz",
                          .remedy = "unpack it and name the file inside"});
}

StoredArchive from_darknet(const fs::path& path, const Input& input) {
  const fs::path cfg = fs::path(path).replace_extension(".cfg");
  if (!fs::is_regular_file(cfg))
    throw DataError({.where = path.string(),
                     .what = "weights of Darknet have no names: only the network's .cfg tells what they are",
                     .expected = cfg.string() + " beside it",
                     .remedy = "put the .cfg there that the weights were trained with"});
  const Input text = Input::file(cfg);
  return open_darknet(input, InputReader(text).text(text.size(), 1 << 20));
}

// Formats that have no mark of their own are told by how they must begin.
bool looks_like_safetensors(const Input& input, const std::string& head) {
  if (head.size() < 10) return false;
  const auto length = InputReader(input).number<std::uint64_t>();
  return length <= input.size() && (head[8] == '{' || head[8] == ' ' || head[8] == '\n');
}

[[noreturn]] void refuse_unknown(const Input& input, const std::string& head) {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw UnsupportedError({.where = input.where(), .what = what, .remedy = remedy});
  };
  if (head.starts_with("\x1f\x8b")) refuse("a file compressed by gzip", "gunzip it first");
  if (head.starts_with("PYTORCH1")) refuse("a preview format of PyTorch", "load it in PyTorch and save it again");
  if (head.size() > 262 && head.substr(257, 5) == "ustar")
    refuse("a tar archive", "unpack it; of PyTorch before 0.1.12, load it there and save it again");
  if (head.starts_with("\x80"))
    refuse("a Python pickle that torch.save did not write", "save the arrays with numpy.savez or torch.save");
  throw UnsupportedError(
      {.where = input.where(),
       .what = "a file of a format that is not known here",
       .expected =
           "PyTorch (.pt, .pth), safetensors, NumPy (.npy, .npz), HDF5, Keras (.h5, .weights.h5, .keras), ONNX, "
           "GGUF, or Darknet (.weights)",
       .remedy = "if it is ONNX or Darknet, its name has to end in .onnx or .weights"});
}

std::vector<std::byte> onnx_weights(const Archive& archive) {
  require_writable(archive);
  OnnxGraph graph{.name = "weights", .description = "initializers without a graph", .initializers = archive.arrays};
  graph.metadata = archive.attributes;
  return onnx_bytes(graph);
}

}  // namespace

StoredArchive open_checkpoint_file(const fs::path& path, KerasWeights keras) {
  const Input input = Input::file(path);
  const std::string name = path.filename().string();
  const std::string head = InputReader(input).text(std::min<std::uint64_t>(input.size(), 1024), 1024);
  constexpr std::string_view hdf5("\x89HDF\r\n\x1a\n", 8);
  if (head.starts_with("PK\x03\x04")) return from_zip(input, keras);
  if (head.starts_with(hdf5) || head.starts_with("joist archive\n") ||
      head.substr(std::min<std::size_t>(512, head.size())).starts_with(hdf5))
    return from_hdf5(read_hdf5(path), keras);
  if (head.starts_with("\x93NUMPY")) return open_npy(input);
  if (head.starts_with("GGUF")) return open_gguf(input);
  if (head.starts_with("\x80\x02\x8a\x0a")) return open_torch_legacy(input);
  if (name.ends_with(".safetensors.index.json")) return open_safetensors_shards(path);
  if (name.ends_with(".onnx")) return open_onnx(input, path.parent_path());
  if (name.ends_with(".weights")) return from_darknet(path, input);
  if (name.ends_with(".safetensors") || looks_like_safetensors(input, head)) return open_safetensors(input);
  refuse_unknown(input, head);
}

std::vector<std::byte> checkpoint_file_bytes(const Archive& archive, const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".safetensors")) return safetensors_bytes(archive);
  if (name.ends_with(".npz")) return npz_bytes(archive);
  if (name.ends_with(".npy") && archive.arrays.size() == 1) return npy_bytes(archive.arrays[0].array);
  if (name.ends_with(".pt") || name.ends_with(".pth")) return torch_zip_bytes(archive);
  if (name.ends_with(".weights.h5")) return hdf5_image(torch_as_keras(archive));
  if (name.ends_with(".h5") || name.ends_with(".hdf5")) return hdf5_image(archive);
  if (name.ends_with(".onnx")) return onnx_weights(archive);
  throw UsageError({.where = path.string(),
                    .what = "a name that says no format to write",
                    .expected = ".safetensors, .npz, .npy (one array), .pt, .pth, .weights.h5 (Keras), .h5 or .onnx"});
}

}  // namespace joist
