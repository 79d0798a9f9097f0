#include <joist/core/error.h>
#include <joist/core/formats/keras.h>

#include <algorithm>
#include <array>
#include <map>

namespace joist {
namespace {

struct Module {
  std::string name{};
  std::map<std::string, Array> parts{};  // "weight", "bias", …
};

// Names without their last part, in order.
std::vector<Module> modules_of(const Archive& archive) {
  std::vector<Module> modules;
  std::map<std::string, std::size_t> index;
  for (const auto& [name, array] : archive.arrays) {
    const std::size_t dot = name.rfind('.');
    const std::string module = dot == name.npos ? "" : name.substr(0, dot);
    const auto [found, fresh] = index.emplace(module, modules.size());
    if (fresh) modules.push_back({module});
    modules[found->second].parts[dot == name.npos ? name : name.substr(dot + 1)] = array;
  }
  return modules;
}

Array channels_last_kernel(const Array& weight) {  // [out, in, …] -> (…, in, out)
  std::vector<int> axes;
  for (int axis = 2; axis < weight.rank(); ++axis) axes.push_back(axis);
  axes.push_back(1);
  axes.push_back(0);
  return row_major_copy(weight.permuted(axes));
}

class KerasWriter {
 public:
  void add(const Module& module) {
    const auto part = [&](const char* name) -> const Array* {
      const auto found = module.parts.find(name);
      return found == module.parts.end() ? nullptr : &found->second;
    };
    const Array *weight = part("weight"), *bias = part("bias"), *mean = part("running_mean"),
                *var = part("running_var");
    for (const auto& [name, array] : module.parts)
      if (name != "weight" && name != "bias" && name != "running_mean" && name != "running_var" &&
          name != "num_batches_tracked" && !name.starts_with("weight_") && !name.starts_with("bias_"))
        refuse(module.name + "." + name);
    if (part("weight_ih_l0") != nullptr) return add_recurrent(module);
    if (mean != nullptr && var != nullptr)
      return weight != nullptr && bias != nullptr   ? put("batch_normalization", {*weight, *bias, *mean, *var})
             : weight == nullptr && bias == nullptr ? put("batch_normalization", {*mean, *var})
                                                    : refuse(module.name);
    if (weight == nullptr) refuse(module.name);
    switch (weight->rank()) {
      case 1: return put("layer_normalization", with(*weight, bias));
      case 2:
        if (bias == nullptr && module.name.find("emb") != std::string::npos) return put("embedding", {*weight});
        channels_ = weight->shape(0);
        return put("dense", with(row_major_copy(weight->permuted({1, 0})), bias));
      case 3:
      case 4:
      case 5: return add_convolution(*weight, bias);
      default: refuse(module.name);
    }
  }

  Archive finish() { return std::move(archive_); }

 private:
  [[noreturn]] static void refuse(const std::string& name) {
    throw UnsupportedError({.where = "\"" + name + "\"",
                            .what = "no layer of Keras that these weights belong to is known",
                            .expected = "Dense, convolutions, normalizations, Embedding, LSTM or GRU",
                            .remedy = "convert to .safetensors and load that in Keras by hand"});
  }

  static std::vector<Array> with(const Array& weight, const Array* bias) {
    std::vector<Array> arrays = {weight};
    if (bias != nullptr) arrays.push_back(*bias);
    return arrays;
  }

  void put(const std::string& kind, const std::vector<Array>& arrays, const std::string& below = {}) {
    const int number = counts_[kind]++;
    const std::string group = "layers/" + kind + (number > 0 ? "_" + std::to_string(number) : "") + below + "/vars/";
    for (std::size_t i = 0; i < arrays.size(); ++i) archive_.arrays.push_back({group + std::to_string(i), arrays[i]});
  }

  void add_convolution(const Array& weight, const Array* bias) {
    const std::string axes = std::to_string(weight.rank() - 2) + "d";
    const std::int64_t out = weight.shape(0);
    const bool depthwise = weight.shape(1) == 1 && channels_ > 1 && out % channels_ == 0;
    if (depthwise) {
      Shape split = Shape::filled(weight.rank(), 0);
      std::vector<int> order;
      split[0] = channels_;
      split[1] = out / channels_;
      for (int axis = 2; axis < weight.rank(); ++axis) {
        split[axis] = weight.shape(axis);
        order.push_back(axis);
      }
      order.push_back(0);
      order.push_back(1);
      put("depthwise_conv" + axes, with(row_major_copy(row_major_copy(weight).view(split).permuted(order)), bias));
    } else {
      put("conv" + axes, with(channels_last_kernel(weight), bias));
    }
    channels_ = out;
  }

  void add_recurrent(const Module& module) {
    const auto part = [&](const char* name) {
      const auto found = module.parts.find(name);
      if (found == module.parts.end()) refuse(module.name + "." + name);
      return found->second;
    };
    const Array input = part("weight_ih_l0"), state = part("weight_hh_l0");
    const bool gru = input.shape(0) == 3 * state.shape(1);
    if (module.parts.size() != 4 || gru || input.shape(0) != 4 * state.shape(1))
      refuse(module.name + (gru ? " (a GRU)" : " (more than one layer or direction)"));
    const Array first = part("bias_ih_l0"), second = part("bias_hh_l0");
    if (first.dtype() != Dtype::float32 || second.dtype() != Dtype::float32) refuse(module.name);
    Array bias = Array::empty(first.shape());
    const std::vector<float> a = first.to_vector<float>(), b = second.to_vector<float>();
    for (std::size_t i = 0; i < a.size(); ++i) bias.data<float>()[i] = a[i] + b[i];
    put("lstm", {row_major_copy(input.permuted({1, 0})), row_major_copy(state.permuted({1, 0})), bias}, "/cell");
  }

  Archive archive_{};
  std::map<std::string, int> counts_{};
  std::int64_t channels_ = 0;  // that the last layer gives
};

}  // namespace

Archive torch_as_keras(const Archive& archive) {
  if (is_keras(archive)) return archive;
  KerasWriter writer;
  for (const Module& module : modules_of(archive)) writer.add(module);
  Archive result = writer.finish();
  result.attributes = archive.attributes;
  return result;
}

}  // namespace joist
