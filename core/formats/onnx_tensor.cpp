#include <joist/core/error.h>
#include <joist/core/formats/onnx_tensor.h>
#include <joist/core/text.h>

#include <charconv>
#include <cstring>

#include <onnx/onnx.pb.h>

namespace joist {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& name, const std::string& what) {
  throw DataError({.where = where,
                   .what = "\"" + printable(name) + "\" " + what,
                   .expected = "a sound ONNX file",
                   .remedy = "get the file again from where it was made"});
}

Array from_raw(const std::string& raw, Element element, const Shape& shape, const std::string& where) {
  const auto bytes = std::as_bytes(std::span(raw));
  return read_elements(Input::memory(where, {bytes.begin(), bytes.end()}), 0, element, shape);
}

// The typed lists hold each number in a field wider than itself.
template <class Narrow, class List>
Array from_list(const List& list, Element element, const Shape& shape, const std::string& where) {
  std::string raw(static_cast<std::size_t>(list.size()) * sizeof(Narrow), '\0');
  char* to = raw.data();
  for (const auto value : list) {
    const auto narrow = static_cast<Narrow>(value);
    std::memcpy(to, &narrow, sizeof narrow);
    to += sizeof narrow;
  }
  return from_raw(raw, element, shape, where);
}

int typed_count(const onnx::TensorProto& tensor, Element element) {
  switch (element) {
    case Element::float32: return tensor.float_data_size();
    case Element::float64: return tensor.double_data_size();
    case Element::int64: return tensor.int64_data_size();
    case Element::uint32:
    case Element::uint64: return tensor.uint64_data_size();
    default: return tensor.int32_data_size();
  }
}

Array from_typed(const onnx::TensorProto& tensor, Element element, const Shape& shape, const std::string& where) {
  const auto& integers = tensor.int32_data();
  switch (element) {
    case Element::float32: return from_list<float>(tensor.float_data(), element, shape, where);
    case Element::float64: return from_list<double>(tensor.double_data(), element, shape, where);
    case Element::int64: return from_list<std::int64_t>(tensor.int64_data(), element, shape, where);
    case Element::uint32: return from_list<std::uint32_t>(tensor.uint64_data(), element, shape, where);
    case Element::uint64: return from_list<std::uint64_t>(tensor.uint64_data(), element, shape, where);
    case Element::int32: return from_list<std::int32_t>(integers, element, shape, where);
    case Element::float16:
    case Element::bfloat16:
    case Element::int16:
    case Element::uint16: return from_list<std::uint16_t>(integers, element, shape, where);
    case Element::int8:
    case Element::uint8:
    case Element::boolean: return from_list<std::uint8_t>(integers, element, shape, where);
  }
  return {};
}

std::uint64_t number_of(const std::string& where, const std::string& name, const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    refuse(where, name, "says that its values lie at \"" + printable(text) + "\"");
  return value;
}

OnnxTensor external(const onnx::TensorProto& tensor, OnnxTensor result, const std::string& where,
                    const std::filesystem::path& folder) {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = number_of(where, tensor.name(), entry.value());
    if (entry.key() == "length") length = number_of(where, tensor.name(), entry.value());
  }
  const Input file = Input::beneath(folder, location);
  const std::uint64_t wanted = static_cast<std::uint64_t>(result.shape.elements()) * size_of(result.element);
  if (length && *length != wanted) refuse(where, tensor.name(), "has values in another file that do not fit its shape");
  static_cast<void>(file.part(offset, wanted));
  result.load = [file, offset, element = result.element, shape = result.shape] {
    return read_elements(file, offset, element, shape);
  };
  return result;
}

}  // namespace

std::optional<Element> onnx_element(int type) {
  switch (type) {
    case onnx::TensorProto::FLOAT: return Element::float32;
    case onnx::TensorProto::DOUBLE: return Element::float64;
    case onnx::TensorProto::FLOAT16: return Element::float16;
    case onnx::TensorProto::BFLOAT16: return Element::bfloat16;
    case onnx::TensorProto::INT64: return Element::int64;
    case onnx::TensorProto::INT32: return Element::int32;
    case onnx::TensorProto::INT16: return Element::int16;
    case onnx::TensorProto::INT8: return Element::int8;
    case onnx::TensorProto::UINT8: return Element::uint8;
    case onnx::TensorProto::UINT16: return Element::uint16;
    case onnx::TensorProto::UINT32: return Element::uint32;
    case onnx::TensorProto::UINT64: return Element::uint64;
    case onnx::TensorProto::BOOL: return Element::boolean;
    default: return {};
  }
}

std::string onnx_type_name(int type) {
  if (const auto element = onnx_element(type)) return std::string(name_of(*element));
  switch (type) {
    case 8: return "text";
    case 14: return "complex64";
    case 15: return "complex128";
    case 17: return "float8e4m3fn";
    case 18: return "float8e4m3fnuz";
    case 19: return "float8e5m2";
    case 20: return "float8e5m2fnuz";
    case 21: return "uint4";
    case 22: return "int4";
    case 23: return "float4e2m1";
    default: return "number " + std::to_string(type);
  }
}

std::optional<OnnxTensor> read_onnx_tensor(const onnx::TensorProto& tensor, const std::string& where,
                                           const std::filesystem::path& folder) {
  std::vector<std::uint64_t> lengths;
  for (const std::int64_t length : tensor.dims()) lengths.push_back(static_cast<std::uint64_t>(length));
  const auto shape = checked_shape(where, tensor.name(), lengths);
  const auto element = onnx_element(tensor.data_type());
  if (!shape || !element) return {};
  if (tensor.has_segment())
    throw UnsupportedError({.where = where, .what = "\"" + printable(tensor.name()) + "\" is one segment of a tensor"});
  OnnxTensor result{.shape = *shape, .element = *element};
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) return external(tensor, std::move(result), where, folder);
  const auto count = static_cast<std::uint64_t>(shape->elements());
  const int typed = tensor.float_data_size() + tensor.int32_data_size() + tensor.int64_data_size() +
                    tensor.double_data_size() + tensor.uint64_data_size();
  if (tensor.has_raw_data()) {
    if (typed != 0) refuse(where, tensor.name(), "has both raw and typed values");
    if (tensor.raw_data().size() != count * size_of(*element))
      refuse(where, tensor.name(), "has values that do not fit its shape " + shape->text());
    result.load = [&tensor, element = *element, shape = *shape, where] {
      return from_raw(tensor.raw_data(), element, shape, where);
    };
  } else {
    if (static_cast<std::uint64_t>(typed_count(tensor, *element)) != count ||
        static_cast<std::uint64_t>(typed) != count)
      refuse(where, tensor.name(), "has values that do not fit its shape " + shape->text());
    result.load = [&tensor, element = *element, shape = *shape, where] {
      return from_typed(tensor, element, shape, where);
    };
  }
  return result;
}

}  // namespace joist
