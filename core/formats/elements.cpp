#include <joist/core/error.h>
#include <joist/core/formats/elements.h>
#include <joist/core/text.h>

#include <algorithm>
#include <array>

namespace joist {
namespace {

struct ElementFacts {
  std::string_view name;
  std::size_t bytes;
  Dtype dtype;
};

constexpr std::array<ElementFacts, 13> facts = {{{"float32", 4, Dtype::float32},
                                                 {"float64", 8, Dtype::float64},
                                                 {"float16", 2, Dtype::float16},
                                                 {"bfloat16", 2, Dtype::bfloat16},
                                                 {"int64", 8, Dtype::int64},
                                                 {"int32", 4, Dtype::int32},
                                                 {"int8", 1, Dtype::int8},
                                                 {"uint8", 1, Dtype::uint8},
                                                 {"bool", 1, Dtype::boolean},
                                                 {"int16", 2, Dtype::int32},
                                                 {"uint16", 2, Dtype::int32},
                                                 {"uint32", 4, Dtype::int64},
                                                 {"uint64", 8, Dtype::int64}}};

const ElementFacts& facts_of(Element element) { return facts[static_cast<std::size_t>(element)]; }

void swap_bytes(std::span<std::byte> bytes, std::size_t width) {
  for (std::size_t i = 0; i + width <= bytes.size(); i += width)
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
}

// The elements lie packed at the end of the wide array's memory and are widened from front to back.
template <class Narrow, class Wide>
void widen(std::span<std::byte> memory, std::size_t count) {
  const std::byte* from = memory.data() + memory.size() - count * sizeof(Narrow);
  for (std::size_t i = 0; i < count; ++i) {
    Narrow narrow;
    std::memcpy(&narrow, from + i * sizeof(Narrow), sizeof narrow);
    const Wide wide = narrow;
    std::memcpy(memory.data() + i * sizeof(Wide), &wide, sizeof wide);
  }
}

void require_signed(const std::string& where, std::span<const std::byte> memory) {
  for (std::size_t i = 7; i < memory.size(); i += 8)
    if ((memory[i] & std::byte{0x80}) != std::byte{0})
      throw DataError({.where = where,
                       .what = "holds an unsigned 64-bit number above 2^63 - 1",
                       .expected = "numbers that int64 can hold"});
}

}  // namespace

std::size_t size_of(Element element) noexcept { return facts_of(element).bytes; }
std::string_view name_of(Element element) noexcept { return facts_of(element).name; }
Dtype dtype_for(Element element) noexcept { return facts_of(element).dtype; }

std::optional<Shape> checked_shape(const std::string& where, const std::string& name,
                                   const std::vector<std::uint64_t>& lengths) {
  constexpr std::int64_t most = std::int64_t{1} << 59;  // times 8 bytes fits 63 bits
  std::int64_t bound = 1;                               // counts an empty axis as 1: strides are products of the others
  for (const std::uint64_t length : lengths) {
    const auto signed_length = static_cast<std::int64_t>(length);
    if (signed_length < 0 || __builtin_mul_overflow(bound, std::max<std::int64_t>(signed_length, 1), &bound) ||
        bound > most)
      throw DataError({.where = where,
                       .what = "\"" + printable(name) + "\" has an impossible shape",
                       .expected = "a sound file",
                       .remedy = "get it again from where it was made"});
  }
  if (lengths.size() > static_cast<std::size_t>(Shape::max_rank)) return {};
  Shape shape = Shape::filled(static_cast<int>(lengths.size()), 0);
  for (std::size_t axis = 0; axis < lengths.size(); ++axis)
    shape[static_cast<int>(axis)] = static_cast<std::int64_t>(lengths[axis]);
  return shape;
}

Array read_elements(const Input& input, std::uint64_t offset, Element element, const Shape& shape, bool big_endian) {
  const auto count = static_cast<std::uint64_t>(shape.elements());
  const std::uint64_t bytes = count * size_of(element);
  static_cast<void>(input.part(offset, bytes));  // before memory is taken
  Array array = Array::empty(shape, dtype_for(element));
  const std::span memory(static_cast<std::byte*>(array.raw()), array.bytes());
  const std::span packed = memory.last(static_cast<std::size_t>(bytes));
  input.read(offset, packed);
  if (big_endian) swap_bytes(packed, size_of(element));
  switch (element) {
    case Element::boolean:  // any other value in a bool is undefined behaviour
      for (std::byte& value : memory) value = std::byte{value != std::byte{0}};
      break;
    case Element::int16: widen<std::int16_t, std::int32_t>(memory, static_cast<std::size_t>(count)); break;
    case Element::uint16: widen<std::uint16_t, std::int32_t>(memory, static_cast<std::size_t>(count)); break;
    case Element::uint32: widen<std::uint32_t, std::int64_t>(memory, static_cast<std::size_t>(count)); break;
    case Element::uint64: require_signed(input.where(), memory); break;
    default: break;
  }
  return array;
}

}  // namespace joist
