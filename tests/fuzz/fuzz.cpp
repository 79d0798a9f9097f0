// Checkpoint formats and the text files of language models: whatever the bytes are, reading them ends in arrays, a
// tokenizer or a configuration, or in an error of the right kind. $JOIST_FUZZ_FORMAT says which; see README.md.
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/keras.h>
#include <joist/data/tokenizer/tokenizer.h>
#include <joist/tests/core/formats/hostile_cases.h>
#include <joist/tools/training/language/pretrained.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace joist {

// HDF5 files are parsed in a process without rights, which is not what is tested here: what they hold comes as
// safetensors.
Archive read_hdf5(const std::string& where, std::vector<std::byte> bytes) {
  return load(open_safetensors(Input::memory(where, std::move(bytes))));
}

namespace {

using Bytes = std::span<const std::byte>;

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// An index of shards: two 16-bit lengths, the index, the shard "a", the shard "b".
StoredArchive open_shards(const Input& input) {
  static const std::filesystem::path folder = [] {
    const std::filesystem::path memory = "/dev/shm";  // three files are written for each input: not to a disk
    const bool usable = std::filesystem::is_directory(memory);
    std::string name = ((usable ? memory : std::filesystem::temp_directory_path()) / "joist_fuzz_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    static const struct Remove {
      std::string name;
      ~Remove() { std::filesystem::remove_all(name); }
    } remove{name};
    return std::filesystem::path(name);
  }();
  InputReader reader(input);
  const std::uint64_t lengths[] = {reader.number<std::uint16_t>(), reader.number<std::uint16_t>(), input.size()};
  const char* names[] = {"index.json", "a", "b"};
  for (int i = 0; i < 3; ++i)
    std::ofstream(folder / names[i], std::ios::binary)
        << reader.text(std::min(lengths[i], reader.left()), input.size());
  return open_safetensors_shards(folder / "index.json");
}

void binary(const test::ByteFormat& format, Bytes bytes) { test::survives(format, {bytes.begin(), bytes.end()}); }

/// A .npy, and what is written of it: the same shape again, alone and in an archive.
StoredArchive open_npy_twice(const Input& input) {
  StoredArchive first = open_npy(input);
  const Archive archive = load(first);
  if (archive.arrays.empty()) return first;
  const StoredArchive again = open_npz(Input::memory("written", npz_bytes(archive)));
  if (again.arrays.at(0).shape != archive.arrays.at(0).array.shape()) std::abort();
  return first;
}

/// What the HDF5 of a Keras file holds, as safetensors; or the .keras file around it.
void keras(Bytes bytes) {
  const Input input = Input::memory("bytes", {bytes.begin(), bytes.end()});
  const Archive archive =
      text_of(bytes).starts_with("PK") ? read_keras_zip(ZipReader(input)) : load(open_safetensors(input));
  static_cast<void>(is_keras(archive));
  const StoredArchive converted = stored(keras_as_torch(archive), "Keras");
  std::set<std::string> half;
  for (std::size_t i = 0; i < converted.arrays.size(); i += 2) half.insert(converted.arrays[i].name);
  for (const NamedArray& each : load(converted, half).arrays) static_cast<void>(row_major_copy(each.array));
}

void tokenizer(Bytes bytes) {
  const std::string text(text_of(bytes));
  const Tokenizer made = Tokenizer::parse(text, "bytes");
  for (const std::string& words :
       {std::string(), std::string("Hello, wörld 12  <s>\n"), std::string("\xff\x00語", 5), text.substr(0, 64)}) {
    const std::vector<std::int64_t> numbers = made.encode(words);
    for (const std::int64_t number : numbers)
      if (number < 0 || number >= made.size()) std::abort();
    static_cast<void>(made.decode(numbers));
  }
  static_cast<void>(made.find(text.substr(0, 3)));
  static_cast<void>(made.decode(std::vector<std::int64_t>{-1, 0, 1, made.size(), INT64_MAX}));
}

void config(Bytes bytes) { static_cast<void>(parse_language_config(std::string(text_of(bytes)), "bytes")); }

const std::string& format() {
  static const std::string name = [] {
    const char* wanted = std::getenv("JOIST_FUZZ_FORMAT");
    return std::string(wanted == nullptr ? "" : wanted);
  }();
  return name;
}

void read(Bytes bytes) {
  if (format() == "tokenizer") return tokenizer(bytes);
  if (format() == "config") return config(bytes);
  if (format() == "keras") return keras(bytes);
  if (format() == "npy") return binary({"npy", open_npy_twice}, bytes);
  if (format() == "shards") return binary({"shards", open_shards}, bytes);
  for (const test::ByteFormat& each : test::byte_formats)
    if (each.name == format()) return binary(each, bytes);
  std::fprintf(stderr, "JOIST_FUZZ_FORMAT names no format\n");
  std::exit(2);
}

}  // namespace
}  // namespace joist

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    joist::read(std::as_bytes(std::span(data, size)));
  } catch (const joist::DataError&) {
  } catch (const joist::UnsupportedError&) {
  }
  return 0;
}
