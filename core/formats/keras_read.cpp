#include <joist/core/error.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/keras.h>
#include <joist/core/formats/keras_layers.h>

#include <algorithm>
#include <cstring>

namespace joist {
namespace {

Array copied(const Array& view, const Shape& shape) { return row_major_copy(view).view(shape); }

Array reordered(const Array& array, std::initializer_list<int> axes) { return row_major_copy(array.permuted(axes)); }

// Keras keeps the spatial axes in front and the two of channels behind; PyTorch the other way round.
Array channels_first(const Array& kernel) {
  std::vector<int> axes = {kernel.rank() - 1, kernel.rank() - 2};
  for (int axis = 0; axis < kernel.rank() - 2; ++axis) axes.push_back(axis);
  return row_major_copy(kernel.permuted(axes));
}

Array depthwise(const Array& kernel) {  // (…, in, multiplier) -> [in · multiplier, 1, …]
  const int rank = kernel.rank();
  std::vector<int> axes = {rank - 2, rank - 1};
  Shape shape = Shape::filled(rank, 1);
  shape[0] = kernel.shape(-2) * kernel.shape(-1);
  for (int axis = 0; axis < rank - 2; ++axis) {
    axes.push_back(axis);
    shape[axis + 2] = kernel.shape(axis);
  }
  return copied(kernel.permuted(axes), shape);
}

Array dense(const Array& kernel, const std::vector<std::int64_t>& flattened) {
  if (flattened.size() == 3 && flattened[0] * flattened[1] * flattened[2] == kernel.shape(0))
    return copied(kernel.view({flattened[0], flattened[1], flattened[2], kernel.shape(1)}).permuted({3, 2, 0, 1}),
                  {kernel.shape(1), kernel.shape(0)});
  return reordered(kernel, {1, 0});
}

// Rows [gate, units, …]: Keras has update, reset, new; PyTorch reset, update, new.
Array gru_gates(const Array& array) {
  Array result = Array::like(array);
  const std::size_t block = array.bytes() / 3;
  const auto* from = static_cast<const std::byte*>(array.raw());
  auto* to = static_cast<std::byte*>(result.raw());
  const std::size_t order[] = {1, 0, 2};
  for (std::size_t gate = 0; gate < 3; ++gate) std::memcpy(to + gate * block, from + order[gate] * block, block);
  return result;
}

Array zeros_like(const Array& array) {
  Array result = Array::like(array);
  std::memset(result.raw(), 0, result.bytes());
  return result;
}

class Converter {
 public:
  explicit Converter(const Archive& from) {
    to_.foreign = from.foreign;
    to_.skipped = from.skipped;
    for (const auto& [name, text] : from.attributes)
      if (name.find('@') == name.npos) to_.attributes.emplace(name, text);
  }

  void add(const KerasLayer& layer) {
    if (!layer.why.empty()) return skip(layer, layer.why);
    if (!fits(layer)) return skip(layer, "weights of another rank than a " + layer.kind + " has");
    const auto& kind = layer.kind;
    if (kind.ends_with("lstm")) return recurrent(layer, false);
    if (kind.ends_with("gru")) return recurrent(layer, true);
    for (const auto& [role, array] : layer.weights) add(layer, role, array);
    add_unlearnt(layer);
  }

  Archive finish() { return std::move(to_); }

 private:
  void skip(const KerasLayer& layer, const std::string& why) { to_.skipped.push_back({layer.name, why}); }
  void put(const KerasLayer& layer, const std::string& leaf, Array array) {
    to_.arrays.push_back({layer.name + "." + leaf, std::move(array)});
  }

  // scale=False and center=False leave gamma and beta out; PyTorch's layers have both.
  void add_unlearnt(const KerasLayer& layer) {
    const auto has = [&](const char* role) { return layer.weights.contains(role); };
    if (!has("moving_mean") && !has("gamma") && !has("beta")) return;
    const Array& like = layer.weights.begin()->second;
    if (!has("gamma"))
      put(layer, "weight",
          Array::from(std::vector<float>(static_cast<std::size_t>(like.elements()), 1.0F), like.shape()));
    if (!has("beta")) put(layer, "bias", zeros_like(like));
  }

  static bool fits(const KerasLayer& layer) {
    const auto rank = [&](const char* role) {
      const auto found = layer.weights.find(role);
      return found == layer.weights.end() ? -1 : found->second.rank();
    };
    const bool convolution = layer.kind.find("conv") != std::string::npos;
    const int kernel = rank("kernel");
    if (convolution)
      for (const char* role : {"kernel", "depthwise_kernel", "pointwise_kernel"})
        if (rank(role) != -1 && (rank(role) < 3 || rank(role) > 5)) return false;
    if (layer.kind == "dense" && kernel != 2 && kernel != -1) return false;
    if (layer.kind.ends_with("lstm") || layer.kind.ends_with("gru")) {
      if (kernel != 2 || rank("recurrent_kernel") != 2) return false;
      const Array &input = layer.weights.at("kernel"), &state = layer.weights.at("recurrent_kernel");
      const std::int64_t gates = layer.kind.ends_with("gru") ? 3 : 4;
      if (input.shape(1) != gates * state.shape(0) || state.shape(1) != input.shape(1)) return false;
    }
    return true;
  }

  void add(const KerasLayer& layer, const std::string& role, const Array& array) {
    const bool by_depth = layer.kind.starts_with("depthwise_conv");
    const bool unknown = layer.kind.find("conv") == std::string::npos && layer.kind != "einsum_dense";
    if (role == "kernel" && unknown && array.rank() >= 4 && array.shape(-1) == 1 && array.shape(-2) > 1)
      return skip(layer, "a convolution: nothing says whether a depthwise one");
    if (role == "kernel" && array.rank() >= (unknown ? 4 : 3) && layer.kind != "einsum_dense")
      return put(layer, "weight", by_depth ? depthwise(array) : channels_first(array));
    if (role == "depthwise_kernel") return put(layer, by_depth ? "weight" : "depthwise.weight", depthwise(array));
    if (role == "pointwise_kernel") return put(layer, "pointwise.weight", channels_first(array));
    if (role == "bias" && layer.kind.starts_with("separable_conv")) return put(layer, "pointwise.bias", array);
    if (role == "kernel" && layer.kind == "einsum_dense" && array.rank() == 3) {
      const bool output = layer.name.ends_with("output");
      return put(layer, "weight",
                 output ? reordered(array.view({array.shape(0) * array.shape(1), array.shape(2)}), {1, 0})
                        : reordered(array.view({array.shape(0), array.shape(1) * array.shape(2)}), {1, 0}));
    }
    if (role == "bias" && layer.kind == "einsum_dense" && array.rank() == 2)
      return put(layer, "bias", array.view({array.elements()}));
    if (role == "kernel" && array.rank() == 2) return put(layer, "weight", dense(array, layer.flattened));
    if (role == "gamma" || role == "embeddings") return put(layer, "weight", array);
    if (role == "beta") return put(layer, "bias", array);
    if (role == "moving_mean") return put(layer, "running_mean", array);
    if (role == "moving_variance") return put(layer, "running_var", array);
    put(layer, role, array);
  }

  void recurrent(const KerasLayer& layer, bool gru) {
    const auto gates = [&](const Array& array) { return gru ? gru_gates(array) : array; };
    const auto found = layer.weights.find("bias");
    const bool has_bias = found != layer.weights.end();
    const bool two_biases = has_bias && found->second.rank() == 2;
    if (has_bias && !bias_fits(layer, found->second, gru)) return skip(layer, "a bias of another shape than it has");
    put(layer, "weight_ih_l0", gates(reordered(layer.weights.at("kernel"), {1, 0})));
    put(layer, "weight_hh_l0", gates(reordered(layer.weights.at("recurrent_kernel"), {1, 0})));
    if (two_biases) {
      put(layer, "bias_ih_l0", gru_gates(row_major_copy(found->second.selected(0, 0))));
      put(layer, "bias_hh_l0", gru_gates(row_major_copy(found->second.selected(0, 1))));
    } else if (has_bias) {
      put(layer, "bias_ih_l0", gates(found->second));
      put(layer, "bias_hh_l0", zeros_like(found->second));
    }
    if (gru && !two_biases && (has_bias || !layer.reset_after))
      to_.skipped.push_back(
          {layer.name,
           "reset_after=False, the GRU's other cell: these weights belong into joist's GRU with "
           ".reset_after = false; PyTorch's torch.nn.GRU has no such cell and would compute something "
           "else from them"});
  }

  // An LSTM has one row; a GRU one, or two with reset_after.
  static bool bias_fits(const KerasLayer& layer, const Array& bias, bool gru) {
    const std::int64_t length = layer.weights.at("kernel").shape(1);
    if (bias.rank() == 1) return bias.shape(0) == length;
    return gru && bias.rank() == 2 && bias.shape(0) == 2 && bias.shape(1) == length;
  }

  Archive to_{};
};

bool has_flatten(const Archive& archive) {
  return std::any_of(archive.attributes.begin(), archive.attributes.end(), [](const auto& attribute) {
    return attribute.first.find("/flatten") != std::string::npos ||
           (attribute.first == "model_config" && attribute.second.find("\"Flatten\"") != std::string::npos);
  });
}

}  // namespace

bool is_keras(const Archive& archive) {
  for (const char* name : {"keras_version", "layer_names", "model_weights@layer_names"})
    if (archive.attributes.contains(name)) return true;
  return std::any_of(archive.arrays.begin(), archive.arrays.end(), [](const NamedArray& array) {
    return (array.name.starts_with("layers/") || array.name.starts_with("_layer_checkpoint_dependencies/")) &&
           array.name.find("/vars/") != std::string::npos;
  });
}

Archive read_keras_zip(const ZipReader& zip) {
  const Input weights = zip.open("model.weights.h5");
  Archive archive = read_hdf5(weights.where(), weights.bytes(0, weights.size()));
  if (zip.has("config.json")) {
    const Input config = zip.open("config.json");
    archive.attributes["model_config"] = InputReader(config).text(config.size(), 64 << 20);
  }
  archive.foreign = true;
  return archive;
}

Archive keras_as_torch(const Archive& archive) {
  Converter converter(archive);
  const std::vector<KerasLayer> layers = keras_layers(archive);
  for (const KerasLayer& layer : layers) converter.add(layer);
  Archive result = converter.finish();
  const bool told =
      std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return !layer.flattened.empty(); });
  if (!told && has_flatten(archive))
    result.skipped.push_back({"Flatten",
                              "the file does not tell what shape is flattened: the inputs of the Dense after "
                              "it stay in Keras's order (height, width, channel); the .keras file tells"});
  return result;
}

}  // namespace joist
