#include <joist/core/formats/archive.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace joist {
namespace {

// Copies along the last axis; the other axes are walked by an index. `Element` stands for any type of its size.
template <class Element>
void gather(const Array& from, Array& to) {
  const auto* source = static_cast<const Element*>(from.raw());
  auto* target = static_cast<Element*>(to.raw());
  const int last = from.rank() - 1;
  const std::int64_t length = from.shape(last);
  const std::int64_t step = from.strides()[last];
  for_each_index(from.shape().without(last), [&](const Shape& index) {
    const Element* row = source + offset_of(index, from.strides());
    for (std::int64_t i = 0; i < length; ++i) *target++ = row[i * step];
  });
}

[[noreturn]] void refuse(const std::string& name, std::string what) {
  throw InternalError({.where = "\"" + printable(name) + "\"", .what = std::move(what)});
}

}  // namespace

const Array* Archive::find(std::string_view name) const noexcept {
  const auto found =
      std::find_if(arrays.begin(), arrays.end(), [&](const NamedArray& each) { return each.name == name; });
  return found == arrays.end() ? nullptr : &found->array;
}

std::string obstacle_of_name(const std::string& name) {
  if (!is_printable(name)) return "is not UTF-8 text without control characters";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = std::string_view(name).substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return "has an empty, \".\" or \"..\" part between its slashes";
    begin = end + 1;
  }
  return {};
}

void require_writable(const Archive& archive) {
  std::set<std::string_view> names;
  for (const auto& [name, array] : archive.arrays) {
    if (const std::string why = obstacle_of_name(name); !why.empty()) refuse(name, "the name of an array " + why);
    if (!array.defined()) refuse(name, "the array has no memory");
    if (!array.device().on_host()) refuse(name, "the array is not in host memory");
    if (!names.insert(name).second) refuse(name, "two arrays have this name");
  }
  for (const std::string_view name : names)
    for (std::size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1))
      if (names.contains(name.substr(0, slash)))
        refuse(std::string(name.substr(0, slash)),
               "the name of an array is also the group of \"" + std::string(name) + "\"");
  for (const auto& [name, value] : archive.attributes) {
    if (name.empty() || !is_printable(name)) refuse(name, "the name of an attribute is empty or not UTF-8 text");
    if (!is_utf8(value) || value.find('\0') != value.npos) refuse(name, "the attribute is not UTF-8 text without NUL");
  }
}

Array row_major_copy(const Array& array) {
  if (array.is_row_major()) return array;
  Array copy = Array::empty(array.shape(), array.dtype());
  if (copy.elements() == 0) return copy;
  switch (size_of(array.dtype())) {
    case 1: gather<std::uint8_t>(array, copy); break;
    case 2: gather<std::uint16_t>(array, copy); break;
    case 4: gather<std::uint32_t>(array, copy); break;
    default: gather<std::uint64_t>(array, copy); break;
  }
  return copy;
}

}  // namespace joist
