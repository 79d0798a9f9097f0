#include <joist/core/error.h>
#include <joist/core/formats/json_strict.h>
#include <joist/core/formats/safetensors.h>

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

struct StoredType {
  std::string_view name;
  unsigned bits;
  std::optional<Element> element;
};

constexpr StoredType types[] = {{"F32", 32, Element::float32},
                                {"F64", 64, Element::float64},
                                {"F16", 16, Element::float16},
                                {"BF16", 16, Element::bfloat16},
                                {"I64", 64, Element::int64},
                                {"I32", 32, Element::int32},
                                {"I16", 16, Element::int16},
                                {"I8", 8, Element::int8},
                                {"U8", 8, Element::uint8},
                                {"U16", 16, Element::uint16},
                                {"U32", 32, Element::uint32},
                                {"U64", 64, Element::uint64},
                                {"BOOL", 8, Element::boolean},
                                {"F8_E5M2", 8, {}},
                                {"F8_E4M3", 8, {}},
                                {"F8_E8M0", 8, {}},
                                {"F8_E4M3FNUZ", 8, {}},
                                {"F8_E5M2FNUZ", 8, {}},
                                {"F4", 4, {}},
                                {"F6_E2M3", 6, {}},
                                {"F6_E3M2", 6, {}},
                                {"C64", 64, {}}};

struct Entry {
  std::string name;
  const StoredType* type;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin, end;
};

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw DataError({.where = where,
                   .what = what,
                   .expected = "a sound safetensors file",
                   .remedy = "it is cut off, damaged or made to do harm: get it again from where it was made"});
}

std::uint64_t natural(const std::string& where, const nlohmann::json& value) {
  if (!value.is_number_unsigned()) refuse(where, "has a length or offset that is no natural number");
  return value.get<std::uint64_t>();
}

Entry entry_of(const std::string& where, const std::string& name, const nlohmann::json& value) {
  const std::string shown = "\"" + printable(name) + "\"";
  if (name.find('\0') != name.npos) refuse(where, shown + ": a NUL in a name");
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets") || !value["dtype"].is_string() || !value["shape"].is_array() ||
      !value["data_offsets"].is_array() || value["data_offsets"].size() != 2)
    refuse(where, shown + " is not described by dtype, shape and data_offsets");
  const std::string dtype = value["dtype"].get<std::string>();
  const auto type =
      std::find_if(std::begin(types), std::end(types), [&](const auto& each) { return each.name == dtype; });
  if (type == std::end(types)) refuse(where, shown + " has the unknown type \"" + printable(dtype) + "\"");
  Entry entry{name, type, {}, natural(where, value["data_offsets"][0]), natural(where, value["data_offsets"][1])};
  std::uint64_t bits = type->bits;
  bool fits = true;
  for (const auto& length : value["shape"]) {
    entry.shape.push_back(natural(where, length));
    fits = fits && !__builtin_mul_overflow(bits, entry.shape.back(), &bits);
  }
  if (!fits) refuse(where, shown + " has an impossible shape");
  if (bits % 8 != 0 || entry.end < entry.begin || entry.end - entry.begin != bits / 8)
    refuse(where, "the data of " + shown + " does not fit its shape");
  return entry;
}

}  // namespace

StoredArchive open_safetensors(const Input& input) {
  const std::string& where = input.where();
  constexpr std::uint64_t most_header = 100'000'000;  // of the reference reader
  InputReader reader(input);
  if (input.size() < 8) refuse(where, "is too short");
  const auto header_bytes = reader.number<std::uint64_t>();
  if (header_bytes > most_header) refuse(where, "its header claims to be longer than 100 MB");
  if (header_bytes > reader.left()) refuse(where, "ends inside its header");
  const auto header = parse_json_object<nlohmann::json>(where, reader.text(header_bytes, most_header));

  StoredBuilder builder(where, "safetensors", input.size());
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(entry_of(where, name, value));
      continue;
    }
    if (!value.is_object()) refuse(where, "its __metadata__ is no object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) refuse(where, "its __metadata__ holds something else than text");
      builder.attribute(key, text.get<std::string>());
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  const std::uint64_t data = 8 + header_bytes;
  std::uint64_t position = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != position)
      refuse(where, "\"" + printable(entry.name) + "\" leaves a gap or overlaps another array");
    position = entry.end;
  }
  if (position != input.size() - data) refuse(where, "its arrays do not end where the file ends");
  for (const Entry& entry : entries) {
    if (entry.type->element) {
      builder.add(entry.name, entry.shape, *entry.type->element, input, data + entry.begin);
    } else {
      builder.skip(entry.name, "values of type " + std::string(entry.type->name));
    }
  }
  return builder.finish();
}

StoredArchive open_safetensors_shards(const std::filesystem::path& index) {
  const std::string where = index.string();
  const Input input = Input::file(index);
  constexpr std::uint64_t most = 100'000'000;
  const auto json = parse_json_object<nlohmann::json>(where, InputReader(input).text(input.size(), most));
  if (!json.contains("weight_map") || !json["weight_map"].is_object())
    refuse(where, "has no weight_map and so is no index of safetensors files");
  std::map<std::string, std::set<std::string>> files;
  for (const auto& [name, file] : json["weight_map"].items()) {
    if (!file.is_string()) refuse(where, "names something else than files");
    const std::string text = file.get<std::string>();
    if (text.find('/') != text.npos)
      refuse(where, "names \"" + printable(text) + "\", which is no plain file name beside it");
    files[text].insert(name);
  }
  StoredArchive all{.format = "safetensors, " + std::to_string(files.size()) + " files"};
  for (const auto& [file, names] : files) {
    StoredArchive shard = open_safetensors(Input::beneath(index.parent_path(), file));
    for (const std::string& name : names) {
      const auto has = [&](const auto& list) {
        return std::any_of(list.begin(), list.end(), [&](const auto& each) { return each.name == name; });
      };
      if (!has(shard.arrays) && !has(shard.skipped))
        refuse(where, "\"" + printable(name) + "\" is not in " + printable(file) + ", where it should be");
    }
    for (StoredArray& array : shard.arrays) {
      if (!names.contains(array.name))
        refuse(where, printable(file) + " holds \"" + array.name + "\", which is not said to be there");
      all.arrays.push_back(std::move(array));
    }
    all.attributes.merge(shard.attributes);
    all.skipped.insert(all.skipped.end(), shard.skipped.begin(), shard.skipped.end());
  }
  return all;
}

}  // namespace joist
