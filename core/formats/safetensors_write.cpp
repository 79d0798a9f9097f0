#include <joist/core/formats/safetensors.h>

#include <algorithm>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

std::string_view type_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32: return "F32";
    case Dtype::float64: return "F64";
    case Dtype::float16: return "F16";
    case Dtype::bfloat16: return "BF16";
    case Dtype::int64: return "I64";
    case Dtype::int32: return "I32";
    case Dtype::int8: return "I8";
    case Dtype::uint8: return "U8";
    case Dtype::boolean: return "BOOL";
  }
  return "";
}

}  // namespace

std::vector<std::byte> safetensors_bytes(const Archive& archive) {
  require_writable(archive);
  std::vector<const NamedArray*> order;
  for (const NamedArray& array : archive.arrays) order.push_back(&array);
  // Widest elements first, so that each array is aligned.
  std::sort(order.begin(), order.end(), [](const NamedArray* a, const NamedArray* b) {
    const std::size_t wide = size_of(a->array.dtype()), other = size_of(b->array.dtype());
    return wide != other ? wide > other : a->name < b->name;
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!archive.attributes.empty()) header["__metadata__"] = archive.attributes;
  std::uint64_t position = 0;
  for (const NamedArray* each : order) {
    const Array& array = each->array;
    header[each->name] = {{"dtype", type_name(array.dtype())},
                          {"shape", std::vector<std::int64_t>(array.shape().begin(), array.shape().end())},
                          {"data_offsets", {position, position + array.bytes()}}};
    position += array.bytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::vector<std::byte> bytes;
  bytes.reserve(8 + text.size() + position);
  const std::uint64_t length = text.size();
  const auto append = [&](const void* from, std::size_t count) {
    bytes.insert(bytes.end(), static_cast<const std::byte*>(from), static_cast<const std::byte*>(from) + count);
  };
  append(&length, sizeof length);
  append(text.data(), text.size());
  for (const NamedArray* each : order) {
    const Array dense = row_major_copy(each->array);
    append(dense.raw(), dense.bytes());
  }
  return bytes;
}

}  // namespace joist
