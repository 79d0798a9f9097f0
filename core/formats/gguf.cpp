#include <joist/core/error.h>
#include <joist/core/formats/gguf.h>
#include <joist/core/half.h>
#include <joist/core/text.h>

#include <algorithm>
#include <bit>
#include <optional>

namespace joist {
namespace {

struct StoredType {
  std::uint32_t number;
  std::string_view name;
  std::uint64_t block_elements, block_bytes;
  std::optional<Element> element;
};

// The types of ggml; those of which only the name is known are refused by that name.
constexpr StoredType types[] = {{0, "F32", 1, 4, Element::float32},
                                {1, "F16", 1, 2, Element::float16},
                                {2, "Q4_0", 32, 18, {}},
                                {3, "Q4_1", 32, 20, {}},
                                {6, "Q5_0", 32, 22, {}},
                                {7, "Q5_1", 32, 24, {}},
                                {8, "Q8_0", 32, 34, {}},
                                {9, "Q8_1", 32, 36, {}},
                                {10, "Q2_K", 256, 84, {}},
                                {11, "Q3_K", 256, 110, {}},
                                {12, "Q4_K", 256, 144, {}},
                                {13, "Q5_K", 256, 176, {}},
                                {14, "Q6_K", 256, 210, {}},
                                {15, "Q8_K", 256, 292, {}},
                                {24, "I8", 1, 1, Element::int8},
                                {25, "I16", 1, 2, Element::int16},
                                {26, "I32", 1, 4, Element::int32},
                                {27, "I64", 1, 8, Element::int64},
                                {28, "F64", 1, 8, Element::float64},
                                {30, "BF16", 1, 2, Element::bfloat16}};
constexpr std::uint32_t q4_0 = 2, q8_0 = 8;

// One block: a float16 scale, then 32 numbers of 8 bits, or 16 bytes whose low halves come before the high ones.
Array dequantize(const Input& input, std::uint64_t offset, std::uint32_t type, const Shape& shape) {
  const std::uint64_t block_bytes = type == q4_0 ? 18 : 34;
  const auto blocks = static_cast<std::uint64_t>(shape.elements()) / 32;
  const std::vector<std::byte> bytes = input.bytes(offset, blocks * block_bytes);
  Array array = Array::empty(shape);
  auto* to = array.data<float>();
  for (const std::byte* block = bytes.data(); block < bytes.data() + bytes.size(); block += block_bytes, to += 32) {
    Float16 half;
    std::memcpy(&half.bits, block, 2);
    const float scale = half;
    for (int i = 0; i < 32; ++i) {
      if (type == q8_0) {
        to[i] = scale * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
      } else {
        const auto pair = std::to_integer<unsigned>(block[2 + i % 16]);
        to[i] = scale * static_cast<float>(static_cast<int>(i < 16 ? pair & 15U : pair >> 4U) - 8);
      }
    }
  }
  return array;
}

struct TensorInfo {
  std::string name;
  std::vector<std::uint64_t> shape;
  std::uint32_t type;
  std::uint64_t offset;
};

class GgufReader {
 public:
  explicit GgufReader(const Input& input)
      : input_(input), reader_(input), builder_(input.where(), "GGUF", input.size()) {}

  StoredArchive read() {
    if (input_.size() < 24 || reader_.text(4, 4) != "GGUF") reader_.refuse("not a GGUF file");
    const auto version = reader_.number<std::uint32_t>();
    if (version != 2 && version != 3)
      throw UnsupportedError({.where = input_.where(),
                              .what = (version & 0xFFFFU) == 0 && version != 0
                                          ? "a big-endian GGUF file"
                                          : "version " + std::to_string(version) + " of GGUF",
                              .expected = "version 2 or 3, little-endian"});
    const auto tensors = reader_.number<std::uint64_t>(), entries = reader_.number<std::uint64_t>();
    // An entry takes 12 bytes at least, a tensor 24.
    if (entries > reader_.left() / 12 || tensors > reader_.left() / 24) reader_.refuse("more entries than bytes");
    for (std::uint64_t i = 0; i < entries; ++i) read_entry();
    std::vector<TensorInfo> infos;
    for (std::uint64_t i = 0; i < tensors; ++i) infos.push_back(read_info());
    const std::uint64_t data = (reader_.position() + alignment_ - 1) / alignment_ * alignment_;
    for (const TensorInfo& info : infos) add(info, data);
    return builder_.finish();
  }

 private:
  void read_entry() {
    const std::string key = reader_.text(reader_.number<std::uint64_t>(), 65'535);
    const auto type = reader_.number<std::uint32_t>();
    const std::string value = read_value(type, 0);
    if (key == "general.alignment") {
      const std::uint64_t alignment = type == 4 ? std::stoull(value) : 0;
      if (!std::has_single_bit(alignment) || alignment > (1U << 20U)) reader_.refuse("an impossible alignment");
      alignment_ = alignment;
    }
    if (type == 9) {
      builder_.skip(key, value);
    } else {
      builder_.attribute(key, value);
    }
  }

  // As text; of arrays what they are.
  std::string read_value(std::uint32_t type, int depth) {
    switch (type) {
      case 0: return std::to_string(reader_.number<std::uint8_t>());
      case 1: return std::to_string(reader_.number<std::int8_t>());
      case 2: return std::to_string(reader_.number<std::uint16_t>());
      case 3: return std::to_string(reader_.number<std::int16_t>());
      case 4: return std::to_string(reader_.number<std::uint32_t>());
      case 5: return std::to_string(reader_.number<std::int32_t>());
      case 6: return std::to_string(reader_.number<float>());
      case 7: return reader_.number<std::uint8_t>() != 0 ? "true" : "false";
      case 8: return reader_.text(reader_.number<std::uint64_t>(), 1 << 26);
      case 9: {
        if (depth > 4) reader_.refuse("arrays nested too deep");
        const auto items = reader_.number<std::uint32_t>();
        const auto count = reader_.number<std::uint64_t>();
        if (count > reader_.left()) reader_.refuse("an array longer than the file");
        for (std::uint64_t i = 0; i < count; ++i) static_cast<void>(read_value(items, depth + 1));
        return "a list of " + std::to_string(count) + " values";
      }
      case 10: return std::to_string(reader_.number<std::uint64_t>());
      case 11: return std::to_string(reader_.number<std::int64_t>());
      case 12: return std::to_string(reader_.number<double>());
      default: reader_.refuse("a value of unknown type " + std::to_string(type));
    }
  }

  TensorInfo read_info() {
    TensorInfo info;
    info.name = reader_.text(reader_.number<std::uint64_t>(), 64);
    const auto axes = reader_.number<std::uint32_t>();
    if (axes > 4) reader_.refuse("more than 4 axes");
    for (std::uint32_t axis = 0; axis < axes; ++axis) info.shape.push_back(reader_.number<std::uint64_t>());
    std::reverse(info.shape.begin(), info.shape.end());
    info.type = reader_.number<std::uint32_t>();
    info.offset = reader_.number<std::uint64_t>();
    if (info.offset % alignment_ != 0) reader_.refuse("a tensor that is not aligned");
    return info;
  }

  void add(const TensorInfo& info, std::uint64_t data) {
    const auto type = std::find_if(std::begin(types), std::end(types),
                                   [&](const StoredType& each) { return each.number == info.type; });
    if (type == std::end(types)) return builder_.skip(info.name, "values of type " + std::to_string(info.type));
    const auto shape = checked_shape(input_.where(), info.name, info.shape);
    const auto elements = static_cast<std::uint64_t>(shape->elements());
    const std::uint64_t row = info.shape.empty() ? 1 : info.shape.back();
    if (row % type->block_elements != 0) reader_.refuse("a row that is no whole number of blocks");
    const std::uint64_t bytes = elements / type->block_elements * type->block_bytes;
    std::uint64_t offset = 0;
    if (__builtin_add_overflow(data, info.offset, &offset)) reader_.refuse("a tensor outside the file");
    static_cast<void>(input_.part(offset, bytes));
    if (type->element) return builder_.add(info.name, info.shape, *type->element, input_, offset);
    if (type->number != q4_0 && type->number != q8_0)
      return builder_.skip(info.name, "quantized as " + std::string(type->name));
    builder_.add({.name = info.name,
                  .shape = *shape,
                  .dtype = Dtype::float32,
                  .stored_as = std::string(type->name),
                  .load = [input = input_, offset, number = type->number, shape = *shape] {
                    return dequantize(input, offset, number, shape);
                  }});
  }

  const Input& input_;
  InputReader reader_;
  StoredBuilder builder_;
  std::uint64_t alignment_ = 32;
};

}  // namespace

StoredArchive open_gguf(const Input& input) { return GgufReader(input).read(); }

}  // namespace joist
