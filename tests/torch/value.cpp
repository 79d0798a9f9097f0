#include <joist/tests/torch/value.h>

#include <cstring>

#include <fmt/core.h>

namespace joist::torchdb {

const Value& Value::operator[](const std::string& key) const {
  static const Value nothing;
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == key) return items[i];
  return nothing;
}

std::string text_of(const Value& value) {
  const auto all = [&](const char* open, const char* close) {
    std::string text = open;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      if (i > 0) text += ", ";
      if (!value.keys.empty()) text += value.keys[i] + "=";
      text += text_of(value.items[i]);
    }
    return text + close;
  };
  switch (value.kind) {
    case Value::Kind::nothing: return "None";
    case Value::Kind::flag: return value.flag ? "True" : "False";
    case Value::Kind::integer: return std::to_string(value.integer);
    case Value::Kind::number: return fmt::format("{:.6g}", value.number);
    case Value::Kind::text: return "\"" + value.text + "\"";
    case Value::Kind::dtype: return value.text;
    case Value::Kind::opaque: return "<" + value.text + ">";
    case Value::Kind::ellipsis: return "...";
    case Value::Kind::slice: return all("slice(", ")");
    case Value::Kind::list: return all("[", "]");
    case Value::Kind::dict: return all("", "");
    case Value::Kind::tensor:
      return std::string(name_of(value.tensor.dtype())) + value.tensor.shape().text() +
             (value.complex ? "complex" : "");
  }
  return "?";
}

void collect_tensors(const Value& value, std::vector<const Value*>& found) {
  if (value.kind == Value::Kind::tensor) found.push_back(&value);
  for (const Value& item : value.items) collect_tensors(item, found);
}

Reader::Reader(const std::filesystem::path& file) : name_(file.string()), file_(file, std::ios::binary) {
  if (!file_)
    throw DataError({.where = name_, .what = "cannot be read", .remedy = "tests/torch/make_database.py writes it"});
}

bool Reader::next(Value& record) {
  std::uint64_t length = 0;
  if (!file_.read(reinterpret_cast<char*>(&length), sizeof length)) return false;
  body_.resize(length);
  at_ = 0;
  if (!file_.read(body_.data(), static_cast<std::streamsize>(length)))
    throw DataError({.where = name_, .what = "ends within a record"});
  record = take_value();
  return true;
}

template <class T>
T Reader::take() {
  if (at_ + sizeof(T) > body_.size()) throw DataError({.where = name_, .what = "a record is too short"});
  T value;
  std::memcpy(&value, body_.data() + at_, sizeof(T));
  at_ += sizeof(T);
  return value;
}

std::string Reader::take_text() {
  const auto length = take<std::uint32_t>();
  if (at_ + length > body_.size()) throw DataError({.where = name_, .what = "a record is too short"});
  at_ += length;
  return {body_.data() + at_ - length, length};
}

Value Reader::take_value() {
  Value value;
  value.kind = static_cast<Value::Kind>(take<char>());
  switch (value.kind) {
    case Value::Kind::nothing:
    case Value::Kind::ellipsis: return value;
    case Value::Kind::flag: value.flag = take<std::uint8_t>() != 0; return value;
    case Value::Kind::integer: value.integer = take<std::int64_t>(); return value;
    case Value::Kind::number: value.number = take<double>(); return value;
    case Value::Kind::text:
    case Value::Kind::opaque:
    case Value::Kind::dtype: value.text = take_text(); return value;
    case Value::Kind::slice:
      for (int i = 0; i < 3; ++i) value.items.push_back(take_value());
      return value;
    case Value::Kind::list:
    case Value::Kind::dict: {
      const auto count = take<std::uint32_t>();
      for (std::uint32_t i = 0; i < count; ++i) {
        if (value.kind == Value::Kind::dict) value.keys.push_back(take_text());
        value.items.push_back(take_value());
      }
      return value;
    }
    case Value::Kind::tensor: return take_tensor();
  }
  throw DataError({.where = name_, .what = "a value of unknown kind"});
}

Value Reader::take_tensor() {
  Value value;
  value.kind = Value::Kind::tensor;
  const Dtype dtype = dtype_named(take_text());
  value.wanted = take<std::uint8_t>() != 0;
  value.complex = take<std::uint8_t>() != 0;
  std::vector<std::int64_t> lengths(take<std::uint8_t>());
  for (std::int64_t& length : lengths) length = take<std::int64_t>();
  if (lengths.size() > static_cast<std::size_t>(Shape::max_rank))
    throw DataError({.where = name_, .what = "a tensor of more than eight axes"});
  const Array array = Array::empty(Shape(lengths), dtype);
  if (at_ + array.bytes() > body_.size()) throw DataError({.where = name_, .what = "a record is too short"});
  if (array.bytes() > 0) std::memcpy(array.raw(), body_.data() + at_, array.bytes());
  at_ += array.bytes();
  value.tensor = Tensor(array, value.wanted);
  return value;
}

}  // namespace joist::torchdb
