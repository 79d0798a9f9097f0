// Opening and loading each format from bytes, for tests of damage and for the fuzz targets.
#pragma once

#include <joist/core/error.h>
#include <joist/core/formats/darknet.h>
#include <joist/core/formats/gguf.h>
#include <joist/core/formats/numpy.h>
#include <joist/core/formats/onnx_read.h>
#include <joist/core/formats/safetensors.h>
#include <joist/core/formats/torch.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace joist::test {

constexpr std::string_view small_cfg =
    "[net]\nchannels=3\nheight=8\nwidth=8\n[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\n"
    "[maxpool]\nsize=2\nstride=2\n[route]\nlayers=-1,0\n[upsample]\n[shortcut]\nfrom=-2\n[batchnorm]\n[avgpool]\n"
    "[connected]\noutput=2\nbatch_normalize=1\n[connected]\noutput=2\n[yolo]\n";

struct ByteFormat {
  std::string_view name;
  StoredArchive (*open)(const Input&);
};

/// Darknet: the bytes are the .cfg, a zero and the weights.
inline StoredArchive open_darknet_pair(const Input& input) {
  const std::vector<std::byte> bytes = input.bytes(0, input.size());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t zero = std::min(text.find('\0'), text.size());
  return open_darknet(input.part(std::min<std::uint64_t>(zero + 1, input.size()),
                                 input.size() - std::min<std::uint64_t>(zero + 1, input.size())),
                      std::string(text.substr(0, zero)));
}

constexpr ByteFormat byte_formats[] = {
    {"torch_zip", [](const Input& input) { return open_torch_zip(ZipReader(input)); }},
    {"torch_legacy", open_torch_legacy},
    {"safetensors", open_safetensors},
    {"npy", open_npy},
    {"npz", open_npz},
    {"gguf", open_gguf},
    {"onnx", [](const Input& input) { return open_onnx(input, "no-such-folder"); }},
    {"darknet", open_darknet_pair}};

inline std::vector<std::byte> bytes_from(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// Opens and loads. Every array must have the shape and type that was said. Errors of the right kinds are fine; returns
/// whether it was read.
inline bool survives(const ByteFormat& format, std::vector<std::byte> bytes) {
  try {
    const StoredArchive stored = format.open(Input::memory("bytes", std::move(bytes)));
    for (const StoredArray& each : stored.arrays) {
      const Array array = each.load();
      if (array.shape() != each.shape || array.dtype() != each.dtype) std::abort();
      const Array dense = row_major_copy(array);  // touches every element
      volatile std::byte last{};
      if (dense.bytes() > 0) last = static_cast<const std::byte*>(dense.raw())[dense.bytes() - 1];
      static_cast<void>(last);
    }
    return true;
  } catch (const DataError&) {
  } catch (const UnsupportedError&) {
  } catch (const EnvironmentError&) {
  }
  return false;
}

}  // namespace joist::test
