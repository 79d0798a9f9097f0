// float16 and bfloat16 arrays: every kernel by way of float32. The wrapper of a kernel converts the 16-bit arrays among
// its arguments, calls the float32 kernel and converts back what it may have written.
#include <joist/core/cpu/bfloat16.h>
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/reflect.h>

#include <array>
#include <cstring>

namespace joist {
namespace {

Array as_float(const Array& half, bool read) {
  const Array wide = Array::empty(half.shape(), Dtype::float32, half.device(), half.order());
  if (read) copy_array(half, {wide});
  return wide;
}

// What a kernel may have written goes back: an output. An array that it only read is not touched, as others may read it
// at the same time, and as a signalling NaN would not come back as it was.
void narrow(const Array& wide, const Array& half, bool may_be_input) {
  if (may_be_input) {
    const Array before = as_float(half, true);
    if (std::memcmp(before.raw(), wide.raw(), wide.bytes()) == 0) return;
  }
  copy_array(wide, {half});
}

// One argument of a call: passed on as it is, or, where it holds 16-bit arrays, as float32 for the time of the call.
template <class Argument>
struct Passed {
  const Argument& value;
  explicit Passed(const Argument& argument) : value(argument) {}
  void finish() const {}
};

template <>
struct Passed<Array> {
  Array original, value;
  explicit Passed(const Array& array)
      : original(array), value(array.defined() && is_half(array.dtype()) ? as_float(array, true) : array) {}
  void finish() const {
    if (original.defined() && is_half(original.dtype())) narrow(value, original, true);
  }
};

template <>
struct Passed<Out> {
  Out original, value;
  explicit Passed(const Out& out) : original(out), value(out) {
    if (out.array.defined() && is_half(out.array.dtype())) value.array = as_float(out.array, out.accumulate);
  }
  void finish() const {
    if (original.array.defined() && is_half(original.array.dtype())) narrow(value.array, original.array, false);
  }
};

// Structs of arrays: member by member.
template <class Struct>
struct PassedMembers {
  Struct original, value;
  explicit PassedMembers(const Struct& argument) : original(argument), value(argument) {
    each([](auto& from, auto& to) { to = Passed(from).value; });
  }
  void finish() const {
    const_cast<PassedMembers*>(this)->each([]<class Member>(Member& from, Member& to) {
      if constexpr (std::is_same_v<Member, Out>) {
        if (from.array.defined() && is_half(from.array.dtype())) narrow(to.array, from.array, false);
      } else {
        if (from.defined() && is_half(from.dtype())) narrow(to, from, true);
      }
    });
  }
  template <class Visit>
  void each(Visit&& visit) {
    const auto from = reflect::members(original), to = reflect::members(value);
    [&]<std::size_t... i>(std::index_sequence<i...>) { (visit(*std::get<i>(from), *std::get<i>(to)), ...); }
    (std::make_index_sequence<std::tuple_size_v<decltype(reflect::members(original))>>{});
  }
};
template <>
struct Passed<RecurrentArguments> : PassedMembers<RecurrentArguments> {
  using PassedMembers::PassedMembers;
};
template <>
struct Passed<RecurrentResults> : PassedMembers<RecurrentResults> {
  using PassedMembers::PassedMembers;
};
template <>
struct Passed<RecurrentSaved> : PassedMembers<RecurrentSaved> {
  using PassedMembers::PassedMembers;
};
template <>
struct Passed<RecurrentGradients> : PassedMembers<RecurrentGradients> {
  using PassedMembers::PassedMembers;
};
template <>
struct Passed<RecurrentOuts> : PassedMembers<RecurrentOuts> {
  using PassedMembers::PassedMembers;
};
template <>
struct Passed<AttentionArguments> : PassedMembers<AttentionArguments> {
  using PassedMembers::PassedMembers;
};
template <>
struct Passed<AttentionOuts> : PassedMembers<AttentionOuts> {
  using PassedMembers::PassedMembers;
};

template <>
struct Passed<StepMemory> {
  StepMemory original, value;
  explicit Passed(const StepMemory& memory) : original(memory), value(memory) {
    for (Array& array : value) array = Passed<Array>(array).value;
  }
  void finish() const {
    for (std::size_t i = 0; i < original.size(); ++i)
      if (original[i].defined() && is_half(original[i].dtype())) narrow(value[i], original[i], true);
  }
};

template <std::size_t family, std::size_t entry, class... Arguments>
void widen(Kernel<void(Arguments...)>& kernel) {
  if (!kernel) return;
  kernel = [](Arguments... arguments) {
    const auto& table = cpu_kernels();
    const auto& original = *std::get<entry>(reflect::members(*std::get<family>(reflect::members(table))));
    const auto call = [&original](auto... passed) {
      original(passed.value...);
      (passed.finish(), ...);
    };
    call(Passed<std::remove_cvref_t<Arguments>>(arguments)...);
  };
}

Kernels widened(Kernels table) {
  const auto families = reflect::members(table);
  const auto each_family = [&]<std::size_t family>(std::integral_constant<std::size_t, family>) {
    const auto entries = reflect::members(*std::get<family>(families));
    [&]<std::size_t... entry>(std::index_sequence<entry...>) { (widen<family, entry>(*std::get<entry>(entries)), ...); }
    (std::make_index_sequence<std::tuple_size_v<decltype(entries)>>{});
  };
  [&]<std::size_t... family>(std::index_sequence<family...>) {
    (each_family(std::integral_constant<std::size_t, family>{}), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(families)>>{});
  // These convert by themselves.
  table.elementwise.fill = cpu_kernels().elementwise.fill.pointer();
  table.elementwise.copy = cpu_kernels().elementwise.copy.pointer();
  fill_bfloat16(table);
  return table;
}

}  // namespace

const Kernels& half_kernels() {
  static const Kernels table = widened(cpu_kernels());
  return table;
}

}  // namespace joist
