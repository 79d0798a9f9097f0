#include <joist/core/kernels_entries.h>
#include <joist/tests/support/strict_kernels.h>

#include <limits>
#include <vector>

namespace joist {
namespace {

const Kernels* inner = nullptr;
StrictKernels::Start beginning = StrictKernels::Start::nan;
std::set<std::string> names_called;

// Whether the device calculates with the numbers of an array (others it only copies).
bool is_calculated(const Array& array) {
  return array.dtype() == (array.device().kind == Device::Kind::reference ? Dtype::float64 : Dtype::float32);
}

template <class Struct, class Visit>
void for_each_member(Struct& structure, const Visit& visit) {
  std::apply([&](auto*... members) { (visit(*members), ...); }, reflect::members(structure));
}

// Structs of arrays that a kernel only reads.
template <class Argument>
constexpr bool is_read = std::is_same_v<Argument, RecurrentArguments> || std::is_same_v<Argument, RecurrentSaved> ||
                         std::is_same_v<Argument, RecurrentGradients>;

// One call of a kernel: what its outputs hold before, and what is taken off them afterwards.
class Call {
 public:
  template <class Argument>
  void note(const Argument& argument) {
    if constexpr (std::is_same_v<Argument, Array>) operands_.push_back(argument);
    if constexpr (is_read<Argument>) for_each_member(argument, [&](const Array& array) { operands_.push_back(array); });
  }
  template <class Argument>
  const Argument& prepared(const Argument& argument) const {
    return argument;
  }
  Out prepared(const Out& out) {
    if (!out.array.defined() || out.accumulate || !is_calculated(out.array)) return out;
    for (const Array& operand : operands_)
      if (out.array.shares_memory_with(operand)) return out;
    if (beginning == StrictKernels::Start::nan) {
      inner->elementwise.fill(std::numeric_limits<double>::quiet_NaN(), out.array);
      return out;
    }
    inner->elementwise.fill(1, out.array);
    raised_.push_back(out.array);
    return {out.array, true};
  }
  // Structs of outputs: member by member; arrays are overwritten whatever they hold.
  RecurrentOuts prepared(const RecurrentOuts& outs) {
    RecurrentOuts result = outs;
    for_each_member(result, [&](Out& out) { out = prepared(out); });
    return result;
  }
  RecurrentResults prepared(const RecurrentResults& results) const {
    for_each_member(results, [](const Array& array) {
      if (array.defined() && is_calculated(array))
        inner->elementwise.fill(std::numeric_limits<double>::quiet_NaN(), array);
    });
    return results;
  }
  AttentionOuts prepared(const AttentionOuts& outs) {
    return {prepared(outs.dq), prepared(outs.dk), prepared(outs.dv), prepared(outs.dmask)};
  }
  void finish() const {
    for (const Array& array : raised_) inner->elementwise.unary(Affine{1, -1}, array, Out{array});
  }

 private:
  std::vector<Array> operands_, raised_;
};

template <std::size_t family, std::size_t entry, class... Arguments>
void wrap(Kernel<void(Arguments...)>& kernel) {
  kernel = [](Arguments... arguments) {
    const auto& original = entry_of<family, entry>(*inner);
    names_called.insert(original.name());
    Call call;
    (call.note(arguments), ...);
    original(call.prepared(arguments)...);
    call.finish();
  };
}

// Lives until the process ends: recorded operations refer to it.
const Kernels& wrapped_table() {
  static const Kernels table = [] {
    Kernels wrapped;
    for_each_kernel([&]<std::size_t family, std::size_t entry>() {
      if (entry_of<family, entry>(*inner)) wrap<family, entry>(entry_of<family, entry>(wrapped));
    });
    return wrapped;
  }();
  return table;
}

}  // namespace

StrictKernels::StrictKernels(Device device, Start start) : device_(device) {
  inner = &kernels(device);
  beginning = start;
  register_kernels(device.kind, wrapped_table());
}

StrictKernels::~StrictKernels() { register_kernels(device_.kind, *inner); }

const std::set<std::string>& StrictKernels::called() { return names_called; }

std::set<std::string> StrictKernels::all() {
  std::set<std::string> names;
  const Kernels none;
  for_each_kernel([&]<std::size_t family, std::size_t entry>() { names.insert(entry_of<family, entry>(none).name()); });
  return names;
}

}  // namespace joist
