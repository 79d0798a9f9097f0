#include <joist/core/formats/json_strict.h>
#include <joist/core/formats/keras_layers.h>

#include <algorithm>
#include <cctype>
#include <set>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

std::string snake_case(const std::string& name) {  // BatchNormalization -> batch_normalization, LSTM -> lstm
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool upper = std::isupper(static_cast<unsigned char>(name[i])) != 0;
    const bool after_lower = i > 0 && std::islower(static_cast<unsigned char>(name[i - 1])) != 0;
    const bool before_lower = i > 0 && i + 1 < name.size() &&
                              std::isupper(static_cast<unsigned char>(name[i - 1])) != 0 &&
                              std::islower(static_cast<unsigned char>(name[i + 1])) != 0;
    if (upper && (after_lower || before_lower)) result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return result;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// "conv2d_12" -> "conv2d"
std::string without_number(const std::string& name) {
  const std::size_t line = name.rfind('_');
  const bool numbered = line != name.npos && line + 1 < name.size() &&
                        std::all_of(name.begin() + static_cast<std::ptrdiff_t>(line) + 1, name.end(),
                                    [](char c) { return c >= '0' && c <= '9'; });
  return numbered ? name.substr(0, line) : name;
}

// What the model's configuration says of its layers; only names, classes and flags are looked at.
struct LayerConfig {
  std::string kind;
  bool scale = true, center = true, reset_after = true;
  std::vector<std::int64_t> flattened{};
};

class Config {
 public:
  explicit Config(const Archive& archive) {
    const auto found = archive.attributes.find("model_config");
    if (found == archive.attributes.end()) return;
    known_ = true;
    visit(parse_json_object<Json>("model_config", found->second));
  }

  bool known() const { return known_; }
  const LayerConfig* find(const std::string& name) const {
    const auto found = layers_.find(name);
    return found == layers_.end() ? nullptr : &found->second;
  }
  int position(const std::string& name) const {
    const auto found = std::find(order_.begin(), order_.end(), name);
    return static_cast<int>(found - order_.begin());
  }

 private:
  void visit(const Json& model) {  // recursion as deep as the JSON, which is limited
    if (!model.contains("config") || !model["config"].is_object() || !model["config"].contains("layers") ||
        !model["config"]["layers"].is_array())
      return;
    std::vector<std::int64_t> flattened;
    for (const Json& layer : model["config"]["layers"]) {
      if (!layer.is_object() || !layer.contains("class_name") || !layer["class_name"].is_string()) continue;
      visit(layer);
      const Json config = layer.contains("config") && layer["config"].is_object() ? layer["config"] : Json::object();
      LayerConfig entry{.kind = snake_case(layer["class_name"].get<std::string>())};
      const auto flag = [&](const char* name) {
        return !config.contains(name) || !config[name].is_boolean() || config[name].get<bool>();
      };
      entry.scale = flag("scale");
      entry.center = flag("center");
      entry.reset_after = flag("reset_after");
      if (entry.kind == "flatten") {
        flattened = built_shape(layer);
      } else if (entry.kind == "dense") {
        entry.flattened = std::exchange(flattened, {});
      } else if (entry.kind != "dropout" && entry.kind != "activation") {
        flattened.clear();
      }
      const std::string name =
          config.contains("name") && config["name"].is_string() ? config["name"].get<std::string>() : std::string();
      order_.push_back(name);
      layers_[name] = std::move(entry);
    }
  }

  // [height, width, channels] that a layer was built for.
  static std::vector<std::int64_t> built_shape(const Json& layer) {
    if (!layer.contains("build_config") || !layer["build_config"].is_object() ||
        !layer["build_config"].contains("input_shape") || !layer["build_config"]["input_shape"].is_array())
      return {};
    std::vector<std::int64_t> shape;
    for (const Json& length : layer["build_config"]["input_shape"])
      shape.push_back(length.is_number_unsigned() ? length.get<std::int64_t>() : 0);
    if (shape.size() != 4) return {};
    return {shape[1], shape[2], shape[3]};
  }

  bool known_ = false;
  std::map<std::string, LayerConfig> layers_{};
  std::vector<std::string> order_{};
};

std::string text_attribute(const Archive& archive, const std::string& name) {
  const auto found = archive.attributes.find(name);
  if (found != archive.attributes.end()) return found->second;
  std::string all;  // long lists are split into name0, name1, …
  for (int i = 0; archive.attributes.contains(name + std::to_string(i)); ++i)
    (all += i > 0 ? "\n" : "") += archive.attributes.at(name + std::to_string(i));
  return all;
}

// --- the old layout: groups by layer names, data sets by the names of the weights ---

void add_old_layer(const Archive& archive, const std::string& prefix, const std::string& layer, const Config& config,
                   std::vector<KerasLayer>& layers) {
  const LayerConfig* known = config.find(layer);
  std::vector<std::string> parts;  // in order
  std::map<std::string, KerasLayer> found;
  for (const std::string& weight : split(text_attribute(archive, prefix + layer + "@weight_names"), '\n')) {
    const Array* array = archive.find(prefix + layer + "/" + weight);
    if (array == nullptr) continue;
    std::vector<std::string> path = split(weight, '/');
    std::string role = path.back().substr(0, path.back().rfind(':'));
    path.pop_back();
    // What stands between the layer's own name and the weight's: "query", or "lstm_cell", which says nothing new.
    const auto own = std::find(path.rbegin(), path.rend(), layer);
    std::string part;
    for (auto each = own.base(); own != path.rend() && each != path.end(); ++each)
      if (!each->ends_with("_cell") && *each != layer) part += "." + *each;
    KerasLayer& entry = found[part];
    if (entry.name.empty()) parts.push_back(part);
    entry.name = layer + part;
    entry.kind = known != nullptr ? known->kind : without_number(layer);
    if (!part.empty() && entry.kind == "multi_head_attention") entry.kind = "einsum_dense";
    if (known != nullptr) entry.flattened = known->flattened;
    if (known != nullptr) entry.reset_after = known->reset_after;
    entry.weights[role] = *array;
  }
  for (const std::string& part : parts) layers.push_back(std::move(found[part]));
}

// --- the layout since Keras 3: groups by class names, weights by number ---

const std::map<std::string, std::vector<std::string>>& roles() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"conv", {"kernel", "bias"}},
      {"dense", {"kernel", "bias"}},
      {"einsum_dense", {"kernel", "bias"}},
      {"separable", {"depthwise_kernel", "pointwise_kernel", "bias"}},
      {"embedding", {"embeddings"}},
      {"lstm", {"kernel", "recurrent_kernel", "bias"}},
      {"gru", {"kernel", "recurrent_kernel", "bias"}}};
  return table;
}

std::vector<std::string> roles_of(KerasLayer& layer, std::size_t count, const LayerConfig* config) {
  const std::string& kind = layer.kind;
  const bool has_statistics = kind == "batch_normalization";
  if (has_statistics || kind == "layer_normalization" || kind == "group_normalization") {
    std::vector<std::string> names;
    const std::size_t statistics = has_statistics ? 2 : 0;
    const bool all = count == statistics + 2, none = count == statistics;
    if (!all && !none && config == nullptr) {
      layer.why = "a normalization with one of gamma and beta: nothing says which of them is missing";
      return {};
    }
    if (all || (!none && config->scale)) names.emplace_back("gamma");
    if (all || (!none && config->center)) names.emplace_back("beta");
    if (has_statistics) {
      names.emplace_back("moving_mean");
      names.emplace_back("moving_variance");
    }
    return names;
  }
  const std::string key = kind.starts_with("separable_conv")                               ? "separable"
                          : kind.starts_with("conv") || kind.starts_with("depthwise_conv") ? "conv"
                                                                                           : kind;
  const auto found = roles().find(key);
  return found == roles().end() ? std::vector<std::string>() : found->second;
}

// "layers/functional/layers/lstm/cell/vars" -> names and kind of the layer.
KerasLayer named_layer(const Archive& archive, const std::string& group) {
  KerasLayer layer;
  std::string path;
  for (const std::string& part : split(group, '/')) {
    path += (path.empty() ? "" : "/") + part;
    if (part == "layers" || part == "_layer_checkpoint_dependencies" || part == "vars") continue;
    std::string name = text_attribute(archive, path + "/vars@name");
    if (name.empty()) name = part;
    if (part == "cell") continue;  // of a recurrent layer
    layer.name += (layer.name.empty() ? "" : ".") + name;
    const bool attention = layer.kind == "multi_head_attention" || part.ends_with("_dense");
    layer.kind = attention && layer.kind == "multi_head_attention" ? "einsum_dense" : without_number(part);
  }
  return layer;
}

void add_new_layers(const Archive& archive, const Config& config, std::vector<KerasLayer>& layers) {
  std::vector<std::string> groups;
  std::map<std::string, std::map<int, Array>> weights;
  for (const auto& [name, array] : archive.arrays) {
    const std::size_t slash = name.rfind("/vars/");
    if (slash == name.npos || name.starts_with("optimizer")) continue;
    const std::string number = name.substr(slash + 6);
    if (number.empty() || number.size() > 4 || number.find_first_not_of("0123456789") != number.npos) continue;
    const std::string group = name.substr(0, slash + 5);
    if (!weights.contains(group)) groups.push_back(group);
    weights[group][std::stoi(number)] = array;
  }
  std::vector<KerasLayer> found;
  for (const std::string& group : groups) {
    KerasLayer layer = named_layer(archive, group);
    const LayerConfig* known = config.find(layer.name);
    if (known != nullptr) layer.flattened = known->flattened;
    if (known != nullptr) layer.reset_after = known->reset_after;
    const std::vector<std::string> names = roles_of(layer, weights[group].size(), known);
    std::size_t index = 0;
    for (const auto& [number, array] : weights[group]) {
      layer.weights[index < names.size() ? names[index] : "vars/" + std::to_string(number)] = array;
      ++index;
    }
    found.push_back(std::move(layer));
  }
  const auto position = [&](const KerasLayer& layer) {
    return config.position(layer.name.substr(0, layer.name.find('.')));
  };
  if (config.known())
    std::stable_sort(found.begin(), found.end(),
                     [&](const KerasLayer& a, const KerasLayer& b) { return position(a) < position(b); });
  layers.insert(layers.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

}  // namespace

std::vector<KerasLayer> keras_layers(const Archive& archive) {
  const Config config(archive);
  std::vector<KerasLayer> layers;
  for (const std::string prefix : {"", "model_weights/"}) {
    const std::string key = prefix.empty() ? "layer_names" : "model_weights@layer_names";
    for (const std::string& layer : split(text_attribute(archive, key), '\n'))
      add_old_layer(archive, prefix, layer, config, layers);
  }
  add_new_layers(archive, config, layers);
  return layers;
}

}  // namespace joist
