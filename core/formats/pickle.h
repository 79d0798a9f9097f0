// Python pickles as PyTorch writes them, read without running anything: 34 opcodes, a closed list of names, and values
// that are only described. Included by .cpp files of core/formats and tests only.
#pragma once

#include <joist/core/formats/elements.h>
#include <joist/core/formats/input.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace joist {

/// What a name of the list stands for. Calling any of them makes a value; none runs code.
enum class PickleGlobal : std::uint8_t {
  ordered_dict,
  default_dict,
  counter,
  set,
  size,
  device,
  dtype,
  layout,
  storage,
  untyped_storage,
  rebuild_tensor,
  rebuild_tensor_v2,
  rebuild_tensor_v3,
  rebuild_parameter,
  rebuild_parameter_with_state,
  rebuild_from_type,
  tensor_type,
  unsupported_tensor,
  script_list,
  script_tag,
  script_class,
  opaque
};

enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  big_integer,
  real,
  text,
  list,
  tuple,
  dict,
  set,
  global,
  record,
  storage,
  tensor,
  unsupported_tensor
};

using PickleRef = std::uint32_t;  ///< index into Pickle::values

/// One value of a pickle. Cycles are possible (a list that holds itself).
struct PickleValue {
  PickleKind kind = PickleKind::none;
  PickleGlobal global = PickleGlobal::opaque;  ///< of `global`
  std::int64_t integer = 0;                    ///< of `boolean` and `integer`; of `tensor` and `storage` an index
  double real = 0;
  std::string text{};              ///< of `text`; qualified name of `global`, `record`, `unsupported_tensor`; digits
  std::vector<PickleRef> items{};  ///< of containers; keys and values in turn of `dict`; attributes of `record`
};

struct PickledStorage {
  std::string key{};
  Element element = Element::uint8;
  bool known = true;  ///< false: elements that no Dtype can hold; `type` names them
  std::size_t element_bytes = 1;
  std::string type{};
  std::uint64_t elements = 0;
  std::uint64_t offset = 0;  ///< of a view into the storage of that key (old files)
};

struct PickledTensor {
  std::size_t storage = 0;  ///< index into Pickle::storages
  std::uint64_t offset = 0;
  std::vector<std::uint64_t> size{}, stride{};
  bool as_other_type = false;  ///< `element` replaces the storage's type (fp8, uint16, … have no storage of their own)
  Element element = Element::uint8;
  std::string obstacle{};  ///< why it cannot be read; "" when it can
};

struct Pickle {
  static constexpr std::size_t most_values = 4'000'000;

  std::vector<PickleValue> values{};
  std::vector<PickledStorage> storages{};
  std::vector<PickledTensor> tensors{};
  PickleRef top = 0;
  std::size_t copied = 0;  ///< references that stand in more than one container, which no byte of the file paid for
};

/// Reads one pickle from `reader` up to its STOP. `script` allows the class names of TorchScript, as plain records.
/// Throws DataError for damage, wrong types of operands, more than 4 million values; UnsupportedError naming the class
/// or function for every name that is not on the list.
Pickle read_pickle(InputReader& reader, bool script);

/// The entry of the list, or nothing.
struct PickleName {
  PickleGlobal global = PickleGlobal::opaque;
  Element element = Element::uint8;  ///< of storages and dtypes
  std::size_t element_bytes = 0;     ///< 0: of `element`; else no Dtype holds it
};
std::optional<PickleName> find_pickle_name(const std::string& module, const std::string& name, bool script);

}  // namespace joist
