#include <joist/tools/training/onnx/call.h>

namespace joist::onnx_ops {

void Call::unsupported(const std::string& what) const {
  throw UnsupportedError(
      {.where = operation_.op + (operation_.name.empty() ? "" : " \"" + operation_.name + "\""), .what = what});
}
void Call::refuse(const std::string& what) const {
  throw DataError({.where = operation_.op + (operation_.name.empty() ? "" : " \"" + operation_.name + "\""),
                   .what = what,
                   .expected = "what ONNX says of this operator"});
}

const Tensor& Call::operator[](std::size_t input) const {
  if (!has(input)) refuse("input " + std::to_string(input) + " is missing");
  return inputs_[input];
}

std::vector<std::int64_t> Call::integers(std::size_t input) const {
  return row_major_copy(to((*this)[input].detach(), Dtype::int64).value()).to_vector<std::int64_t>();
}
std::vector<double> Call::numbers(std::size_t input) const {
  return row_major_copy(to((*this)[input].detach(), Dtype::float64).value()).to_vector<double>();
}
double Call::number(std::size_t input) const {
  const std::vector<double> all = numbers(input);
  if (all.size() != 1) refuse("input " + std::to_string(input) + " is not one number");
  return all[0];
}

std::int64_t Call::whole(std::size_t input) const {
  const std::vector<std::int64_t> all = integers(input);
  if (all.size() != 1) refuse("input " + std::to_string(input) + " is not one whole number");
  return all[0];
}

template <class T>
const T* Call::find(const std::string& attribute) const {
  const auto found = operation_.attributes.find(attribute);
  if (found == operation_.attributes.end()) return nullptr;
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) refuse("the attribute " + attribute + " is of another kind");
  return value;
}

std::int64_t Call::integer(const std::string& attribute, std::int64_t usual) const {
  const auto* value = find<std::int64_t>(attribute);
  return value ? *value : usual;
}
double Call::real(const std::string& attribute, double usual) const {
  const auto* value = find<float>(attribute);
  return value ? static_cast<double>(*value) : usual;
}
std::string Call::text(const std::string& attribute, const std::string& usual) const {
  const auto* value = find<std::string>(attribute);
  return value ? *value : usual;
}
std::vector<std::int64_t> Call::list(const std::string& attribute, std::vector<std::int64_t> usual) const {
  const auto* value = find<std::vector<std::int64_t>>(attribute);
  return value ? *value : usual;
}
std::vector<float> Call::reals(const std::string& attribute) const {
  const auto* value = find<std::vector<float>>(attribute);
  return value ? *value : std::vector<float>();
}
std::vector<std::string> Call::texts(const std::string& attribute) const {
  const auto* value = find<std::vector<std::string>>(attribute);
  return value ? *value : std::vector<std::string>();
}
const Array* Call::array(const std::string& attribute) const { return find<Array>(attribute); }

const OnnxBody& Call::body(const std::string& name) const {
  const auto* value = find<std::shared_ptr<const OnnxBody>>(name);
  if (value == nullptr) refuse("the body " + name + " is missing");
  return **value;
}
Outputs Call::run(const std::string& name, const std::vector<Tensor>& arguments) const {
  return run_body_(body(name), arguments);
}

int Call::axis(const std::string& attribute, std::int64_t usual, int rank) const {
  return axes_of(*this, {integer(attribute, usual)}, rank)[0];
}

std::vector<int> axes_of(const Call& call, const std::vector<std::int64_t>& axes, int rank) {
  std::vector<int> result;
  for (const std::int64_t axis : axes) {
    const std::int64_t from_start = axis < 0 ? axis + rank : axis;
    if (from_start < 0 || from_start >= std::max(rank, 1))
      call.refuse("axis " + std::to_string(axis) + " of " + std::to_string(rank));
    result.push_back(static_cast<int>(from_start));
  }
  return result;
}

Shape shape_of(const Call& call, const std::vector<std::int64_t>& lengths) {
  if (lengths.size() > static_cast<std::size_t>(Shape::max_rank)) call.unsupported("more than 8 axes");
  std::int64_t product = 1;
  for (const std::int64_t length : lengths)
    if (length < 0 || __builtin_mul_overflow(product, std::max<std::int64_t>(length, 1), &product) ||
        product > (1LL << 40))
      call.refuse("an impossible shape");
  return Shape(std::span(lengths));
}

Tensor integers_tensor(const std::vector<std::int64_t>& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())});
}

Dtype dtype_numbered(const Call& call, std::int64_t number) {
  switch (number) {
    case 1: return Dtype::float32;
    case 2: return Dtype::uint8;
    case 3: return Dtype::int8;
    case 6: return Dtype::int32;
    case 7: return Dtype::int64;
    case 9: return Dtype::boolean;
    case 10: return Dtype::float16;
    case 11: return Dtype::float64;
    case 16: return Dtype::bfloat16;
    default: call.unsupported("elements of ONNX's type " + std::to_string(number));
  }
}

const Table& table() {
  static const Table all = [] {
    Table made;
    for (const auto add : {add_elementwise, add_reductions, add_shapes, add_indexing, add_networks, add_pooling,
                           add_recurrent, add_losses, add_pictures, add_control, add_quantization})
      add(made);
    return made;
  }();
  return all;
}

}  // namespace joist::onnx_ops
