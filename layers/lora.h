// Low-rank adaptation (Hu et al. 2021): weights stay as they are, what is learned is a product of two thin matrices.
#pragma once

#include <joist/core/fields.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace joist {

struct LoraOptions {
  std::int64_t rank = 8;
  double alpha = 16;  ///< the product counts alpha / rank, or alpha / √rank with rslora
  std::vector<std::string>
      targets{};            ///< patterns of layers, as in freeze(), or the last part of their names: "q_proj"
  bool rslora = false;      ///< Kalajdzievski 2023
  bool transposed = false;  ///< weights are [in, out], as GPT-2 has them (PEFT: fan_in_fan_out)
};

/// Adapters of some layers of a model: of linear layers, convolutions (also in groups, by their weight as it is),
/// attention's packed and single projections, anything with a weight of two axes or more. All other parameters are
/// frozen, and so are these weights themselves.
///
/// The weight that the model computes with is base + scale · B · A, made anew by attach() before each forward pass, so
/// that the layers need to know nothing of it. It costs the product B · A and, in backward, the gradient of the whole
/// weight, as without adapters; what is saved is the optimizer's memory and the size of what is stored.
///
///   Lora lora(model, {.rank = 8, .targets = {"q_proj", "v_proj"}});
///   AdamW optimizer(parameters_of(lora.fields()), …);
///   lora.attach(); loss(model(x)).backward(); optimizer.step();     // again and again
///   lora.merge();                                                   // the model is a plain one again
///
/// The model must outlive it and stay where it is.
class Lora {
 public:
  using Parameters = std::vector<std::pair<std::string, Parameter*>>;

  template <class M>
  requires(!std::is_same_v<M, Parameters>) Lora(M& model, const LoraOptions& options)
      : Lora(parameters_in(model), options) {}
  /// Throws UsageError when a pattern fits no layer, listing those there are, or for a rank below 1.
  Lora(const Parameters& parameters, const LoraOptions& options);
  /// The model has its own weights again.
  ~Lora();
  Lora(const Lora&) = delete;
  Lora& operator=(const Lora&) = delete;

  /// "LAYER.lora_A.weight" [rank, in, …] and "LAYER.lora_B.weight" [out, rank, 1, …], PEFT's names and shapes. B starts
  /// as zeros: at first nothing changes.
  std::vector<Field> fields() const;
  /// The model computes with the adapters as they are now; where gradients are recorded, A and B get theirs.
  void attach();
  /// The model computes without them.
  void detach();
  /// The adapters become part of the weights, for good, and start anew as nothing.
  void merge();

  const LoraOptions& options() const noexcept { return options_; }
  double scale() const;
  std::vector<std::string> layers() const;

 private:
  struct Adapter {
    std::string layer{};
    Parameter* member = nullptr;
    Parameter base{}, a{}, b{};
  };
  template <class M>
  static Parameters parameters_in(M& model) {
    Parameters found;
    visit_fields(model, [&found]<class F>(const std::string& name, F& field) {
      if constexpr (std::is_same_v<F, Parameter>) found.emplace_back(name, &field);
    });
    return found;
  }
  Tensor change(const Adapter& adapter) const;

  LoraOptions options_;
  std::vector<Adapter> adapters_{};
};

/// The layer that a parameter belongs to: "q_proj" of "q_proj.weight", but "in_proj_weight" of itself.
std::string layer_of_parameter(const std::string& name);

}  // namespace joist
