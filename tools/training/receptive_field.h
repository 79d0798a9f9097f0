// Which part of the picture one number of a layer's output sees.
//
// For a chain of windows k with strides s and dilations d (Araujo, Norris & Sim 2019, "Computing receptive fields of
// convolutional neural networks", Distill): size += (d (k - 1)) · stride, start -= padding · stride, stride *= s. Where
// branches meet, the field is the smallest interval that holds all of them.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/gradient.h>
#include <joist/tools/training/model.h>

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace joist {

/// Along one axis of the picture, in pixels of it.
struct ReceptiveField {
  double size = 1;     ///< pixels that one number of the output sees
  double stride = 1;   ///< from the field of one number to that of its neighbour; below 1 after enlarging
  double padding = 0;  ///< how far the field of the first number reaches beyond the picture's edge
  bool whole = false;  ///< sees the whole picture whatever its size: global pooling, attention, linear layers on it
};

struct LayerField {
  std::string name{};       ///< the parameter's name without ".weight"; the operation's where it has none
  std::string operation{};  ///< "convolution", "max_pool", …
  Shape output{};
  std::vector<ReceptiveField> axes{};  ///< height and width (or as many as the picture has)
};

/// Listens to one forward pass; the fields of every operation that follows from `picture` [batch, channel, …].
class ReceptiveFields final : public Listener {
 public:
  explicit ReceptiveFields(const Tensor& picture, std::span<const Field> parameters = {});
  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override;
  /// Operations that change the field, in the order in which they ran.
  const std::vector<LayerField>& layers() const noexcept { return layers_; }
  /// Of a tensor that followed from the picture; no axes for any other.
  std::vector<ReceptiveField> of(const Tensor& x) const;

 private:
  struct Known {
    std::weak_ptr<TensorState> tensor{};  // an address may come again when the tensor is gone
    std::vector<ReceptiveField> axes{};
  };
  Shape picture_;  // lengths of its spatial axes
  std::unordered_map<const TensorState*, Known> known_{};
  std::unordered_map<const TensorState*, std::string> names_{};
  std::vector<LayerField> layers_{};
};

/// The layers of a model for pictures [1, channels, side, side], in evaluation mode.
std::vector<LayerField> receptive_fields(Model& model, std::int64_t channels, std::int64_t side);

/// One line per layer, with a heading.
std::string to_text(std::span<const LayerField> layers);
/// [{"name", "operation", "output", "size", "stride", "padding", "whole"}], the last four one per axis.
std::string to_json(std::span<const LayerField> layers);

}  // namespace joist
