#include <joist/core/dtype.h>
#include <joist/core/error.h>

#include <array>

namespace joist {
namespace {

struct Entry {
  Dtype dtype;
  std::size_t bytes;
  std::string_view name;
};

constexpr std::array<Entry, 9> entries{{{Dtype::float32, 4, "float32"},
                                        {Dtype::float64, 8, "float64"},
                                        {Dtype::float16, 2, "float16"},
                                        {Dtype::bfloat16, 2, "bfloat16"},
                                        {Dtype::int64, 8, "int64"},
                                        {Dtype::int32, 4, "int32"},
                                        {Dtype::int8, 1, "int8"},
                                        {Dtype::uint8, 1, "uint8"},
                                        {Dtype::boolean, 1, "bool"}}};

}  // namespace

std::size_t size_of(Dtype dtype) noexcept { return entries[static_cast<std::size_t>(dtype)].bytes; }

std::string_view name_of(Dtype dtype) noexcept { return entries[static_cast<std::size_t>(dtype)].name; }

Dtype promoted(Dtype a, Dtype b) noexcept {
  if (a == b) return a;
  const auto category = [](Dtype dtype) { return is_floating(dtype) ? 2 : dtype == Dtype::boolean ? 0 : 1; };
  if (category(a) != category(b)) return category(a) > category(b) ? a : b;
  if (is_half(a) && is_half(b)) return Dtype::float32;
  if (size_of(a) == size_of(b)) return Dtype::int32;  // int8 and uint8
  return size_of(a) > size_of(b) ? a : b;
}

Dtype dtype_named(std::string_view name) {
  for (const Entry& entry : entries)
    if (entry.name == name) return entry.dtype;
  throw DataError({.what = "unknown element type \"" + std::string(name) + "\"",
                   .expected = "float32, float64, float16, bfloat16, int64, int32, int8, uint8 or bool"});
}

}  // namespace joist
