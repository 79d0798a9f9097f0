#include <joist/core/error.h>
#include <joist/core/formats/stored.h>

#include <memory>

namespace joist {
namespace {

Archive load_those(const StoredArchive& stored, const std::function<bool(const std::string&)>& wanted) {
  Archive archive{.attributes = stored.attributes, .skipped = stored.skipped, .foreign = stored.foreign};
  std::map<std::string, Array> loaded;
  for (const StoredArray& each : stored.arrays) {
    if (!wanted(each.name)) continue;
    const std::string& original = each.tied_to.empty() ? each.name : each.tied_to;
    Array& array = loaded[original];
    if (!array.defined()) array = each.load();
    archive.arrays.push_back({each.name, array});
  }
  return archive;
}

}  // namespace

Archive load(const StoredArchive& stored) {
  return load_those(stored, [](const std::string&) { return true; });
}

Archive load(const StoredArchive& stored, const std::set<std::string>& names) {
  return load_those(stored, [&](const std::string& name) { return names.contains(name); });
}

StoredArchive stored(Archive archive, std::string format) {
  StoredArchive result{.format = std::move(format),
                       .attributes = std::move(archive.attributes),
                       .skipped = std::move(archive.skipped),
                       .foreign = archive.foreign};
  for (auto& [name, array] : archive.arrays) {
    StoredArray entry{.name = name, .shape = array.shape(), .dtype = array.dtype()};
    entry.load = [array = std::move(array)] { return array; };
    result.arrays.push_back(std::move(entry));
  }
  return result;
}

void StoredBuilder::add(const std::string& name, const std::vector<std::uint64_t>& lengths, Element element,
                        const Input& input, std::uint64_t offset, bool big_endian) {
  const auto shape = checked_shape(where_, name, lengths);
  if (!shape) return skip(name, "more than 8 axes");
  static_cast<void>(input.part(offset, static_cast<std::uint64_t>(shape->elements()) * size_of(element)));
  StoredArray entry{.name = name, .shape = *shape, .dtype = dtype_for(element)};
  if (name_of(element) != name_of(entry.dtype)) entry.stored_as = name_of(element);
  entry.load = [input, offset, element, big_endian, shape = *shape] {
    return read_elements(input, offset, element, shape, big_endian);
  };
  add(std::move(entry));
}

void StoredBuilder::add(StoredArray array) {
  if (const std::string why = obstacle_of_name(array.name); !why.empty()) return skip(array.name, "its name " + why);
  if (!names_.insert(array.name).second)
    throw DataError({.where = where_,
                     .what = "two arrays have the name \"" + array.name + "\"",
                     .expected = "each name once",
                     .remedy = "get the file again from where it was made"});
  if (array.tied_to.empty()) {
    const std::uint64_t bytes = static_cast<std::uint64_t>(array.shape.elements()) * size_of(array.dtype);
    if (bytes > left_)
      throw DataError({.where = where_,
                       .what = "claims to hold far more than a file of its size can",
                       .expected = "at most 64 MiB + 32 times its size",
                       .remedy = "it is damaged or made to do harm: get it again from where it was made"});
    left_ -= bytes;
  }
  result_.arrays.push_back(std::move(array));
}

void StoredBuilder::attribute(const std::string& name, std::string text) {
  if (name.empty() || !is_printable(name) || !is_utf8(text) || text.find('\0') != text.npos)
    return skip(name, "text that is not UTF-8");
  result_.attributes[name] = std::move(text);
}

void StoredBuilder::skip(const std::string& name, const std::string& why) {
  result_.skipped.push_back({printable(name), why});
}

}  // namespace joist
