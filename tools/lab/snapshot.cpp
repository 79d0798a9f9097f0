#include <joist/core/error.h>
#include <joist/core/formats/input.h>
#include <joist/core/formats/safetensors.h>
#include <joist/core/formats/store.h>
#include <joist/core/kernels.h>
#include <joist/tools/lab/snapshot.h>

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

namespace joist::lab {

std::vector<NamedState> Snapshot::part(const std::string& prefix) const {
  std::vector<NamedState> result;
  for (const NamedState& one : arrays)
    if (one.name.starts_with(prefix + ".")) result.push_back({one.name.substr(prefix.size() + 1), one.array});
  return result;
}

void Snapshot::copy_to(const std::string& name, const Array& array) const {
  for (const NamedState& one : arrays)
    if (one.name == name && one.array.shape() == array.shape() && one.array.dtype() == array.dtype())
      return kernels(array).elementwise.copy(one.array, {array, false});
  throw DataError({.where = "snapshot", .what = "no array " + name + " of shape " + array.shape().text()});
}

double Snapshot::number(const std::string& name) const {
  const auto found = numbers.find(name);
  if (found == numbers.end()) throw DataError({.where = "snapshot", .what = "no number " + name});
  return found->second;
}

void store_snapshot(const std::string& file, const Snapshot& snapshot) {
  Archive archive;
  for (const auto& [name, text] : snapshot.texts) archive.attributes["text." + name] = text;
  for (const auto& [name, value] : snapshot.numbers) archive.attributes["number." + name] = fmt::format("{}", value);
  for (const NamedState& one : snapshot.arrays) archive.arrays.push_back({one.name, one.array});
  store_file(file, safetensors_bytes(archive));
}

std::optional<Snapshot> read_snapshot(const std::string& file) {
  std::error_code none;
  if (!std::filesystem::is_regular_file(file, none)) return {};
  try {
    const StoredArchive archive = open_safetensors(Input::file(file));
    Snapshot snapshot;
    for (const auto& [name, text] : archive.attributes)
      if (name.starts_with("text."))
        snapshot.texts[name.substr(5)] = text;
      else if (name.starts_with("number."))
        snapshot.numbers[name.substr(7)] = std::strtod(text.c_str(), nullptr);
    for (const StoredArray& one : archive.arrays) snapshot.arrays.push_back({one.name, one.load()});
    return snapshot;
  } catch (const DataError&) {  // cut off by a full disk, say: the run begins again
    return {};
  }
}

}  // namespace joist::lab
