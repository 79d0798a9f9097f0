#include <joist/core/error.h>
#include <joist/core/formats/npy_header.h>
#include <joist/core/formats/numpy.h>
#include <joist/core/formats/zip.h>
#include <joist/core/half.h>

#include <algorithm>

namespace joist {
namespace {

void add_npy(StoredBuilder& builder, const std::string& name, const Input& input) {
  const NpyHeader header = read_npy_header(input);
  const auto shape = checked_shape(input.where(), name, header.shape);
  const std::uint64_t elements = [&] {
    std::uint64_t product = 1;
    for (const std::uint64_t length : header.shape) product *= length;  // checked_shape refused what overflows
    return product;
  }();
  std::uint64_t wanted = 0;
  if (__builtin_mul_overflow(elements, std::max<std::size_t>(header.element_bytes, 1), &wanted) ||
      wanted != input.size() - header.data)
    throw DataError({.where = input.where(),
                     .what = "its shape wants " + std::to_string(wanted) + " bytes of elements, and there are " +
                             std::to_string(input.size() - header.data),
                     .expected = "a whole file",
                     .remedy = "get it again from where it was made"});
  if (!header.element) return builder.skip(name, "elements of type " + header.descr);
  if (!header.fortran_order || header.shape.size() < 2 || !shape)
    return builder.add(name, header.shape, *header.element, input, header.data, header.big_endian);
  // The file has the axes the other way round.
  Shape reversed = *shape;
  std::vector<int> axes;
  for (int axis = shape->rank() - 1; axis >= 0; --axis) {
    axes.push_back(axis);
    reversed[shape->rank() - 1 - axis] = (*shape)[axis];
  }
  StoredArray entry{.name = name, .shape = *shape, .dtype = dtype_for(*header.element)};
  if (name_of(*header.element) != name_of(entry.dtype)) entry.stored_as = name_of(*header.element);
  entry.load = [input, header, reversed, axes] {
    return read_elements(input, header.data, *header.element, reversed, header.big_endian).permuted(axes);
  };
  builder.add(std::move(entry));
}

std::string_view descr_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32:
    case Dtype::bfloat16: return "<f4";
    case Dtype::float64: return "<f8";
    case Dtype::float16: return "<f2";
    case Dtype::int64: return "<i8";
    case Dtype::int32: return "<i4";
    case Dtype::int8: return "|i1";
    case Dtype::uint8: return "|u1";
    case Dtype::boolean: return "|b1";
  }
  return "";
}

Array widened(const Array& array) {
  Array wide = Array::empty(array.shape());
  const auto* from = static_cast<const BFloat16*>(array.raw());
  std::copy(from, from + array.elements(), wide.data<float>());
  return wide;
}

}  // namespace

StoredArchive open_npy(const Input& input) {
  StoredBuilder builder(input.where(), "NumPy .npy", input.size());
  add_npy(builder, "array", input);
  return builder.finish();
}

StoredArchive open_npz(const Input& input) {
  const ZipReader zip(input);
  StoredBuilder builder(input.where(), "NumPy .npz", input.size());
  for (const std::string& name : zip.names()) {
    if (name.ends_with(".npy")) {
      add_npy(builder, name.substr(0, name.size() - 4), zip.open(name));
    } else {
      builder.skip(name, "no .npy");
    }
  }
  return builder.finish();
}

std::vector<std::byte> npy_bytes(const Array& given) {
  Array array = row_major_copy(given);
  if (array.dtype() == Dtype::bfloat16) array = widened(array);
  std::string header = "{'descr': '" + std::string(descr_of(array.dtype())) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t length : array.shape()) header += std::to_string(length) + ", ";
  if (array.rank() > 1) header.resize(header.size() - 2);
  if (array.rank() == 1) header.pop_back();
  header += "), }";
  const std::size_t padded = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(padded - 11, ' ');
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() & 0xFFU);
  start += static_cast<char>(header.size() >> 8U);
  start += header;
  std::vector<std::byte> bytes(start.size() + array.bytes());
  std::memcpy(bytes.data(), start.data(), start.size());
  if (array.bytes() > 0) std::memcpy(bytes.data() + start.size(), array.raw(), array.bytes());
  return bytes;
}

std::vector<std::byte> npz_bytes(const Archive& archive) {
  require_writable(archive);
  ZipWriter zip;
  for (const auto& [name, array] : archive.arrays) zip.add(name + ".npy", npy_bytes(array));
  return zip.finish();
}

}  // namespace joist
