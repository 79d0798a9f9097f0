// ONNX graphs as models that learn: as PyTorch does, with frozen parts, with other classes, and back to ONNX.
#include <joist/core/formats/store.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/freeze.h>
#include <joist/optim/registry.h>
#include <joist/tests/core/formats/scratch_folder.h>
#include <joist/tools/training/export_model.h>
#include <joist/tools/training/exported_model.h>
#include <joist/tools/training/onnx/classifier.h>

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

const std::filesystem::path folder = std::filesystem::path(JOIST_SOURCE_DIR) / "tests/fixtures/onnx";
const std::string file = (folder / "classifier.onnx").string();

class OnnxLearns : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::vector<std::byte> bytes = read_file(folder / "classifier.json");
    facts = nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                                  reinterpret_cast<const char*>(bytes.data()) + bytes.size());
    x = Tensor::from(facts["x"].get<std::vector<float>>(), {6, 3, 12, 12});
    y = tensor(facts["y"].get<std::vector<std::int64_t>>(), {6});
  }
  nlohmann::json facts;
  Tensor x, y;
};

TEST_F(OnnxLearns, AsPyTorchDoesWithAFrozenPart) {
  const ModelEntry& entry = ModelRegistry().find(file);
  EXPECT_EQ(entry.task, TaskKind::classify);
  EXPECT_EQ(entry.channels, 3);
  EXPECT_EQ(entry.size, 12);
  const std::unique_ptr<Model> model = entry.make({.classes = 4}), other = entry.make({.classes = 4});
  const std::vector<Field> fields = model->fields();
  std::set<std::string> learned, kept;
  for (const Field& field : fields) (field.trainable ? learned : kept).insert(field.name);
  EXPECT_EQ(learned, (std::set<std::string>{"conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "conv2.bias",
                                            "fc.weight", "fc.bias"}));
  EXPECT_EQ(kept, (std::set<std::string>{"bn1.running_mean", "bn1.running_var"}));
  const std::vector<float> logits = facts["logits"], seen = model->classify(x).value().to_vector<float>();
  for (std::size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(seen[i], logits[i], 1e-5);

  freeze(fields, "conv1");
  FlatParameters parameters(fields, together);
  const auto optimizer = make_optimizer("sgd", parameters, {{"lr", "0.5"}, {"momentum", "0.9"}});
  for (const double wanted : facts["losses"].get<std::vector<double>>()) {
    const Tensor loss = cross_entropy(model->classify(x), y);
    EXPECT_NEAR(loss.item(), wanted, 1e-4);
    loss.backward();
    optimizer->step();
  }
  const std::vector<Field> before = other->fields();  // the other one learned nothing
  for (std::size_t i = 0; i < fields.size(); ++i)
    EXPECT_EQ(fields[i].tensor.value().to_vector<float>() == before[i].tensor.value().to_vector<float>(),
              fields[i].name == "conv1.weight" || fields[i].name.find("running") != std::string::npos)
        << fields[i].name;
}

TEST_F(OnnxLearns, OtherClassesBeginTheHeadAnewAndGoBackToOnnx) {
  manual_seed(1);
  const std::unique_ptr<Model> model = onnx_classifier(file).make({.classes = 7});
  const std::unique_ptr<Model> own = onnx_classifier(file).make({.classes = 4});
  const std::vector<Field> fields = model->fields(), whole = own->fields();
  for (std::size_t i = 0; i < fields.size(); ++i)
    EXPECT_EQ(fields[i].tensor.shape() == whole[i].tensor.shape(), !fields[i].name.starts_with("fc")) << fields[i].name;
  const Inference inference;
  const Tensor wanted = model->classify(x);
  EXPECT_EQ(wanted.shape(), Shape({6, 7}));
  ModelDescription description{.model = file, .size = 12};
  for (std::int64_t i = 0; i < 7; ++i) {
    description.classes.push_back("class " + std::to_string(i));
    description.class_ids.push_back(i);
  }
  const OnnxGraph graph = export_model(*model, fields, description, {.batch = 0});
  const ExportedModel back = ExportedModel::memory("back.onnx", onnx_bytes(graph));
  EXPECT_TRUE(allclose(Tensor(back.run(x.value())), wanted, 1e-5, 1e-5));
}

TEST_F(OnnxLearns, SaysWhatBeginsAnewAndWhatStays) {
  const std::vector<std::string> same = onnx_training_notes(file, 4), other = onnx_training_notes(file, 3);
  ASSERT_EQ(same.size(), 1U);
  EXPECT_NE(same[0].find("1 batch normalizations keep"), std::string::npos) << same[0];
  ASSERT_EQ(other.size(), 2U);
  EXPECT_NE(other[0].find("4 classes apart and the data have 3"), std::string::npos) << other[0];
}

TEST_F(OnnxLearns, RefusesWhatIsNoClassifier) {
  EXPECT_THROW(onnx_classifier("missing.onnx"), DataError);
  // Weights without a graph.
  EXPECT_THROW(onnx_classifier((folder / "../transfer/net.onnx").string()), UnsupportedError);
  const test::ScratchFolder scratch;
  const auto written = [&](const char* name, const char* op, const Shape& input, bool two) {
    OnnxGraph graph{.name = "graph"};
    graph.inputs.push_back({"x", Dtype::float32, input});
    graph.outputs.push_back({"y", Dtype::float32, input});
    graph.nodes.push_back({.op = op, .inputs = {"x"}, .outputs = {"y"}});
    if (two) {
      graph.outputs.push_back({"z", Dtype::float32, input});
      graph.nodes.push_back({.op = "Relu", .inputs = {"x"}, .outputs = {"z"}});
    }
    store_file(scratch / name, onnx_bytes(graph));
    return (scratch / name).string();
  };
  for (const std::string& path :
       {written("two.onnx", "Relu", {1, 3, 8, 8}, true), written("softmax.onnx", "Softmax", {1, 3, 8, 8}, false),
        written("rank.onnx", "Relu", {1, 3}, false), written("pictures.onnx", "Relu", {1, 3, 8, 8}, false),
        written("channels.onnx", "Flatten", {1, 5, 8, 8}, false), written("side.onnx", "Flatten", {1, 3, 8, 9}, false)})
    EXPECT_THROW(onnx_classifier(path), UnsupportedError) << path;
  // It runs, but has no linear layer to begin anew.
  const ModelEntry& flat = onnx_classifier(written("flat.onnx", "Flatten", {1, 3, 8, 8}, false));
  EXPECT_NO_THROW(flat.make({.classes = 192}));
  EXPECT_THROW(flat.make({.classes = 5}), UnsupportedError);
}

}  // namespace
}  // namespace joist
