#include <joist/core/formats/onnx.h>

#include <onnx/onnx.pb.h>

namespace joist {
namespace {

int element_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32: return onnx::TensorProto::FLOAT;
    case Dtype::float64: return onnx::TensorProto::DOUBLE;
    case Dtype::float16: return onnx::TensorProto::FLOAT16;
    case Dtype::bfloat16: return onnx::TensorProto::BFLOAT16;
    case Dtype::int64: return onnx::TensorProto::INT64;
    case Dtype::int32: return onnx::TensorProto::INT32;
    case Dtype::int8: return onnx::TensorProto::INT8;
    case Dtype::uint8: return onnx::TensorProto::UINT8;
    case Dtype::boolean: return onnx::TensorProto::BOOL;
  }
  return onnx::TensorProto::UNDEFINED;
}

void write(const OnnxValue& value, onnx::ValueInfoProto& out) {
  out.set_name(value.name);
  auto* type = out.mutable_type()->mutable_tensor_type();
  type->set_elem_type(element_type(value.dtype));
  auto* shape = type->mutable_shape();
  for (int axis = 0; axis < value.shape.rank(); ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    if (at < value.free.size() && !value.free[at].empty())
      shape->add_dim()->set_dim_param(value.free[at]);
    else
      shape->add_dim()->set_dim_value(value.shape[axis]);
  }
}

void write(const NamedArray& named, onnx::TensorProto& out) {
  const Array array = row_major_copy(named.array);
  out.set_name(named.name);
  out.set_data_type(element_type(array.dtype()));
  for (std::int64_t length : array.shape()) out.add_dims(length);
  out.set_raw_data(array.raw(), array.bytes());
}

void write(const std::string& name, const OnnxAttribute& attribute, onnx::AttributeProto& out) {
  out.set_name(name);
  if (const auto* integer = std::get_if<std::int64_t>(&attribute)) {
    out.set_type(onnx::AttributeProto::INT);
    out.set_i(*integer);
  } else if (const auto* number = std::get_if<float>(&attribute)) {
    out.set_type(onnx::AttributeProto::FLOAT);
    out.set_f(*number);
  } else if (const auto* text = std::get_if<std::string>(&attribute)) {
    out.set_type(onnx::AttributeProto::STRING);
    out.set_s(*text);
  } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&attribute)) {
    out.set_type(onnx::AttributeProto::INTS);
    for (std::int64_t value : *integers) out.add_ints(value);
  } else {
    out.set_type(onnx::AttributeProto::FLOATS);
    for (float value : std::get<std::vector<float>>(attribute)) out.add_floats(value);
  }
}

}  // namespace

std::vector<std::byte> onnx_bytes(const OnnxGraph& graph) {
  onnx::ModelProto model;
  model.set_ir_version(onnx::IR_VERSION_2020_5_8);
  model.set_producer_name("joist");
  model.set_doc_string(graph.description);
  model.add_opset_import()->set_version(graph.operator_set);
  for (const auto& [key, value] : graph.metadata) {
    auto* entry = model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  onnx::GraphProto& out = *model.mutable_graph();
  out.set_name(graph.name);
  for (const OnnxValue& value : graph.inputs) write(value, *out.add_input());
  for (const OnnxValue& value : graph.outputs) write(value, *out.add_output());
  for (const NamedArray& array : graph.initializers) write(array, *out.add_initializer());
  int number = 0;
  for (const OnnxNode& node : graph.nodes) {
    onnx::NodeProto& written = *out.add_node();
    written.set_op_type(node.op);
    written.set_name(node.op + "_" + std::to_string(number++));
    for (const std::string& input : node.inputs) written.add_input(input);
    for (const std::string& output : node.outputs) written.add_output(output);
    for (const auto& [name, attribute] : node.attributes) write(name, attribute, *written.add_attribute());
  }
  const std::size_t size = model.ByteSizeLong();
  if (size > 0x7fffffffU)
    throw UnsupportedError({.where = "ONNX",
                            .what = "a model of " + std::to_string(size >> 20) + " MiB in one file",
                            .expected = "at most 2047 MiB"});
  std::vector<std::byte> bytes(size);
  model.SerializeToArray(bytes.data(), static_cast<int>(size));
  return bytes;
}

}  // namespace joist
