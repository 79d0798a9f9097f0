// safetensors files (huggingface/safetensors): a JSON header with types, shapes and offsets, then the values.
#pragma once

#include <joist/core/formats/stored.h>

#include <filesystem>

namespace joist {

/// Reads the header only. Throws DataError unless it obeys every rule of the reference reader and two that it leaves
/// open: no key twice, no NUL in names. Types without a Dtype (8-bit floats, complex) are listed as skipped.
StoredArchive open_safetensors(const Input& input);

/// Several files named by a *.safetensors.index.json; their names must be plain, and they lie beside it.
StoredArchive open_safetensors_shards(const std::filesystem::path& index);

/// The attributes go into "__metadata__". Arrays that share memory are written once each.
std::vector<std::byte> safetensors_bytes(const Archive& archive);

}  // namespace joist
