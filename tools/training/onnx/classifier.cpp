#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/linear.h>
#include <joist/tools/training/onnx/classifier.h>
#include <joist/tools/training/onnx/program.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include <fmt/format.h>

namespace joist {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what, const std::string& remedy = "") {
  throw UnsupportedError(
      {.where = where,
       .what = what,
       .expected = "a classifier: one input [batch, channels, height, width], one output of logits [batch, classes]",
       .remedy = remedy});
}

// Which inputs of which operators layers learn; other constants of a graph are settings.
bool is_learned(const std::string& op, std::size_t input) {
  static const std::map<std::string, std::set<std::size_t>> learned{
      {"Conv", {1, 2}},       {"ConvTranspose", {1, 2}},
      {"Gemm", {0, 1, 2}},    {"MatMul", {0, 1}},
      {"Add", {0, 1}},        {"Mul", {0, 1}},
      {"PRelu", {1}},         {"BatchNormalization", {1, 2}},
      {"Concat", {0, 1}},     {"InstanceNormalization", {1, 2}},
      {"Expand", {0}},        {"LayerNormalization", {1, 2}},
      {"Gather", {0}},        {"GroupNormalization", {1, 2}},
      {"LSTM", {1, 2, 3, 7}}, {"GRU", {1, 2, 3}},
      {"RNN", {1, 2, 3}},     {"Einsum", {0, 1}},
  };
  const auto found = learned.find(op);
  return found != learned.end() && found->second.contains(input);
}

void note_uses(const OnnxBody& body, std::map<std::string, bool>& learned) {
  for (const OnnxOperation& operation : body.operations) {
    for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
      const auto [place, is_new] = learned.try_emplace(operation.inputs[i], true);
      place->second = place->second && is_learned(operation.op, i);
    }
    for (const auto& [name, value] : operation.attributes)
      if (const auto* inner = std::get_if<std::shared_ptr<const OnnxBody>>(&value)) note_uses(**inner, learned);
  }
}

/// The last linear layer: indices of its initializers.
struct Head {
  NamedArray *weight = nullptr, *bias = nullptr;
  bool transposed = false;  ///< the weight is [in, classes]
};

NamedArray* initializer(OnnxBody& graph, const std::string& name) {
  const auto found = std::find_if(graph.initializers.begin(), graph.initializers.end(),
                                  [&](const NamedArray& one) { return one.name == name; });
  return found == graph.initializers.end() ? nullptr : &*found;
}

const OnnxOperation* producer(const OnnxBody& graph, const std::string& name) {
  for (const OnnxOperation& operation : graph.operations)
    if (std::find(operation.outputs.begin(), operation.outputs.end(), name) != operation.outputs.end())
      return &operation;
  return nullptr;
}

Head head_of(OnnxBody& graph) {
  Head head;
  const OnnxOperation* last = producer(graph, graph.outputs.front());
  if (last != nullptr && last->op == "Add" && last->inputs.size() == 2) {
    const bool second = initializer(graph, last->inputs[1]) != nullptr;
    head.bias = initializer(graph, last->inputs[second ? 1 : 0]);
    last = producer(graph, last->inputs[second ? 0 : 1]);
    if (last != nullptr && last->op != "MatMul") last = nullptr;
  }
  if (last == nullptr || last->inputs.size() < 2) return {};
  if (last->op == "MatMul") {
    head.weight = initializer(graph, last->inputs[1]);
    head.transposed = true;
  } else if (last->op == "Gemm") {
    const auto flag = [&](const char* name) {
      const auto found = last->attributes.find(name);
      const auto* number = found == last->attributes.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
      return number != nullptr && *number != 0;
    };
    if (flag("transA")) return {};
    head.weight = initializer(graph, last->inputs[1]);
    head.transposed = !flag("transB");
    if (last->inputs.size() > 2 && !last->inputs[2].empty()) {
      head.bias = initializer(graph, last->inputs[2]);
      if (head.bias == nullptr) return {};
    }
  }
  const bool fits =
      head.weight != nullptr && head.weight->array.rank() == 2 && head.weight->array.dtype() == Dtype::float32 &&
      (head.bias == nullptr || (head.bias->array.rank() == 1 &&
                                head.bias->array.shape()[0] == head.weight->array.shape()[head.transposed ? 1 : 0]));
  return fits ? head : Head{};
}

// Another number of classes.
void begin_head_anew(OnnxBody& graph, std::int64_t classes, const std::string& where) {
  const Head head = head_of(graph);
  if (head.weight == nullptr)
    refuse(where,
           "the data have another number of classes, and the graph does not end in a linear layer (Gemm or MatMul "
           "and Add, with its weights as initializers)");
  Linear layer({.in = head.weight->array.shape()[head.transposed ? 0 : 1], .out = classes});
  const Tensor weight = layer.weight.detach();
  head.weight->array = copy_of((head.transposed ? transpose(weight, 0, 1) : weight).value());
  if (head.bias != nullptr) head.bias->array = layer.bias.value();
}

/// Read once; models share what they do not change.
struct Source {
  std::string path{};
  OnnxModel model{};
  std::int64_t channels = 3, size = 0, classes = 0;
};

class OnnxClassifier final : public Model {
 public:
  OnnxClassifier(OnnxModel model, const std::string& where) : program_(std::move(model), where) {
    std::map<std::string, bool> learned;
    note_uses(program_.model().graph, learned);
    std::set<std::string> names;
    for (const auto& [name, tensor] : program_.initializers()) {
      if (!is_floating(tensor.dtype())) continue;
      std::string field = name;
      std::replace(field.begin(), field.end(), '/', '.');
      field.erase(0, field.find_first_not_of('.'));
      while (field.empty() || !names.insert(field).second) field += "_";
      const auto use = learned.find(name);
      const bool trainable = use != learned.end() && use->second && tensor.rank() > 0 && tensor.value().elements() > 1;
      tensor.set_requires_grad(trainable);
      fields_.push_back({field, tensor, trainable});
    }
  }

  std::vector<Field> fields() override { return fields_; }
  TaskKind task() const noexcept override { return TaskKind::classify; }
  Tensor classify(const Tensor& pictures) const override {
    return program_.run({{program_.inputs().front(), pictures}}).at(program_.outputs().front());
  }

 private:
  OnnxProgram program_;
  std::vector<Field> fields_{};
};

// The file's own arrays are never written to.
OnnxModel copied(const OnnxModel& model) {
  OnnxModel copy = model;
  for (NamedArray& each : copy.graph.initializers) each.array = copy_of(each.array);
  return copy;
}

std::unique_ptr<Model> make(const Source& source, const ModelOptions& options) {
  OnnxModel model = copied(source.model);
  if (options.classes != source.classes) begin_head_anew(model.graph, options.classes, source.path);
  return std::make_unique<OnnxClassifier>(std::move(model), source.path);
}

void require_logits(const OnnxBody& graph, const std::string& where) {
  const OnnxOperation* last = producer(graph, graph.outputs.front());
  for (const char* squash : {"Softmax", "LogSoftmax", "Sigmoid", "ArgMax"})
    if (last != nullptr && last->op == squash)
      refuse(where, fmt::format("the graph ends in {}: the loss needs the logits before it", squash),
             "export it without that operator");
}

Source read(const std::string& path) {
  Source source{.path = path, .model = read_onnx_model(Input::file(path), std::filesystem::path(path).parent_path())};
  const OnnxBody& graph = source.model.graph;
  if (source.model.metadata.contains("class_ids"))
    refuse(path, "exported by joist, with its normalization of pictures inside", "--from the checkpoint it came from");
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1)
    refuse(path, fmt::format("{} inputs and {} outputs", graph.inputs.size(), graph.outputs.size()));
  const auto found = source.model.input_shapes.find(graph.inputs.front());
  if (found == source.model.input_shapes.end() || found->second.size() != 4)
    refuse(path, "its input is no batch of pictures");
  const std::vector<std::int64_t>& shape = found->second;
  if (shape[1] != 1 && shape[1] != 3) refuse(path, fmt::format("pictures of {} channels", shape[1]));
  if (shape[2] != shape[3] || shape[2] > 8192) refuse(path, "pictures that are not square, or too large");
  require_logits(graph, path);
  source.channels = shape[1];
  source.size = std::max<std::int64_t>(shape[2], 0);

  // Two pictures tell whether the number is free, and how many classes there are.
  const OnnxClassifier model(copied(source.model), path);
  const std::int64_t side = source.size > 0 ? source.size : 224;
  const Inference inference;
  Tensor logits;
  try {
    logits = model.classify(Tensor::full({2, source.channels, side, side}, 0));
  } catch (const DataError& error) {
    refuse(path, fmt::format("it does not run on two pictures: {}", error.what()),
           "export it for any number of pictures: torch.onnx.export(…, dynamic_axes={\"input\": {0: \"batch\"}})");
  }
  if (logits.rank() != 2 || logits.shape(0) != 2 || !is_floating(logits.dtype()))
    refuse(path, "for two pictures its output is " + logits.shape().text());
  source.classes = logits.shape(1);
  return source;
}

std::shared_ptr<const Source> source_of(const std::string& path) {
  static std::mutex lock;
  static std::map<std::string, std::shared_ptr<const Source>> sources;
  const std::scoped_lock guard(lock);
  std::shared_ptr<const Source>& source = sources[path];
  if (!source) source = std::make_shared<const Source>(read(path));
  return source;
}

}  // namespace

const ModelEntry& onnx_classifier(const std::string& path) {
  static std::mutex lock;
  static std::map<std::string, std::unique_ptr<ModelEntry>> entries;
  const std::scoped_lock guard(lock);
  std::unique_ptr<ModelEntry>& entry = entries[path];
  if (!entry) {
    const auto source = source_of(path);
    entry = std::make_unique<ModelEntry>(
        ModelEntry{.name = path,
                   .task = TaskKind::classify,
                   .make = [source](const ModelOptions& options) { return make(*source, options); },
                   .channels = source->channels,
                   .size = source->size});
  }
  return *entry;
}

std::vector<std::string> onnx_training_notes(const std::string& path, std::int64_t classes) {
  const auto source = source_of(path);
  std::vector<std::string> notes;
  if (classes != source->classes)
    notes.push_back(fmt::format("{} tells {} classes apart and the data have {}: its last linear layer begins anew",
                                path, source->classes, classes));
  const auto& operations = source->model.graph.operations;
  const auto norms = std::count_if(operations.begin(), operations.end(),
                                   [](const OnnxOperation& each) { return each.op == "BatchNormalization"; });
  if (norms > 0)
    notes.push_back(
        fmt::format("{} batch normalizations keep the mean and variance of the file, in training too; "
                    "their scales and shifts learn",
                    norms));
  return notes;
}

}  // namespace joist
