#include <joist/core/error.h>
#include <joist/core/formats/pickle.h>
#include <joist/core/formats/pickle_rebuild.h>
#include <joist/core/text.h>

#include <unordered_map>

namespace joist {
namespace {

constexpr std::uint64_t longest_text = 1 << 24;

// The machine that a pickle is a program for: a stack, a stack of marks, and numbered memories.
class Unpickler {
 public:
  Unpickler(InputReader& reader, bool script) : reader_(reader), script_(script) {
    pickle_.values.emplace_back();  // None
  }

  Pickle run() {
    while (step(reader_.number<std::uint8_t>())) {
    }
    pickle_.top = pop();
    if (!stack_.empty() || !marks_.empty()) refuse("values left over");
    return std::move(pickle_);
  }

 private:
  using Kind = PickleKind;

  [[noreturn]] void refuse(const std::string& what) const { reader_.refuse("a damaged pickle: " + what); }

  PickleValue& value(PickleRef ref) { return pickle_.values[ref]; }

  PickleRef make(Kind kind) {
    if (pickle_.values.size() >= Pickle::most_values) refuse("more than 4 million values");
    pickle_.values.emplace_back().kind = kind;
    return static_cast<PickleRef>(pickle_.values.size() - 1);
  }
  void push(PickleRef ref) { stack_.push_back(ref); }
  void push(Kind kind) { push(make(kind)); }
  void push_integer(std::int64_t integer, Kind kind = Kind::integer) {
    push(kind);
    value(stack_.back()).integer = integer;
  }
  void push_text(std::string text) {
    push(Kind::text);
    value(stack_.back()).text = std::move(text);
  }
  PickleRef pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("a value is missing");
    const PickleRef ref = stack_.back();
    stack_.pop_back();
    return ref;
  }
  std::vector<PickleRef> pop_to_mark() {
    if (marks_.empty()) refuse("a mark is missing");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleRef> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  PickleRef top(Kind kind, const char* what) {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()) || value(stack_.back()).kind != kind)
      refuse(std::string("a ") + what + " is missing");
    return stack_.back();
  }

  void push_tuple(std::vector<PickleRef> items) {
    push(Kind::tuple);
    value(stack_.back()).items = std::move(items);
  }
  void push_tuple(int count) {
    std::vector<PickleRef> items(static_cast<std::size_t>(count));
    for (int i = count - 1; i >= 0; --i) items[static_cast<std::size_t>(i)] = pop();
    push_tuple(std::move(items));
  }

  void set_items(const std::vector<PickleRef>& pairs) {
    const PickleRef target = top(Kind::dict, "dict");
    if (pairs.size() % 2 != 0) refuse("a key without a value");
    auto& items = value(target).items;
    items.insert(items.end(), pairs.begin(), pairs.end());
  }
  void append(const std::vector<PickleRef>& more) {
    auto& items = value(top(Kind::list, "list")).items;
    items.insert(items.end(), more.begin(), more.end());
  }

  void remember(std::uint32_t number) {
    if (stack_.empty()) refuse("nothing to remember");
    memory_[number] = stack_.back();
  }
  void recall(std::uint32_t number) {
    const auto found = memory_.find(number);
    if (found == memory_.end()) refuse("a value that was not made yet");
    push(found->second);
  }

  void push_global() {
    const std::string module = reader_.line(1024), name = reader_.line(1024);
    const auto known = find_pickle_name(module, name, script_);
    if (!known)
      throw UnsupportedError(
          {.where = "pickle",
           .what = "it asks for " + printable(module + "." + name) + ", which is not among the names that weights need",
           .expected = "a state dict: tensors, numbers and text in dicts and lists",
           .remedy =
               "joist never runs what a checkpoint names. In Python, load it where you trust it and save only the "
               "weights: torch.save(model.state_dict(), 'weights.pt')"});
    push(Kind::global);
    value(stack_.back()).global = known->global;
    value(stack_.back()).text = module + "." + name;
  }

  void push_long() {
    const auto count = reader_.number<std::uint8_t>();
    const std::string bytes = reader_.text(count, 255);
    if (count > 8) {  // the magic number of old files is the only one
      push(Kind::big_integer);
      value(stack_.back()).text = bytes;
      return;
    }
    std::uint64_t number = count > 0 && (static_cast<unsigned char>(bytes.back()) & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8U | static_cast<unsigned char>(bytes[i]);
    push_integer(static_cast<std::int64_t>(number));
  }

  void push_short_text() {  // Python 2's strings: bytes that are compared with text
    std::string text = reader_.text(reader_.number<std::uint8_t>(), 255);
    push_text(is_utf8(text) ? std::move(text) : printable(text));
  }

  void make_object() {
    const PickleRef arguments = pop(), type = pop();
    if (value(arguments).kind != Kind::tuple || value(type).kind != Kind::global) refuse("an object without a class");
    const PickleGlobal global = value(type).global;
    if (global == PickleGlobal::ordered_dict) return push(Kind::dict);
    if (global != PickleGlobal::script_class && global != PickleGlobal::opaque) refuse("an object of a strange class");
    std::string name = global == PickleGlobal::opaque ? value(type).text : std::string();
    push(Kind::record);
    value(stack_.back()).text = std::move(name);
  }

  void build() {
    const PickleRef state = pop();
    if (stack_.empty()) refuse("a state without an object");
    PickleValue& object = value(stack_.back());
    if (object.kind == Kind::record) {
      if (value(state).kind != Kind::dict) return;
      pickle_.copied += value(state).items.size();
      if (pickle_.copied > Pickle::most_values) refuse("more than 4 million values");
      object.items = value(state).items;
    } else if (object.kind != Kind::dict) {  // an OrderedDict's attributes: state_dict._metadata
      refuse("a state for something that has none");
    }
  }

  bool step(std::uint8_t opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        if (reader_.number<std::uint8_t>() != 2)
          throw UnsupportedError(
              {.where = "pickle", .what = "a protocol other than 2", .expected = "what torch.save writes"});
        break;
      case '.': return false;                                          // STOP
      case '(': marks_.push_back(stack_.size()); break;                // MARK
      case 'N': push(PickleRef{0}); break;                             // NONE
      case 0x88: push_integer(1, Kind::boolean); break;                // NEWTRUE
      case 0x89: push_integer(0, Kind::boolean); break;                // NEWFALSE
      case 'J': push_integer(reader_.number<std::int32_t>()); break;   // BININT
      case 'K': push_integer(reader_.number<std::uint8_t>()); break;   // BININT1
      case 'M': push_integer(reader_.number<std::uint16_t>()); break;  // BININT2
      case 0x8a: push_long(); break;                                   // LONG1
      case 'G':                                                        // BINFLOAT
        push(Kind::real);
        value(stack_.back()).real = reader_.number<double>(true);
        break;
      case 'X': {  // BINUNICODE
        std::string text = reader_.text(reader_.number<std::uint32_t>(), longest_text);
        if (!is_utf8(text)) refuse("text that is not UTF-8");
        push_text(std::move(text));
        break;
      }
      case 'U': push_short_text(); break;          // SHORT_BINSTRING
      case ']': push(Kind::list); break;           // EMPTY_LIST
      case '}': push(Kind::dict); break;           // EMPTY_DICT
      case ')': push(Kind::tuple); break;          // EMPTY_TUPLE
      case 0x8f: push(Kind::set); break;           // EMPTY_SET
      case 't': push_tuple(pop_to_mark()); break;  // TUPLE
      case 0x85: push_tuple(1); break;             // TUPLE1
      case 0x86: push_tuple(2); break;             // TUPLE2
      case 0x87: push_tuple(3); break;             // TUPLE3
      case 'a': append({pop()}); break;            // APPEND
      case 'e': append(pop_to_mark()); break;      // APPENDS
      case 's': {                                  // SETITEM
        const PickleRef item = pop(), key = pop();
        set_items({key, item});
        break;
      }
      case 'u': set_items(pop_to_mark()); break;                   // SETITEMS
      case 'h': recall(reader_.number<std::uint8_t>()); break;     // BINGET
      case 'j': recall(reader_.number<std::uint32_t>()); break;    // LONG_BINGET
      case 'q': remember(reader_.number<std::uint8_t>()); break;   // BINPUT
      case 'r': remember(reader_.number<std::uint32_t>()); break;  // LONG_BINPUT
      case 'c': push_global(); break;                              // GLOBAL
      case 'Q': {                                                  // BINPERSID
        const PickleRef id = pop();
        push(make(Kind::storage));
        PickledStorage storage = storage_of(pickle_, id, reader_);
        pickle_.storages.push_back(std::move(storage));
        value(stack_.back()).integer = static_cast<std::int64_t>(pickle_.storages.size() - 1);
        break;
      }
      case 'R': {  // REDUCE
        const PickleRef arguments = pop(), function = pop();
        push(rebuild(pickle_, function, arguments, make(Kind::none), reader_));
        break;
      }
      case 0x81: make_object(); break;  // NEWOBJ
      case 'b': build(); break;         // BUILD
      default: refuse("opcode " + std::to_string(opcode) + ", which no checkpoint needs");
    }
    return true;
  }

  InputReader& reader_;
  bool script_;
  Pickle pickle_{};
  std::vector<PickleRef> stack_{};
  std::vector<std::size_t> marks_{};
  std::unordered_map<std::uint32_t, PickleRef> memory_{};
};

}  // namespace

Pickle read_pickle(InputReader& reader, bool script) { return Unpickler(reader, script).run(); }

}  // namespace joist
