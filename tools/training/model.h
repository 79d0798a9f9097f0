// Models by name. What training, evaluation, prediction and export need of a model, whatever struct it is.
//
//   struct Detector { …; joist::Detections operator()(const joist::Tensor& x) const; };
//   int main(int argc, char** argv) { return joist::command_line(argc, argv, {joist::model<Detector>("mine")}); }
#pragma once

#include <joist/core/fields.h>
#include <joist/layers/detection/head.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace joist {

enum class TaskKind : std::uint8_t { classify, detect, sequence };
/// "classify", "detect", "sequence".
const char* name_of(TaskKind task) noexcept;
/// "classify", "detect", "continue sequences".
const char* verb_of(TaskKind task) noexcept;

/// What a model is made for.
struct ModelOptions {
  std::int64_t classes = 1;  ///< of sequence models: the vocabulary
  std::int64_t size = 0;     ///< side of the pictures or longest sequence; 0: the model's usual one, or any
  bool random_drops = true;  ///< dropout and stochastic depth where the model has them
};

class Model {
 public:
  virtual ~Model() = default;
  /// Parameters and buffers; the tensors share memory with the model.
  virtual std::vector<Field> fields() = 0;
  virtual TaskKind task() const noexcept = 0;
  /// Moves parameters and buffers to a device; inputs follow by themselves, results stay there. Throws UnsupportedError
  /// for models that compute on the CPU only.
  virtual void move_to(Device device);
  Device device() const noexcept { return device_; }
  /// [batch, channel, height, width] -> logits [batch, class]. Throws UsageError for other kinds of models.
  virtual Tensor classify(const Tensor& pictures) const;
  /// [batch, 3, height, width] in [0, 1]. Throws UsageError for other kinds of models.
  virtual Detections detect(const Tensor& pictures) const;
  /// Tokens int64 [batch, length] -> logits [batch, length, vocabulary] of the token behind each. Throws UsageError for
  /// other kinds of models.
  virtual Tensor continue_sequence(const Tensor& tokens) const;

 protected:
  /// The input where the model is.
  Tensor here(const Tensor& input) const;
  void move_fields(Device device);

 private:
  Device device_{};
};

/// A model that the command line knows.
struct ModelEntry {
  std::string name{};
  TaskKind task = TaskKind::classify;
  /// Initial weights come from manual_seed().
  std::function<std::unique_ptr<Model>(const ModelOptions&)> make{};
  std::int64_t channels = 3;    ///< of the pictures that it takes
  std::int64_t size = 0;        ///< side of those pictures; 0: any. Of sequence models: the usual length
  std::int64_t vocabulary = 0;  ///< of sequence models: the usual one
};

namespace detail {

// What a model of pictures does is told by its result.
template <class T>
constexpr TaskKind picture_task() {
  static_assert(std::is_invocable_v<const T&, const Tensor&>,
                "a model needs Tensor or Detections operator()(const Tensor&) const");
  using Result = std::invoke_result_t<const T&, const Tensor&>;
  return std::is_same_v<Result, Detections> ? TaskKind::detect : TaskKind::classify;
}

template <class T, TaskKind kind>
class ModelOf final : public Model {
 public:
  using Result = std::invoke_result_t<const T&, const Tensor&>;
  static_assert(kind == TaskKind::detect || std::is_convertible_v<Result, Tensor>,
                "a model returns Detections (a detector) or a Tensor of logits (a classifier or a sequence model)");

  explicit ModelOf(T model) : model_(std::move(model)) {}
  std::vector<Field> fields() override { return fields_of(model_); }
  TaskKind task() const noexcept override { return kind; }
  void move_to(Device device) override { move_fields(device); }
  Tensor classify(const Tensor& pictures) const override {
    if constexpr (kind == TaskKind::classify) return model_(here(pictures));
    return Model::classify(pictures);
  }
  Detections detect(const Tensor& pictures) const override {
    if constexpr (kind == TaskKind::detect) return model_(here(pictures));
    return Model::detect(pictures);
  }
  Tensor continue_sequence(const Tensor& tokens) const override {
    if constexpr (kind == TaskKind::sequence) return model_(here(tokens));
    return Model::continue_sequence(tokens);
  }

 private:
  T model_;
};

}  // namespace detail

namespace detail {
template <TaskKind kind, class Make>
ModelEntry entry_of(const std::string& name, Make make, std::int64_t channels, std::int64_t size) {
  using T = std::invoke_result_t<Make, const ModelOptions&>;
  return {.name = name,
          .task = kind,
          .make = [make](const ModelOptions& options) -> std::unique_ptr<Model> {
            return std::make_unique<ModelOf<T, kind>>(make(options));
          },
          .channels = channels,
          .size = size};
}
}  // namespace detail

/// A model made by a function ModelOptions -> struct.
template <class Make>
requires std::invocable<Make, const ModelOptions&> ModelEntry model(const std::string& name, Make make,
                                                                    std::int64_t channels = 3, std::int64_t size = 0) {
  using T = std::invoke_result_t<Make, const ModelOptions&>;
  return detail::entry_of<detail::picture_task<T>()>(name, make, channels, size);
}

/// A model of sequences of tokens made by a function ModelOptions -> struct; `length`, `vocabulary`: the usual ones, of
/// which the latter is that of characters unless it is given.
template <class Make>
requires std::invocable<Make, const ModelOptions&> ModelEntry sequence_model(const std::string& name, Make make,
                                                                             std::int64_t length,
                                                                             std::int64_t vocabulary = 65) {
  ModelEntry entry = detail::entry_of<TaskKind::sequence>(name, make, 0, length);
  entry.vocabulary = vocabulary;
  return entry;
}

/// A user's struct. It is made from ModelOptions where it has such a constructor, else by default: then it has to have
/// as many classes as the data.
template <class T>
ModelEntry model(const std::string& name, std::int64_t channels = 3, std::int64_t size = 0) {
  return model(
      name,
      [](const ModelOptions& options) {
        if constexpr (std::is_constructible_v<T, const ModelOptions&>)
          return T(options);
        else
          return static_cast<void>(options), T{};
      },
      channels, size);
}

/// yolo_n, yolo_s, yolo_m, yolo_l, yolo_x, mnist_cnn, lstm, gpt, gpt2 and the published ones of zoo.h, under
/// torchvision's names: resnet18, mobilenet_v3_large, efficientnet_b0, convnext_tiny, swin_t, retinanet_resnet50_fpn, …
const std::vector<ModelEntry>& built_in_models();

/// The built-in models and the user's, which come first where names are equal.
class ModelRegistry {
 public:
  explicit ModelRegistry(std::vector<ModelEntry> own = {});
  /// The model of that name, or that in a file NAME.onnx (onnx_classifier()). Throws UsageError listing the names and
  /// the nearest one, and what onnx_classifier() throws.
  const ModelEntry& find(const std::string& name) const;
  /// "yolo_n, yolo_s, …" of one task.
  std::string names(TaskKind task) const;

 private:
  std::vector<ModelEntry> entries_;
};

}  // namespace joist
