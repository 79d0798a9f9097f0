#include <joist/core/error.h>
#include <joist/core/formats/torch_tensors.h>
#include <joist/core/text.h>

#include <algorithm>
#include <map>

namespace joist {
namespace {

using Kind = PickleKind;

class Walk {
 public:
  Walk(StoredBuilder& builder, const std::string& where, const Pickle& pickle, const FindStorage& find, bool big_endian,
       char separator)
      : builder_(builder),
        where_(where),
        pickle_(pickle),
        find_(find),
        big_endian_(big_endian),
        separator_(separator) {}

  void visit(PickleRef ref, const std::string& path, int depth) {
    if (++visited_ > Pickle::most_values || depth > deepest)
      refuse("values nested more than 64 deep, or shared so often that there would be millions");
    const PickleValue& value = pickle_.values[ref];
    const auto below = [&](const std::string& part) { return path.empty() ? part : path + separator_ + part; };
    switch (value.kind) {
      case Kind::dict:
      case Kind::record:
        if (value.kind == Kind::record && !value.text.empty() && value.text != "argparse.Namespace")
          return builder_.skip(path, "a value of " + value.text);
        for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
          const PickleValue& key = pickle_.values[value.items[i]];
          if (key.kind == Kind::text) {
            visit(value.items[i + 1], below(key.text), depth + 1);
          } else if (key.kind == Kind::integer) {
            visit(value.items[i + 1], below(std::to_string(key.integer)), depth + 1);
          } else {
            builder_.skip(path, "a value whose key is neither text nor number");
          }
        }
        return;
      case Kind::list:
      case Kind::tuple:
        for (std::size_t i = 0; i < value.items.size(); ++i) visit(value.items[i], below(std::to_string(i)), depth + 1);
        return;
      case Kind::tensor: return add(path, pickle_.tensors[static_cast<std::size_t>(value.integer)]);
      case Kind::unsupported_tensor: return builder_.skip(path, "a tensor made by " + value.text);
      case Kind::text: return attribute(path, value.text);
      case Kind::integer: return attribute(path, std::to_string(value.integer));
      case Kind::real: return attribute(path, number_text(value.real));
      case Kind::boolean: return attribute(path, value.integer != 0 ? "True" : "False");
      case Kind::global: return attribute(path, value.text);
      case Kind::storage: return builder_.skip(path, "a storage without a tensor");
      case Kind::none:
      case Kind::set:
      case Kind::big_integer: return;
    }
  }

 private:
  static constexpr int deepest = 64;

  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError({.where = where_,
                     .what = what,
                     .expected = "a checkpoint as torch.save writes it",
                     .remedy = "it is damaged or made to do harm: get it again from where it was made"});
  }

  static std::string number_text(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", number);
    return text;
  }

  // A training checkpoint has thousands of small values: what a few say is enough.
  void attribute(const std::string& path, const std::string& text) {
    if (!path.empty() && ++attributes_ <= 1000) builder_.attribute(path, text);
  }

  void add(const std::string& name, const PickledTensor& tensor) {
    const std::string path = name.empty() ? "tensor" : name;
    const std::string shown = "\"" + printable(path) + "\"";
    const PickledStorage& storage = pickle_.storages[tensor.storage];
    const Input bytes = find_(storage);
    std::uint64_t storage_bytes = 0;
    if (__builtin_mul_overflow(storage.elements, std::uint64_t{storage.element_bytes}, &storage_bytes) ||
        storage_bytes != bytes.size())
      refuse("the storage of " + shown + " says it has " + std::to_string(storage.elements) + " elements and holds " +
             std::to_string(bytes.size()) + " bytes");
    if (!tensor.obstacle.empty()) return builder_.skip(path, tensor.obstacle);
    const Element element = tensor.as_other_type ? tensor.element : storage.element;
    const auto shape = checked_shape(where_, path, tensor.size);
    if (!shape) return builder_.skip(path, "more than 8 axes");

    // The elements that the view spans: [first, first + span).
    std::uint64_t first = 0, span = shape->elements() == 0 ? 0 : 1;
    bool fits = !__builtin_add_overflow(tensor.offset, storage.offset, &first);
    Strides strides = row_major(*shape);
    for (std::size_t axis = 0; axis < tensor.size.size() && span > 0; ++axis) {
      std::uint64_t reach = 0;
      fits = fits && tensor.stride[axis] <= (std::uint64_t{1} << 59U) &&
             !__builtin_mul_overflow(tensor.size[axis] - 1, tensor.stride[axis], &reach) &&
             !__builtin_add_overflow(span, reach, &span);
      strides[static_cast<int>(axis)] = static_cast<std::int64_t>(tensor.stride[axis]);
    }
    const std::uint64_t elements = bytes.size() / size_of(element);
    if (!fits || first > elements || span > elements - first)
      refuse("the view " + shown + " reaches outside its storage");
    // A view that repeats elements is a small file's way to claim much memory.
    if (static_cast<std::uint64_t>(shape->elements()) / 64 > span)
      return builder_.skip(path, "a view that repeats its elements more than 64 times");

    StoredArray entry{.name = path, .shape = *shape, .dtype = dtype_for(element)};
    if (name_of(element) != name_of(entry.dtype)) entry.stored_as = name_of(element);
    const auto identity = std::tuple(storage.key, first, tensor.size, tensor.stride, element);
    if (const auto [found, fresh] = seen_.emplace(identity, path); !fresh) entry.tied_to = found->second;
    const std::uint64_t offset = first * size_of(element);
    entry.load = [bytes, offset, element, strides, shape = *shape, span, big_endian = big_endian_] {
      if (span == 0) return Array::empty(shape, dtype_for(element));
      const Array flat = read_elements(bytes, offset, element, Shape{static_cast<std::int64_t>(span)}, big_endian);
      const Array view = flat.strided(shape, strides);
      return view.is_dense() ? view : row_major_copy(view);
    };
    builder_.add(std::move(entry));
  }

  StoredBuilder& builder_;
  const std::string& where_;
  const Pickle& pickle_;
  const FindStorage& find_;
  bool big_endian_;
  char separator_;
  std::size_t visited_ = 0, attributes_ = 0;
  std::map<std::tuple<std::string, std::uint64_t, std::vector<std::uint64_t>, std::vector<std::uint64_t>, Element>,
           std::string>
      seen_{};
};

}  // namespace

void add_tensors(StoredBuilder& builder, const std::string& where, const Pickle& pickle, const FindStorage& find,
                 bool big_endian, char separator) {
  Walk(builder, where, pickle, find, big_endian, separator).visit(pickle.top, {}, 0);
}

}  // namespace joist
