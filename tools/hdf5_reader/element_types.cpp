#include <joist/tools/hdf5_reader/element_types.h>

#include <bit>

namespace joist::helper {
namespace {

static_assert(std::endian::native == std::endian::little, "the types below are both the file's and the memory's");

Handle copy_of(hid_t type) { return {H5Tcopy(type), "cannot make a type"}; }

// A 16-bit float: the sign on top, then the exponent, then the mantissa without its leading one.
Handle small_float(std::size_t exponent_bits, std::size_t bias) {
  Handle type = copy_of(H5T_IEEE_F32LE);
  const std::size_t mantissa_bits = 15 - exponent_bits;
  checked(H5Tset_fields(type, 15, mantissa_bits, exponent_bits, 0, mantissa_bits), "cannot make a type");
  checked(H5Tset_ebias(type, bias), "cannot make a type");
  checked(H5Tset_size(type, 2), "cannot make a type");
  return type;
}

// What h5py reads and writes as numpy's bool.
Handle boolean() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), "cannot make a type");
  for (const std::int8_t value : {std::int8_t{0}, std::int8_t{1}})
    checked(H5Tenum_insert(type, value ? "TRUE" : "FALSE", &value), "cannot make a type");
  return type;
}

}  // namespace

Handle type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32: return copy_of(H5T_IEEE_F32LE);
    case Dtype::float64: return copy_of(H5T_IEEE_F64LE);
    case Dtype::float16: return small_float(5, 15);
    case Dtype::bfloat16: return small_float(8, 127);
    case Dtype::int64: return copy_of(H5T_STD_I64LE);
    case Dtype::int32: return copy_of(H5T_STD_I32LE);
    case Dtype::int8: return copy_of(H5T_STD_I8LE);
    case Dtype::uint8: return copy_of(H5T_STD_U8LE);
    case Dtype::boolean: return boolean();
  }
  throw Failure("unknown element type " + std::to_string(static_cast<int>(dtype)));
}

std::optional<Dtype> dtype_of(hid_t type) {
  for (int i = 0; i <= static_cast<int>(Dtype::boolean); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    const Handle candidate = type_of(dtype);
    if (H5Tequal(candidate, type) > 0) return dtype;
    if (dtype == Dtype::boolean || bytes_of(dtype) == 1) continue;
    checked(H5Tset_order(candidate, H5T_ORDER_BE), "cannot make a type");
    if (H5Tequal(candidate, type) > 0) return dtype;
  }
  return {};
}

std::string describe(hid_t type) {
  const std::string bits = std::to_string(8 * H5Tget_size(type)) + "-bit ";
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: return (H5Tget_sign(type) == H5T_SGN_NONE ? "unsigned " : "") + bits + "integers";
    case H5T_FLOAT: return bits + "floats of another layout";
    case H5T_STRING: return "strings";
    case H5T_COMPOUND: return "compound values";
    case H5T_ENUM: return "an enumeration";
    case H5T_VLEN: return "lists of varying length";
    case H5T_REFERENCE: return "references";
    case H5T_ARRAY: return "arrays as elements";
    default: return "values of an unknown type";
  }
}

}  // namespace joist::helper
