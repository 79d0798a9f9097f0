#include <joist/core/custom.h>
#include <joist/core/mode.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/recurrent_library.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace joist {
namespace {

std::array<std::atomic<const LayerLibrary*>, Device::kinds>& libraries() {
  static std::array<std::atomic<const LayerLibrary*>, Device::kinds> all{};
  return all;
}
const LayerLibrary* library_of(Device device) noexcept {
  return libraries()[static_cast<std::size_t>(device.kind)].load(std::memory_order_acquire);
}

Array value_of(const Tensor& x) { return x.defined() ? x.value() : Array(); }
CustomAttribute named(Cell cell) {
  CustomAttribute attribute;
  const char* name = cell == Cell::lstm ? "lstm_layer" : cell == Cell::gru ? "gru_layer" : "rnn_layer";
  std::copy_n(name, std::strlen(name), attribute.name.begin());
  return attribute;
}

// Arrays whose change between forward and backward is noticed.
struct SavedLayer {
  Saved x{}, h0{}, c0{}, y{};
  Array lengths{};
  std::vector<std::array<Saved, 5>> weights{};

  static Saved keep(const Array& x) { return x.defined() ? saved(x) : Saved(); }
  SavedLayer(const LayerArguments& a, const Array& result)
      : x(keep(a.x)), h0(keep(a.h0)), c0(keep(a.c0)), y(keep(result)), lengths(a.lengths) {
    for (const LayerWeights<Array>& one : a.weights) {
      auto& kept = weights.emplace_back();
      for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = keep(one.*LayerWeights<Array>::members[i]);
    }
  }
  LayerArguments arguments() const {
    LayerArguments a{.x = x, .h0 = h0, .c0 = c0, .lengths = lengths};
    for (const auto& kept : weights) {
      auto& one = a.weights.emplace_back();
      for (std::size_t i = 0; i < kept.size(); ++i) one.*LayerWeights<Array>::members[i] = kept[i];
    }
    return a;
  }
};

}  // namespace

void register_layer_library(Device::Kind kind, const LayerLibrary& library) {
  libraries()[static_cast<std::size_t>(kind)].store(&library, std::memory_order_release);
}
bool has_layer_library(const Tensor& x) noexcept { return library_of(x.device()) != nullptr; }

std::optional<std::array<Tensor, 3>> layer_by_library(Cell cell, const Tensor& x,
                                                      std::span<const RecurrentWeights> weights, const Tensor& h0,
                                                      const Tensor& c0, const Tensor& lengths) {
  const LayerLibrary* const library = library_of(x.device());
  if (!library || wants_autocast({x})) return std::nullopt;
  LayerArguments arguments{.x = x.value(), .h0 = value_of(h0), .c0 = value_of(c0), .lengths = value_of(lengths)};
  std::vector<Tensor> inputs{x, h0, c0};
  for (const RecurrentWeights& one : weights) {
    const std::array all{one.w_ih, one.w_hh, one.b_ih, one.b_hh, one.w_hr};
    auto& kept = arguments.weights.emplace_back();
    for (std::size_t i = 0; i < all.size(); ++i) kept.*LayerWeights<Array>::members[i] = value_of(all[i]);
    inputs.insert(inputs.end(), all.begin(), all.end());
  }
  const bool recorded = !NoGradient::active() && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) {
    return input.defined() && input.requires_grad();
  });
  std::shared_ptr<const LayerPlan> plan = library->plan(cell, arguments, recorded);
  if (!plan) return std::nullopt;

  const auto directions = static_cast<std::int64_t>(weights.size());
  const std::int64_t out = weights[0].w_hh.shape(1), hidden = weights[0].w_hh.shape(0) / gates_of(cell);
  const auto fresh = [&](const Shape& shape) { return Array::empty(shape, x.dtype(), x.device()); };
  std::vector<Array> outputs{fresh(x.shape().with(2, directions * out)), fresh({directions, x.shape(1), out})};
  if (cell == Cell::lstm) outputs.push_back(fresh({directions, x.shape(1), hidden}));
  const LayerResults results{outputs[0], outputs[1], cell == Cell::lstm ? outputs[2] : Array()};
  const Array reserve = plan->forward(arguments, results);
  std::optional<SavedLayer> kept;
  if (recorded) kept.emplace(arguments, outputs[0]);
  const std::vector<Tensor> tensors =
      record({Op::custom, named(cell)}, inputs, outputs,
             [plan, kept = std::move(kept), reserve](std::span<const Array> dys, Node& node) {
               LayerOuts outs;
               // Slots in the order in which they are written: inputs that are one tensor add up.
               const auto slot = [&](int input) { return node.wants(input) ? node.slot(input) : Out(); };
               outs.dx = slot(0);
               outs.dh0 = slot(1);
               outs.dc0 = slot(2);
               int input = 3;
               for (std::size_t i = 0; i < kept->weights.size(); ++i)
                 for (auto& one = outs.weights.emplace_back(); const auto member : LayerWeights<Out>::members)
                   one.*member = slot(input++);
               plan->backward(kept->arguments(), {.y = kept->y}, reserve,
                              {dys[0], dys[1], dys.size() > 2 ? dys[2] : Array()}, outs);
             });
  return std::array{tensors[0], tensors[1], tensors.size() > 2 ? tensors[2] : Tensor()};
}

}  // namespace joist
