#include <joist/tests/torch/call.h>

#include <algorithm>

namespace joist::torchdb {
namespace {

using Kind = Value::Kind;

[[noreturn]] void refuse(const char* name, const Value& value, const char* wanted) {
  if (value.kind == Kind::opaque) throw Unsupported(std::string(name) + " is a Python object: " + value.text);
  throw std::invalid_argument(std::string("argument ") + name + " is " + text_of(value) + ", not " + wanted);
}

void mark(const Value& value) {
  value.seen = true;
  for (const Value& item : value.items) mark(item);
}

double number_of(const char* name, const Value& value) {
  switch (value.kind) {
    case Kind::number: return value.number;
    case Kind::integer: return static_cast<double>(value.integer);
    case Kind::flag: return value.flag ? 1 : 0;
    case Kind::tensor:
      if (value.tensor.value().elements() == 1) return value.tensor.item();
      [[fallthrough]];
    default: refuse(name, value, "a number");
  }
}

std::int64_t integer_of(const char* name, const Value& value) {
  if (value.kind == Kind::integer) return value.integer;
  if (value.kind == Kind::flag) return value.flag ? 1 : 0;
  if (value.kind == Kind::tensor && value.tensor.value().elements() == 1 && !is_floating(value.tensor.dtype()))
    return static_cast<std::int64_t>(value.tensor.item());
  refuse(name, value, "an integer");
}

Tensor tensor_of(const char* name, const Value& value) {
  if (value.kind != Kind::tensor) refuse(name, value, "a tensor");
  return value.tensor;
}

}  // namespace

const Value& Args::at(int position, const char* name) const {
  static const Value nothing;
  const bool placed = position >= 0 && position < count();
  const Value& value = placed  ? positional_->items[static_cast<std::size_t>(position)]
                       : *name ? (*named_)[name]
                               : nothing;
  mark(value);
  return value;
}

Tensor Args::tensor(int position, const char* name) const { return tensor_of(name, at(position, name)); }
Tensor Args::maybe(int position, const char* name) const {
  return has(position, name) ? tensor(position, name) : Tensor();
}
std::vector<Tensor> Args::tensors(int position, const char* name) const {
  const Value& value = at(position, name);
  if (value.kind != Kind::list) refuse(name, value, "a list of tensors");
  std::vector<Tensor> list;
  for (const Value& item : value.items) list.push_back(tensor_of(name, item));
  return list;
}
std::vector<Tensor> Args::rest_of_tensors(int first) const {
  if (first < count() && at(first).kind == Kind::list) return tensors(first);
  std::vector<Tensor> list;
  for (int i = first; i < count(); ++i) list.push_back(tensor(i));
  return list;
}
std::vector<std::int64_t> Args::rest_of_integers(int first, const char* name) const {
  if (first >= count() || at(first).kind == Kind::list) return integers(first, name);
  std::vector<std::int64_t> list;
  for (int i = first; i < count(); ++i) list.push_back(integer(i, name));
  return list;
}

bool Args::is_number(int position, const char* name) const {
  const Kind kind = at(position, name).kind;
  return kind == Kind::number || kind == Kind::integer || kind == Kind::flag;
}

Tensor Args::operand(int position, const Tensor& other, const char* name) const {
  if (!is_number(position, name)) return tensor(position, name);
  const Value& value = at(position, name);
  const bool floating = other.defined() && is_floating(other.dtype());
  const Dtype dtype = floating                     ? other.dtype()
                      : value.kind == Kind::number ? Dtype::float32
                      : value.kind == Kind::flag   ? Dtype::boolean
                                                   : Dtype::int64;
  return Tensor::full({}, number_of(name, value), dtype);
}

double Args::number(int position, const char* name) const { return number_of(name, at(position, name)); }
double Args::number(int position, const char* name, double otherwise) const {
  return has(position, name) ? number(position, name) : otherwise;
}
std::int64_t Args::integer(int position, const char* name) const { return integer_of(name, at(position, name)); }
std::int64_t Args::integer(int position, const char* name, std::int64_t otherwise) const {
  return has(position, name) ? integer(position, name) : otherwise;
}
bool Args::flag(int position, const char* name, bool otherwise) const {
  const Value& value = at(position, name);
  if (value.none()) return otherwise;
  return integer_of(name, value) != 0;
}
std::string Args::text(int position, const char* name, const std::string& otherwise) const {
  const Value& value = at(position, name);
  if (value.none()) return otherwise;
  if (value.kind != Kind::text) refuse(name, value, "a string");
  return value.text;
}

std::vector<std::int64_t> Args::integers(int position, const char* name) const {
  const Value& value = at(position, name);
  if (value.none()) return {};
  if (value.kind != Kind::list) return {integer_of(name, value)};
  std::vector<std::int64_t> list;
  for (const Value& item : value.items) list.push_back(integer_of(name, item));
  return list;
}
std::vector<int> Args::axes(int position, const char* name) const {
  const auto list = integers(position, name);
  return {list.begin(), list.end()};
}
std::vector<double> Args::numbers(int position, const char* name) const {
  const Value& value = at(position, name);
  if (value.none()) return {};
  if (value.kind != Kind::list) return {number_of(name, value)};
  std::vector<double> list;
  for (const Value& item : value.items) list.push_back(number_of(name, item));
  return list;
}
Shape Args::spread(int position, const char* name, int axes, std::int64_t otherwise) const {
  const auto given = integers(position, name);
  if (given.size() > 1) return Shape(given);
  return Shape::filled(axes, given.empty() ? otherwise : given[0]);
}

std::optional<Dtype> Args::dtype(int position, const char* name) const {
  const Value& value = at(position, name);
  if (value.none()) return std::nullopt;
  if (value.kind != Kind::dtype) refuse(name, value, "an element type");
  if (value.text.starts_with("torch.")) throw Unsupported("element type " + value.text);
  return dtype_named(value.text);
}

Tensor Call::state(const std::string& name) const {
  const Value& value = (*record_)["state"][name];
  mark(value);
  if (value.kind != Kind::tensor) throw std::invalid_argument("PyTorch's module has no parameter or buffer " + name);
  return value.tensor;
}

void Call::require_names(const std::vector<std::string>& names) const {
  for (const std::string& key : (*record_)["state"].keys)
    if (!key.ends_with("num_batches_tracked") && std::find(names.begin(), names.end(), key) == names.end())
      throw std::invalid_argument("the layer has no parameter or buffer " + key);
}

}  // namespace joist::torchdb
