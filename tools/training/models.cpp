// The built-in models.
#include <joist/layers/models/gpt.h>
#include <joist/layers/models/lstm_text.h>
#include <joist/layers/models/mnist_cnn.h>
#include <joist/layers/models/yolo.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/zoo.h>

namespace joist {

const std::vector<ModelEntry>& built_in_models() {
  static const std::vector<ModelEntry> entries = [] {
    std::vector<ModelEntry> list;
    for (const char size : {'n', 's', 'm', 'l', 'x'})
      list.push_back(model(std::string("yolo_") + size,
                           [size](const ModelOptions& o) { return Yolo(YoloOptions::sized(size, o.classes)); }));
    add_anchor_detectors(list);
    add_residual_models(list);
    add_mobile_models(list);
    add_transformer_models(list);
    add_classic_models(list);
    list.push_back(model(
        "mnist_cnn", [](const ModelOptions& o) { return MnistCnn({.classes = o.classes}); }, 1, 28));
    list.push_back(sequence_model(
        "lstm", [](const ModelOptions& o) { return LstmText({.vocabulary = o.classes}); }, 128));
    list.push_back(sequence_model(
        "gpt",
        [](const ModelOptions& o) {
          return Gpt({.vocabulary = o.classes, .context = o.size > 0 ? o.size : GptOptions().context});
        },
        256));
    list.push_back(sequence_model(
        "gpt2", [](const ModelOptions& o) { return Gpt(GptOptions::gpt2(o.classes, o.size)); },
        GptOptions::gpt2().context, GptOptions::gpt2().vocabulary));
    return list;
  }();
  return entries;
}

}  // namespace joist
