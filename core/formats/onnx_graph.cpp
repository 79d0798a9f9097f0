#include <joist/core/error.h>
#include <joist/core/formats/onnx_graph.h>
#include <joist/core/formats/onnx_tensor.h>
#include <joist/core/text.h>

#include <algorithm>

#include <onnx/onnx.pb.h>

namespace joist {
namespace {

template <class Message>
void parse(const Input& input, Message& message) {
  constexpr std::uint64_t most = 0x7fffffff;
  if (input.size() > most)
    throw DataError({.where = input.where(), .what = "is larger than 2 GiB", .expected = "a protobuf message"});
  const std::vector<std::byte> bytes = input.bytes(0, input.size());
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw DataError({.where = input.where(),
                     .what = "is no ONNX file, or is damaged",
                     .remedy = "get it again from where it was made"});
}

class Reader {
 public:
  Reader(std::string where, std::filesystem::path folder) : where_(std::move(where)), folder_(std::move(folder)) {}

  Array array(const onnx::TensorProto& tensor) const {
    const auto read = read_onnx_tensor(tensor, where_, folder_);
    if (!read || name_of(read->element) != name_of(dtype_for(read->element)))
      throw UnsupportedError({.where = where_,
                              .what = "the value \"" + printable(tensor.name()) + "\" has elements of type " +
                                      onnx_type_name(tensor.data_type()) + (read ? "" : " or more than 8 axes")});
    return read->load();
  }

  OnnxBody body(const onnx::GraphProto& graph) const {
    OnnxBody result;
    if (graph.sparse_initializer_size() > 0) throw UnsupportedError({.where = where_, .what = "sparse initializers"});
    for (const auto& tensor : graph.initializer()) result.initializers.push_back({tensor.name(), array(tensor)});
    for (const auto& input : graph.input()) {
      const bool given = std::any_of(result.initializers.begin(), result.initializers.end(),
                                     [&](const NamedArray& each) { return each.name == input.name(); });
      if (given) continue;
      require_type(input);
      result.inputs.push_back(input.name());
    }
    for (const auto& output : graph.output()) result.outputs.push_back(output.name());
    for (const auto& node : graph.node()) result.operations.push_back(operation(node));
    return result;
  }

 private:
  void require_type(const onnx::ValueInfoProto& value) const {
    if (!value.has_type()) return;
    if (!value.type().has_tensor_type())
      throw UnsupportedError(
          {.where = where_, .what = "the input \"" + printable(value.name()) + "\" is a sequence, map or optional"});
    const int type = value.type().tensor_type().elem_type();
    const auto element = onnx_element(type);
    if (type != 0 && (!element || name_of(*element) != name_of(dtype_for(*element))))
      throw UnsupportedError(
          {.where = where_,
           .what = "the input \"" + printable(value.name()) + "\" has elements of type " + onnx_type_name(type)});
  }

  OnnxOperation operation(const onnx::NodeProto& node) const {
    OnnxOperation result{.op = node.op_type(),
                         .domain = node.domain() == "ai.onnx" ? "" : node.domain(),
                         .name = node.name(),
                         .inputs = {node.input().begin(), node.input().end()},
                         .outputs = {node.output().begin(), node.output().end()}};
    for (const auto& attribute : node.attribute()) result.attributes[attribute.name()] = parameter(node, attribute);
    return result;
  }

  OnnxParameter parameter(const onnx::NodeProto& node, const onnx::AttributeProto& attribute) const {
    switch (attribute.type()) {
      case onnx::AttributeProto::INT: return attribute.i();
      case onnx::AttributeProto::FLOAT: return attribute.f();
      case onnx::AttributeProto::STRING: return attribute.s();
      case onnx::AttributeProto::INTS:
        return std::vector<std::int64_t>{attribute.ints().begin(), attribute.ints().end()};
      case onnx::AttributeProto::FLOATS:
        return std::vector<float>{attribute.floats().begin(), attribute.floats().end()};
      case onnx::AttributeProto::STRINGS:
        return std::vector<std::string>{attribute.strings().begin(), attribute.strings().end()};
      case onnx::AttributeProto::TENSOR: return array(attribute.t());
      case onnx::AttributeProto::GRAPH: return std::make_shared<const OnnxBody>(body(attribute.g()));
      default:
        throw UnsupportedError({.where = where_,
                                .what = printable(node.op_type()) + " has the attribute \"" +
                                        printable(attribute.name()) + "\" of a kind that is not read"});
    }
  }

  std::string where_;
  std::filesystem::path folder_;
};

}  // namespace

OnnxModel read_onnx_model(const Input& input, const std::filesystem::path& folder) {
  onnx::ModelProto model;
  parse(input, model);
  if (!model.has_graph())
    throw DataError({.where = input.where(), .what = "holds no graph", .expected = "an ONNX model"});
  if (model.functions_size() > 0)
    throw UnsupportedError({.where = input.where(), .what = "functions that the model itself defines"});
  OnnxModel result{.graph = Reader(input.where(), folder).body(model.graph())};
  for (const auto& set : model.opset_import())
    result.operator_sets[set.domain() == "ai.onnx" ? "" : set.domain()] = set.version();
  for (const auto& entry : model.metadata_props()) result.metadata[entry.key()] = entry.value();
  for (const auto& given : model.graph().input()) {
    std::vector<std::int64_t>& shape = result.input_shapes[given.name()];
    for (const auto& axis : given.type().tensor_type().shape().dim())
      shape.push_back(axis.has_dim_value() ? axis.dim_value() : -1);
  }
  return result;
}

NamedArray read_onnx_value(const Input& input) {
  onnx::TensorProto tensor;
  parse(input, tensor);
  return {tensor.name(), Reader(input.where(), {}).array(tensor)};
}

}  // namespace joist
