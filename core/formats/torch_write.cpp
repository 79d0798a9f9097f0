#include <joist/core/formats/torch.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <tuple>

namespace joist {
namespace {

std::string_view storage_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32: return "FloatStorage";
    case Dtype::float64: return "DoubleStorage";
    case Dtype::float16: return "HalfStorage";
    case Dtype::bfloat16: return "BFloat16Storage";
    case Dtype::int64: return "LongStorage";
    case Dtype::int32: return "IntStorage";
    case Dtype::int8: return "CharStorage";
    case Dtype::uint8: return "ByteStorage";
    case Dtype::boolean: return "BoolStorage";
  }
  return "";
}

// Protocol 2, only opcodes that torch.load(weights_only=True) knows.
class Pickler {
 public:
  std::string bytes = std::string("\x80\x02", 2);

  void text(std::string_view text) {
    bytes += 'X';
    number(static_cast<std::uint32_t>(text.size()));
    bytes += text;
  }
  void global(std::string_view module, std::string_view name) {
    bytes += 'c';
    bytes.append(module) += '\n';
    bytes.append(name) += '\n';
  }
  void integer(std::int64_t value) {
    if (value >= 0 && value < 256) {
      bytes += 'K';
      bytes += static_cast<char>(value);
    } else if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max()) {
      bytes += 'J';
      number(static_cast<std::int32_t>(value));
    } else {
      bytes += std::string("\x8a\x08", 2);
      number(value);
    }
  }
  void integers(const Shape& values) {
    bytes += '(';
    for (const std::int64_t value : values) integer(value);
    bytes += 't';
  }

 private:
  template <class Number>
  void number(Number value) {
    static_assert(std::endian::native == std::endian::little);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
};

}  // namespace

std::vector<std::byte> torch_zip_bytes(const Archive& archive) {
  require_writable(archive);
  Pickler pickler;
  std::map<std::tuple<const void*, std::vector<std::int64_t>, std::vector<std::int64_t>, Dtype>, std::string> keys;
  std::vector<Array> storages;
  const auto lengths = [](const Shape& shape) { return std::vector<std::int64_t>(shape.begin(), shape.end()); };
  pickler.bytes += "}(";
  for (const auto& [name, array] : archive.arrays) {
    const auto [place, fresh] =
        keys.emplace(std::tuple(array.elements() > 0 ? array.raw() : nullptr, lengths(array.shape()),
                                lengths(array.strides()), array.dtype()),
                     std::to_string(storages.size()));
    if (fresh) storages.push_back(row_major_copy(array));
    pickler.text(name);
    pickler.global("torch._utils", "_rebuild_tensor_v2");
    pickler.bytes += "((";
    pickler.text("storage");
    pickler.global("torch", storage_name(array.dtype()));
    pickler.text(place->second);
    pickler.text("cpu");
    pickler.integer(array.elements());
    pickler.bytes += "tQ";
    pickler.integer(0);
    pickler.integers(array.shape());
    pickler.integers(row_major(array.shape()));
    pickler.bytes += '\x89';
    pickler.global("collections", "OrderedDict");
    pickler.bytes += ")RtR";
  }
  pickler.bytes += "u.";
  ZipWriter zip(64);
  zip.add("archive/data.pkl", pickler.bytes);
  zip.add("archive/byteorder", "little");
  for (std::size_t i = 0; i < storages.size(); ++i)
    zip.add("archive/data/" + std::to_string(i),
            std::span(static_cast<const std::byte*>(storages[i].raw()), storages[i].bytes()));
  zip.add("archive/version", "3\n");
  return zip.finish();
}

}  // namespace joist
