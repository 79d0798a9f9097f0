#include <joist/core/error.h>
#include <joist/core/formats/onnx_read.h>
#include <joist/core/formats/onnx_tensor.h>

#include <memory>

#include <onnx/onnx.pb.h>

namespace joist {

StoredArchive open_onnx(const Input& input, const std::filesystem::path& folder) {
  const auto model = std::make_shared<onnx::ModelProto>();
  const std::string& where = input.where();
  constexpr std::uint64_t most = 0x7fffffff;
  if (input.size() > most)
    throw DataError({.where = where, .what = "is larger than 2 GiB", .expected = "a protobuf message below that"});
  {
    const std::vector<std::byte> bytes = input.bytes(0, input.size());
    if (!model->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model->has_graph())
      throw DataError({.where = where,
                       .what = "is no ONNX model, or is damaged",
                       .expected = "a file that a deep-learning program exported as .onnx",
                       .remedy = "get it again from where it was made"});
  }
  std::uint64_t file_bytes = input.size();
  StoredBuilder* builder = nullptr;
  const auto add = [&](const std::string& name, const onnx::TensorProto& tensor) {
    auto read = read_onnx_tensor(tensor, where, folder);
    if (!read) return builder->skip(name, "values of type " + onnx_type_name(tensor.data_type()));
    StoredArray entry{.name = name, .shape = read->shape, .dtype = dtype_for(read->element)};
    if (name_of(read->element) != name_of(entry.dtype)) entry.stored_as = name_of(read->element);
    entry.load = [model, load = std::move(read->load)] { return load(); };  // the model holds the values
    builder->add(std::move(entry));
  };
  for (const auto& tensor : model->graph().initializer())
    for (const auto& entry : tensor.external_data())
      if (entry.key() == "length" && tensor.data_location() == onnx::TensorProto::EXTERNAL) {
        const auto read = read_onnx_tensor(tensor, where, folder);  // checked: as long as its file says
        if (read) file_bytes += static_cast<std::uint64_t>(read->shape.elements()) * size_of(read->element);
      }
  StoredBuilder list(where, "ONNX", file_bytes);
  builder = &list;
  for (const auto& tensor : model->graph().initializer()) add(tensor.name(), tensor);
  for (const auto& node : model->graph().node())
    if (node.op_type() == "Constant" && node.output_size() == 1)
      for (const auto& attribute : node.attribute())
        if (attribute.name() == "value" && attribute.has_t()) add(node.output(0), attribute.t());
  for (const auto& entry : model->metadata_props()) list.attribute(entry.key(), entry.value());
  if (!model->producer_name().empty()) list.attribute("producer", model->producer_name());
  return list.finish();
}

}  // namespace joist
