#include <joist/core/error.h>
#include <joist/core/formats/torch.h>
#include <joist/core/formats/torch_tensors.h>
#include <joist/core/text.h>

#include <algorithm>
#include <map>

namespace joist {
namespace {

constexpr std::uint64_t most_pickle = 64 << 20;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw DataError({.where = where,
                   .what = what,
                   .expected = "a checkpoint as torch.save writes it",
                   .remedy = "it is cut off, damaged or made to do harm: get it again from where it was made"});
}

std::string text_of(const ZipReader& zip, const std::string& name) {
  const Input input = zip.open(name);
  return InputReader(input).text(input.size(), 64);
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

void require_known_version(const ZipReader& zip, const std::string& name) {
  if (!zip.has(name)) return;
  const std::string version = trimmed(text_of(zip, name));
  if (version.empty() || version.size() > 2 || version.find_first_not_of("0123456789") != version.npos ||
      std::stoi(version) < 1 || std::stoi(version) > 10)
    throw UnsupportedError({.where = zip.where(),
                            .what = "version \"" + printable(version) + "\" of PyTorch's archives",
                            .expected = "1 to 10"});
}

// Errors of the unpickler name the file.
Pickle unpickle(const std::string& where, InputReader& reader, bool script) try {
  return read_pickle(reader, script);
} catch (const UnsupportedError& error) {
  Fault fault = error.fault();
  fault.where = where;
  throw UnsupportedError(std::move(fault));
}

}  // namespace

StoredArchive open_torch_zip(const ZipReader& zip) {
  const std::string& where = zip.where();
  std::string root;
  for (const std::string& name : zip.names())
    if (name.ends_with("/data.pkl") && name.find('/') == name.size() - 9) root = name.substr(0, name.size() - 8);
  if (root.empty()) refuse(where, "has no data.pkl and so is no checkpoint of PyTorch");
  require_known_version(zip, root + "version");
  bool big_endian = false;
  if (zip.has(root + "byteorder")) {
    const std::string order = trimmed(text_of(zip, root + "byteorder"));
    if (order != "little" && order != "big") refuse(where, "has a byte order that is neither little nor big");
    big_endian = order == "big";
  }
  const bool script = zip.has(root + "constants.pkl");
  const Input data = zip.open(root + "data.pkl");
  if (data.size() > most_pickle) refuse(where, "its data.pkl is larger than 64 MiB");
  InputReader reader(data);
  const Pickle pickle = unpickle(where, reader, script);
  StoredBuilder builder(where, script ? "TorchScript" : "PyTorch zip", zip.size());
  std::map<std::string, Input> opened;
  const FindStorage find = [&](const PickledStorage& storage) {
    const auto found = opened.find(storage.key);
    if (found != opened.end()) return found->second;
    return opened.emplace(storage.key, zip.open(root + "data/" + storage.key)).first->second;
  };
  add_tensors(builder, where, pickle, find, big_endian, script ? '.' : '/');
  return builder.finish();
}

StoredArchive open_torch_legacy(const Input& input) {
  const std::string& where = input.where();
  InputReader reader(input);
  const auto next = [&] { return unpickle(where, reader, false); };
  const auto top = [](const Pickle& pickle) -> const PickleValue& { return pickle.values[pickle.top]; };
  const Pickle magic = next();
  if (top(magic).kind != PickleKind::big_integer || top(magic).text != "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")
    refuse(where, "is a pickle, but not one of torch.save");
  const Pickle version = next();
  if (top(version).kind != PickleKind::integer || top(version).integer != 1001)
    throw UnsupportedError(
        {.where = where, .what = "another version of PyTorch's streams", .expected = "version 1001"});
  const Pickle system = next();
  bool big_endian = false;
  const auto& facts = top(system).items;
  for (std::size_t i = 0; i + 1 < facts.size(); i += 2)
    if (system.values[facts[i]].text == "little_endian") big_endian = system.values[facts[i + 1]].integer == 0;
  const Pickle object = next();
  const Pickle keys = next();
  if (top(keys).kind != PickleKind::list) refuse(where, "has no list of storages");

  // The elements follow in the order of that list; their type stands in the object.
  std::map<std::string, const PickledStorage*> described;
  for (const PickledStorage& storage : object.storages) described.emplace(storage.key, &storage);
  std::map<std::string, Input> storages;
  for (const PickleRef ref : top(keys).items) {
    const std::string& key = keys.values[ref].text;
    const auto found = described.find(key);
    if (keys.values[ref].kind != PickleKind::text || found == described.end())
      refuse(where, "lists a storage that no tensor has");
    const auto elements = reader.number<std::uint64_t>(big_endian);
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(elements, std::uint64_t{found->second->element_bytes}, &bytes) || bytes > reader.left())
      refuse(where, "ends inside a storage");
    if (!storages.emplace(key, input.part(reader.position(), bytes)).second) refuse(where, "lists a storage twice");
    reader.skip(bytes);
  }
  if (reader.left() != 0) refuse(where, "goes on after its last storage");
  StoredBuilder builder(where, "PyTorch before 1.6", input.size());
  const FindStorage find = [&](const PickledStorage& storage) {
    const auto found = storages.find(storage.key);
    if (found == storages.end()) refuse(where, "lacks a storage");
    return found->second;
  };
  add_tensors(builder, where, object, find, big_endian, '/');
  return builder.finish();
}

}  // namespace joist
