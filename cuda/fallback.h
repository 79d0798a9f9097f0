// A kernel on the CPU for arrays of the GPU: the memory goes to the host, the CPU's kernel runs, what it wrote goes
// back.
#pragma once

#include <joist/core/kernels_entries.h>
#include <joist/cuda/transfer.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <tuple>
#include <vector>

namespace joist::cuda {

/// Copies of device arrays on the host. Arrays that share memory on the device share it here too.
class HostCopies {
 public:
  /// First all arrays are named, then each is asked for.
  void add(const Array& array) {
    if (!array.defined() || array.device().on_host()) return;
    const Span span = span_of(array);
    if (span.begin == span.end) return;
    for (Copy& copy : copies_)
      if (copy.owner.shares_memory_with(array)) {
        copy.begin = std::min(copy.begin, span.begin);
        copy.end = std::max(copy.end, span.end);
        return;
      }
    copies_.push_back({array, span.begin, span.end});
  }
  void fetch() {
    for (Copy& copy : copies_) {
      const auto size = static_cast<std::int64_t>(size_of(copy.owner.dtype()));
      copy.here = Array::empty({(copy.end - copy.begin) / size}, copy.owner.dtype());
      copy_to_host(copy.here.raw(), copy.begin, copy.here.bytes());
    }
  }
  Array operator()(const Array& array) const {
    if (!array.defined() || array.device().on_host()) return array;
    for (const Copy& copy : copies_)
      if (copy.owner.shares_memory_with(array)) {
        const auto size = static_cast<std::int64_t>(size_of(array.dtype()));
        return copy.here.strided(array.shape(), array.strides(), (static_cast<char*>(array.raw()) - copy.begin) / size);
      }
    return Array::empty(array.shape(), array.dtype());  // no elements
  }
  void put_back() const {
    for (const Copy& copy : copies_) copy_to_device(copy.begin, copy.here.raw(), copy.here.bytes());
  }

 private:
  struct Span {
    char *begin, *end;
  };
  struct Copy {
    Array owner;
    char *begin, *end;
    Array here{};
  };
  static Span span_of(const Array& array) {
    char* data = static_cast<char*>(array.raw());
    if (array.elements() == 0) return {data, data};
    std::int64_t low = 0, high = 1;
    for (int axis = 0; axis < array.rank(); ++axis) {
      const std::int64_t reach = (array.shape(axis) - 1) * array.strides()[axis];
      (reach < 0 ? low : high) += reach;
    }
    const auto size = static_cast<std::int64_t>(size_of(array.dtype()));
    return {data + low * size, data + high * size};
  }
  std::vector<Copy> copies_;
};

/// visit(array) for every array in an argument of a kernel: arrays, outputs, structs and lists of them.
template <class Argument, class Visit>
void for_each_array(const Argument& argument, const Visit& visit) {
  if constexpr (std::is_same_v<Argument, Array>) {
    visit(argument);
  } else if constexpr (std::is_same_v<Argument, Out>) {
    visit(argument.array);
  } else if constexpr (std::is_same_v<Argument, StepMemory>) {
    for (const Array& array : argument) visit(array);
  } else if constexpr (std::is_same_v<Argument, AttentionArguments> || std::is_same_v<Argument, AttentionOuts> ||
                       std::is_same_v<Argument, RecurrentArguments> || std::is_same_v<Argument, RecurrentResults> ||
                       std::is_same_v<Argument, RecurrentSaved> || std::is_same_v<Argument, RecurrentGradients> ||
                       std::is_same_v<Argument, RecurrentOuts>) {
    std::apply([&](auto*... members) { (for_each_array(*members, visit), ...); }, reflect::members(argument));
  }
}
/// The same argument with every array replaced.
template <class Argument>
Argument on_host(const Argument& argument, const HostCopies& copies) {
  Argument result = argument;
  for_each_array(result, [&](const Array& array) { const_cast<Array&>(array) = copies(array); });
  return result;
}

/// Runs the CPU's kernel of this place in the table.
template <std::size_t family, std::size_t entry, class... Arguments>
void run_on_host(const Arguments&... arguments) {
  HostCopies copies;
  Dtype dtype = Dtype::float32;
  bool first = true;
  (for_each_array(arguments,
                  [&](const Array& array) {
                    if (!array.defined()) return;
                    copies.add(array);
                    if (first || (!is_floating(dtype) && is_floating(array.dtype()))) dtype = array.dtype();
                    first = false;
                  }),
   ...);
  copies.fetch();
  const auto& kernel = entry_of<family, entry>(kernels(cpu, dtype));
  kernel(on_host(arguments, copies)...);
  copies.put_back();
}

/// Says once that a kernel runs on the CPU.
template <std::size_t family, std::size_t entry>
void say_once(const char* name, const char* why) {
  static const bool said = [&] {
    std::fprintf(stderr, "joist: %s runs on the CPU: %s\n", name, why);
    return true;
  }();
  static_cast<void>(said);
}

}  // namespace joist::cuda
