// Archives for the tests of HDF5 files.
#pragma once

#include <joist/core/formats/archive.h>

#include <string>
#include <string_view>
#include <vector>

#include <stdlib.h>

namespace joist::test {

/// An array whose bytes count up (booleans: alternate).
inline Array counting(const Shape& shape, Dtype dtype) {
  Array array = Array::empty(shape, dtype);
  auto* bytes = static_cast<unsigned char*>(array.raw());
  for (std::size_t i = 0; i < array.bytes(); ++i)
    bytes[i] = static_cast<unsigned char>(dtype == Dtype::boolean ? i % 2 : i);
  return array;
}

/// Every dtype, ranks 0 to 8, empty arrays, groups, Chinese names and text.
inline Archive varied() {
  Archive archive;
  for (const Dtype dtype : {Dtype::float32, Dtype::float64, Dtype::float16, Dtype::bfloat16, Dtype::int64, Dtype::int32,
                            Dtype::int8, Dtype::uint8, Dtype::boolean})
    archive.arrays.push_back({"model/dtypes." + std::string(name_of(dtype)), counting({2, 3}, dtype)});
  Shape shape;
  for (int rank = 0; rank <= Shape::max_rank; ++rank) {
    archive.arrays.push_back({"model/ranks/" + std::to_string(rank), counting(shape, Dtype::int32)});
    if (rank < Shape::max_rank) shape = shape.inserted(rank, rank % 3 + 1);
  }
  archive.arrays.push_back({"empty", Array::empty({0, 3}, Dtype::float64)});
  archive.arrays.push_back({"优化器/动量/骨干.卷积.weight", counting({4}, Dtype::float32)});
  archive.attributes = {{"classes", "[\"安全帽\",\"反光衣\"]"}, {"empty", ""}, {"long", std::string(100'000, 'x')}};
  return archive;
}

/// The same with less text: 17 KB as a file.
inline Archive varied_but_short() {
  Archive archive = varied();
  archive.attributes["long"].resize(10);
  return archive;
}

/// About 1 KB as a file: for tests that try every byte.
inline Archive small() {
  Archive archive;
  archive.arrays.push_back({"weight", counting({3}, Dtype::float32)});
  return archive;
}

inline std::string_view bytes_of(const Array& array) { return {static_cast<const char*>(array.raw()), array.bytes()}; }

/// What an archive holds, for comparing: name, dtype, shape and bytes in order.
inline std::vector<std::string> contents(const Archive& archive) {
  std::vector<std::string> lines;
  for (const auto& [name, array] : archive.arrays)
    lines.push_back(name + " " + std::string(name_of(array.dtype())) + " " + array.shape().text() + " " +
                    std::string(bytes_of(array)));
  for (const auto& [name, value] : archive.attributes) lines.push_back(name + "=" + value);
  return lines;
}

inline std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The message of the DataError that reading throws; "" when it succeeds.
template <class ErrorType, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return {};
}

/// Sets JOIST_HDF5_READER for a scope.
class HelperInstead {
 public:
  explicit HelperInstead(const std::string& path) { ::setenv("JOIST_HDF5_READER", path.c_str(), 1); }
  HelperInstead(const HelperInstead&) = delete;
  ~HelperInstead() { ::unsetenv("JOIST_HDF5_READER"); }
};

}  // namespace joist::test
