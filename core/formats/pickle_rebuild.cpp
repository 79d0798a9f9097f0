#include <joist/core/formats/pickle_rebuild.h>
#include <joist/core/text.h>

#include <algorithm>

namespace joist {
namespace {

using Kind = PickleKind;

class Rebuilder {
 public:
  Rebuilder(Pickle& pickle, const std::vector<PickleRef>& arguments, const InputReader& reader)
      : pickle_(pickle), arguments_(arguments), reader_(reader) {}

  std::size_t count() const { return arguments_.size(); }
  void require(bool right, const char* what) const {
    if (!right) reader_.refuse(std::string("a damaged pickle: ") + what);
  }
  const PickleValue& argument(std::size_t i) const {
    require(i < arguments_.size(), "too few arguments");
    return pickle_.values[arguments_[i]];
  }

  // _rebuild_tensor, _v2 and _v3 share their first four arguments.
  void tensor(PickleRef result, PickleGlobal function) const {
    const bool first = function == PickleGlobal::rebuild_tensor, third = function == PickleGlobal::rebuild_tensor_v3;
    const std::size_t least = first ? 4 : third ? 7 : 6;
    require(count() >= least && count() <= least + (first ? 0 : 1), "arguments of a tensor");
    require(pickle_.tensors.size() < most_tensors, "more than 250 thousand tensors");
    require(argument(0).kind == Kind::storage, "a tensor without a storage");
    PickledTensor made;
    made.storage = static_cast<std::size_t>(argument(0).integer);
    made.offset = natural(argument(1));
    made.size = naturals(argument(2));
    made.stride = naturals(argument(3));
    require(made.size.size() == made.stride.size(), "a tensor with another number of strides than axes");
    const PickledStorage& storage = pickle_.storages[made.storage];
    if (!storage.known) made.obstacle = "values of type " + storage.type;
    if (third) {
      const PickleValue& type = argument(6);
      require(type.kind == Kind::global && type.global == PickleGlobal::dtype, "a tensor without a type");
      const PickleName name = name_of_global(type);
      made.as_other_type = true;
      made.element = name.element;
      made.obstacle = name.element_bytes != 0 ? "values of type " + type.text : "";
    }
    if (count() > least) {
      const PickleValue& metadata = argument(least);
      require((metadata.kind == Kind::dict || metadata.kind == Kind::none) && metadata.items.size() <= 64,
              "a tensor's metadata");
      for (std::size_t i = 0; i + 1 < metadata.items.size(); i += 2)
        if (const PickleValue& flag = pickle_.values[metadata.items[i + 1]]; flag.integer != 0)
          made.obstacle = "a lazily negated or conjugated tensor";
    }
    pickle_.tensors.push_back(std::move(made));
    set(result, Kind::tensor, pickle_.tensors.size() - 1);
  }

  // Wrappers whose value is that of their first argument.
  PickleRef same() const {
    const Kind kind = argument(0).kind;
    require(kind == Kind::tensor || kind == Kind::unsupported_tensor || kind == Kind::list || kind == Kind::tuple ||
                kind == Kind::dict,
            "a wrapper around nothing");
    return arguments_[0];
  }

  PickleRef from_type(PickleRef result) const {  // (function, type, its arguments, state)
    require(count() == 4 && argument(0).kind == Kind::global && argument(2).kind == Kind::tuple,
            "arguments of a tensor");
    require(argument(1).kind == Kind::global && argument(1).global == PickleGlobal::tensor_type,
            "a strange tensor type");
    switch (argument(0).global) {
      case PickleGlobal::rebuild_tensor:
      case PickleGlobal::rebuild_tensor_v2:
      case PickleGlobal::rebuild_tensor_v3:
      case PickleGlobal::rebuild_parameter:
      case PickleGlobal::unsupported_tensor: return rebuild(pickle_, arguments_[0], arguments_[2], result, reader_);
      default: reader_.refuse("a damaged pickle: a tensor made by a strange function");
    }
  }

  void ordered_dict(PickleRef result) const {  // (), or a list of pairs
    require(count() <= 1, "arguments of a dict");
    std::vector<PickleRef> items;
    if (count() == 1) {
      require(argument(0).kind == Kind::list || argument(0).kind == Kind::dict, "arguments of a dict");
      pickle_.copied += argument(0).items.size();
      require(pickle_.copied <= Pickle::most_values, "more than 4 million values");
      if (argument(0).kind == Kind::dict) {
        items = argument(0).items;
      } else {
        for (const PickleRef ref : argument(0).items) {
          const PickleValue& pair = pickle_.values[ref];
          require((pair.kind == Kind::list || pair.kind == Kind::tuple) && pair.items.size() == 2,
                  "a dict without pairs");
          items.insert(items.end(), pair.items.begin(), pair.items.end());
        }
      }
    }
    set(result, Kind::dict, 0);
    pickle_.values[result].items = std::move(items);
  }

  void text(PickleRef result) const {  // torch.device('cuda', 0)
    require(count() >= 1 && argument(0).kind == Kind::text && argument(0).text.size() < 256, "a device without a name");
    std::string name = argument(0).text;
    if (count() > 1 && argument(1).kind == Kind::integer) name += ":" + std::to_string(argument(1).integer);
    set(result, Kind::text, 0);
    pickle_.values[result].text = std::move(name);
  }

  void set(PickleRef result, Kind kind, std::size_t number) const {
    pickle_.values[result].kind = kind;
    pickle_.values[result].integer = static_cast<std::int64_t>(number);
  }

  std::uint64_t natural(const PickleValue& value) const {
    require(value.kind == Kind::integer && value.integer >= 0, "a length or offset that is no natural number");
    return static_cast<std::uint64_t>(value.integer);
  }
  std::vector<std::uint64_t> naturals(const PickleValue& value) const {
    require((value.kind == Kind::tuple || value.kind == Kind::list) && value.items.size() <= 64, "a shape");
    std::vector<std::uint64_t> numbers;
    for (const PickleRef ref : value.items) numbers.push_back(natural(pickle_.values[ref]));
    return numbers;
  }

  static PickleName name_of_global(const PickleValue& value) {
    const std::size_t dot = value.text.rfind('.');
    return find_pickle_name(value.text.substr(0, dot), value.text.substr(dot + 1), false).value_or(PickleName{});
  }

 private:
  static constexpr std::size_t most_tensors = 250'000;

  Pickle& pickle_;
  const std::vector<PickleRef> arguments_;  // a copy: the values move when more are made
  const InputReader& reader_;
};

}  // namespace

PickledStorage storage_of(const Pickle& pickle, PickleRef id, const InputReader& reader) {
  const PickleValue& tuple = pickle.values[id];
  const auto refuse = [&](const char* what) { reader.refuse(std::string("a damaged pickle: ") + what); };
  const auto item = [&](std::size_t i) -> const PickleValue& { return pickle.values[tuple.items[i]]; };
  if (tuple.kind != Kind::tuple || tuple.items.size() < 5 || tuple.items.size() > 6 || item(0).kind != Kind::text)
    refuse("a storage without a description");
  if (item(0).text != "storage") refuse("a whole module, not only its weights");
  const PickleValue &type = item(1), &key = item(2), &elements = item(4);
  if (type.kind != Kind::global ||
      (type.global != PickleGlobal::storage && type.global != PickleGlobal::untyped_storage) ||
      key.kind != Kind::text || key.text.size() > 255 || elements.kind != Kind::integer || elements.integer < 0)
    refuse("a storage with a strange description");
  const PickleName name = Rebuilder::name_of_global(type);
  PickledStorage storage{.key = key.text,
                         .element = name.element,
                         .known = name.element_bytes == 0,
                         .element_bytes = name.element_bytes == 0 ? size_of(name.element) : name.element_bytes,
                         .type = type.text,
                         .elements = static_cast<std::uint64_t>(elements.integer)};
  if (tuple.items.size() == 6 && item(5).kind != Kind::none) {  // (view key, offset, size)
    const PickleValue& view = item(5);
    if (view.kind != Kind::tuple || view.items.size() != 3) refuse("a storage with a strange view");
    const PickleValue &offset = pickle.values[view.items[1]], &size = pickle.values[view.items[2]];
    if (offset.kind != Kind::integer || size.kind != Kind::integer || offset.integer < 0 || size.integer < 0 ||
        offset.integer > elements.integer || size.integer > elements.integer - offset.integer)
      refuse("a view that reaches outside its storage");
    storage.offset = static_cast<std::uint64_t>(offset.integer);
  }
  return storage;
}

PickleRef rebuild(Pickle& pickle, PickleRef function, PickleRef arguments, PickleRef result,
                  const InputReader& reader) {
  const auto refuse = [&](const char* what) { reader.refuse(std::string("a damaged pickle: ") + what); };
  if (pickle.values[function].kind != Kind::global) refuse("a call of something that is no known function");
  if (pickle.values[arguments].kind != Kind::tuple || pickle.values[arguments].items.size() > 16)
    refuse("a call without arguments");
  const Rebuilder build(pickle, pickle.values[arguments].items, reader);
  const std::string name = pickle.values[function].text;
  const PickleGlobal global = pickle.values[function].global;
  const auto named = [&](PickleKind kind) {
    build.set(result, kind, 0);
    pickle.values[result].text = name;
  };
  switch (global) {
    case PickleGlobal::rebuild_tensor:
    case PickleGlobal::rebuild_tensor_v2:
    case PickleGlobal::rebuild_tensor_v3: build.tensor(result, global); break;
    case PickleGlobal::rebuild_parameter:
    case PickleGlobal::rebuild_parameter_with_state:
    case PickleGlobal::size:
    case PickleGlobal::script_list:
    case PickleGlobal::script_tag: return build.same();
    case PickleGlobal::tensor_type:
      build.require(build.count() >= 1 && build.argument(0).kind == Kind::tensor, "a parameter without a tensor");
      return build.same();
    case PickleGlobal::rebuild_from_type: return build.from_type(result);
    case PickleGlobal::ordered_dict:
    case PickleGlobal::counter: build.ordered_dict(result); break;
    case PickleGlobal::default_dict: build.set(result, Kind::dict, 0); break;
    case PickleGlobal::set: build.set(result, Kind::set, 0); break;
    case PickleGlobal::device:
    case PickleGlobal::layout: build.text(result); break;
    case PickleGlobal::unsupported_tensor: named(Kind::unsupported_tensor); break;
    case PickleGlobal::opaque: named(Kind::record); break;
    case PickleGlobal::dtype:
    case PickleGlobal::storage:
    case PickleGlobal::untyped_storage:
    case PickleGlobal::script_class: refuse("a call of something that is no function");
  }
  return result;
}

}  // namespace joist
