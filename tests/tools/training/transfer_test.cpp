// A network trained by PyTorch, loaded from every format, computes the same and learns on the same way; frozen layers
// stay as they are. The files are made by tests/fixtures/make_transfer_fixtures.py.
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/store.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/convolution.h>
#include <joist/layers/embedding.h>
#include <joist/layers/freeze.h>
#include <joist/layers/linear.h>
#include <joist/layers/normalization.h>
#include <joist/layers/recurrent.h>
#include <joist/optim/registry.h>
#include <joist/tests/core/formats/scratch_folder.h>
#include <joist/tools/training/weight_mapping.h>

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

namespace fs = std::filesystem;
using namespace joist;

struct Block {
  Conv2d conv1, shortcut;
  BatchNorm2d bn1;
  Block(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv1({.in = in, .out = out, .stride = stride, .bias = false}),
        shortcut({.in = in, .out = out, .kernel = 1, .stride = stride, .padding = 0, .bias = false}),
        bn1({.channels = out}) {}
  Tensor operator()(const Tensor& x) { return relu(bn1(conv1(x))) + shortcut(x); }
  auto fields() { return joist::fields("conv1", conv1, "bn1", bn1, "shortcut", shortcut); }
};

struct Net {
  Conv2d stem{{.in = 1, .out = 4, .padding = 0}};
  std::vector<Block> layers{{4, 6, 1}, {6, 8, 2}};
  Linear fc{{.in = 8, .out = 10}};
  Tensor operator()(const Tensor& x) {
    Tensor y = stem(x);
    for (Block& block : layers) y = block(y);
    return fc(mean(y, {2, 3}));
  }
};

struct OtherHead {
  Conv2d stem{{.in = 1, .out = 4, .padding = 0}};
  std::vector<Block> layers{{4, 6, 1}, {6, 8, 2}};
  Linear fc{{.in = 8, .out = 3}};
};

struct Words {
  Embedding embedding{{.num_embeddings = 5, .embedding_dim = 2}};
  GRU gru{{.in = 2, .hidden = 3, .batch_first = true, .reset_after = false}};
  BatchNorm1d bn{{.channels = 3, .epsilon = 1e-3}};
};

struct Padded {
  Conv2d first{{.in = 4, .out = 4, .stride = 2, .padding = 0}},
      grouped{{.in = 4, .out = 6, .kernel = 2, .padding = 0, .groups = 2}};
  BatchNorm2d scaled{{.channels = 4, .epsilon = 1e-3}}, shifted{{.channels = 6, .epsilon = 1e-3}};
  Linear head{{.in = 6, .out = 3}};
  // `amounts`: what padding="same" of Keras adds at stride 2, left, right, top and bottom.
  Tensor operator()(const Tensor& x, std::initializer_list<std::int64_t> amounts) {
    return head(mean(relu(shifted(grouped(scaled(first(pad(x, amounts)))))), {2, 3}));
  }
};

const fs::path folder = fs::path(JOIST_SOURCE_DIR) / "tests/fixtures/transfer";

class Transfer : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::vector<std::byte> bytes = read_file(folder / "facts.json");
    facts = nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                                  reinterpret_cast<const char*>(bytes.data()) + bytes.size());
    x = Tensor::from(facts["x"].get<std::vector<float>>(), {16, 1, 12, 12});
    y = tensor(facts["y"].get<std::vector<std::int64_t>>(), {16});
  }

  static std::vector<std::string> load_file(Net& net, const fs::path& path) {
    // Keras has no dots in the names of layers.
    const MappingOptions options{.rules = {"layers_*_*.**=layers.*.*.**"}};
    return load_mapped(fields_of(net), open_checkpoint_file(path), options, path.string());
  }

  void expect_same_logits(const fs::path& path) {
    Net net;
    load_file(net, path);
    const Inference inference;
    const std::vector<float> seen = net(x).value().to_vector<float>(), wanted = facts["logits"];
    for (std::size_t i = 0; i < wanted.size(); ++i)
      EXPECT_NEAR(seen[i], wanted[i], 2e-5 * std::max(1.0F, std::abs(wanted[i]))) << path << " " << i;
  }

  void expect_same_losses(const std::string& optimizer, const std::vector<OptimizerOption>& options) {
    Net net;
    load_file(net, folder / "net.safetensors");
    const std::vector<Field> fields = fields_of(net);
    FlatParameters parameters(fields, together);
    const auto made = make_optimizer(optimizer, parameters, options);
    const std::vector<double> wanted = facts[optimizer];
    for (std::size_t step = 0; step < wanted.size(); ++step) {
      const Tensor loss = cross_entropy(net(x), y);
      EXPECT_NEAR(loss.item(), wanted[step], 1e-4) << optimizer << " step " << step;
      loss.backward();
      made->step();
    }
  }

  nlohmann::json facts;
  Tensor x, y;
};

TEST_F(Transfer, EveryFormatGivesTheSameLogits) {
  for (const char* name :
       {"net.pt", "training.pt", "old.pt", "script.pt", "net.safetensors", "net.safetensors.index.json", "net.npz",
        "net.onnx", "net.gguf", "net.keras", "keras.h5", "net.weights.h5"})
    expect_same_logits(folder / name);
}

TEST_F(Transfer, KerasOtherGruAndBatchNormalizationWithoutGammaComputeWhatKerasComputes) {
  const std::vector<std::byte> bytes = read_file(folder / "gru.json");
  const auto wanted = nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                                            reinterpret_cast<const char*>(bytes.data()) + bytes.size());
  const std::vector<std::int64_t> numbers = wanted["x"];
  const std::vector<float> truth = wanted["y"];
  for (const char* name : {"gru.keras", "gru.h5"}) {
    Words words;
    const Archive archive = load(open_checkpoint_file(folder / name));
    ASSERT_EQ(archive.skipped.size(), 1U) << name;  // what PyTorch would not compute is said
    EXPECT_NE(archive.skipped[0].why.find("reset_after"), std::string::npos) << name;
    load_mapped(fields_of(words), open_checkpoint_file(folder / name), {}, name);
    const Inference inference;
    const Tensor states = words.gru(words.embedding(Tensor(Array::from(numbers, {2, 4})))).output;
    const std::vector<float> seen = words.bn(reshape(states, {8, 3})).value().to_vector<float>();
    ASSERT_EQ(seen.size(), truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) EXPECT_NEAR(seen[i], truth[i], 1e-5) << name << " " << i;
  }
}

TEST_F(Transfer, KerasGroupsAndPaddingSameComputeWhatKerasComputes) {
  const std::vector<std::byte> bytes = read_file(folder / "padded.json");
  const auto wanted = nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                                            reinterpret_cast<const char*>(bytes.data()) + bytes.size());
  const Tensor pictures = Tensor::from(wanted["x"].get<std::vector<float>>(), {2, 4, 6, 7});
  const Tensor truth = Tensor::from(wanted["y"].get<std::vector<float>>(), {2, 3});
  const Inference inference;
  for (const char* name : {"padded.keras", "padded.h5"}) {
    Padded net;
    load_mapped(fields_of(net), open_checkpoint_file(folder / name), {}, name);
    EXPECT_TRUE(allclose(net(pictures, {1, 1, 0, 1}), truth, 1e-4, 1e-5)) << name;
    EXPECT_FALSE(allclose(net(pictures, {1, 1, 1, 0}), truth, 1e-4, 1e-2)) << name;  // the other side matters
  }
  // Weights alone do not say which of gamma and beta they have: refused by name, not guessed.
  const Archive alone = load(open_checkpoint_file(folder / "padded.weights.h5"));
  ASSERT_EQ(alone.skipped.size(), 2U);
  for (const Skipped& each : alone.skipped)
    EXPECT_NE(each.why.find("one of gamma and beta"), std::string::npos) << each.name << ": " << each.why;
}

TEST_F(Transfer, SoDoesEveryFormatThatIsWritten) {
  const test::ScratchFolder scratch;
  const Archive archive = load(open_checkpoint_file(folder / "net.safetensors"));
  for (const char* name : {"out.pt", "out.safetensors", "out.npz", "out.h5", "out.onnx"}) {
    store_file(scratch / name, checkpoint_file_bytes(archive, name));
    expect_same_logits(scratch / name);
  }
}

// Views, ties, wrappers and types that PyTorch wrote, and what they hold by NumPy.
TEST_F(Transfer, ViewsAndTypesAreRight) {
  const Archive truth = load(open_checkpoint_file(folder / "odd.npz"));
  for (const char* name : {"odd.pt", "odd_old.pt"}) {
    const StoredArchive stored = open_checkpoint_file(folder / name);
    const Archive seen = load(stored);
    for (const NamedArray& each : truth.arrays) {
      const Array* array = seen.find(each.name);
      if (array == nullptr) {
        EXPECT_TRUE(each.name == "uint16" && std::string(name) == "odd_old.pt") << name << " " << each.name;
        continue;
      }
      EXPECT_EQ(array->shape(), each.array.shape()) << each.name;
      EXPECT_TRUE(allclose(to(Tensor(*array), Dtype::float64), to(Tensor(each.array), Dtype::float64), 0, 0))
          << each.name;
    }
    EXPECT_TRUE(seen.find("tied")->shares_memory_with(*seen.find("tied_too")));
    EXPECT_EQ(seen.find("channels_last")->order(), Order::channels_last);  // no second copy
    std::set<std::string> skipped;
    for (const Skipped& each : stored.skipped) skipped.insert(each.name);
    for (const char* other : {"complex", "sparse", "quantized"})
      EXPECT_TRUE(skipped.contains(other)) << name << " " << other;
    EXPECT_EQ(stored.attributes.at("nested/list/2"), "-70000");
    EXPECT_EQ(stored.attributes.at("nested/list/5/1"), "1099511627776");
    EXPECT_EQ(stored.attributes.at("device"), "cuda:1");
  }
}

TEST_F(Transfer, FineTuningFollowsPyTorch) {
  expect_same_losses("sgd", {{"lr", "0.05"}, {"momentum", "0.9"}, {"weight_decay", "1e-4"}});
  expect_same_losses("adamw", {{"lr", "0.003"}, {"weight_decay", "0.01"}});
}

TEST_F(Transfer, FrozenLayersStayAsTheyAre) {
  Net net;
  load_file(net, folder / "net.pt");
  freeze(net, "stem");
  freeze(net, "layers.0");
  const Net before = clone(net);
  const std::vector<Field> fields = fields_of(net);
  FlatParameters parameters(fields, together);
  const auto optimizer = make_optimizer("adamw", parameters, {{"lr", "0.01"}});
  for (int step = 0; step < 20; ++step) {
    cross_entropy(net(x), y).backward();
    optimizer->step();
  }
  Net start = before;
  const std::vector<Field> old = fields_of(start);
  int frozen = 0, changed = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!fields[i].trainable) continue;
    const Array &a = fields[i].tensor.value(), &b = old[i].tensor.value();
    const bool same = a.to_vector<float>() == b.to_vector<float>();
    if (fields[i].name.starts_with("stem") || fields[i].name.starts_with("layers.0")) {
      EXPECT_TRUE(same) << fields[i].name;
      ++frozen;
    } else {
      changed += same ? 0 : 1;
    }
  }
  EXPECT_EQ(frozen, 6);
  EXPECT_EQ(changed, 6);
}

TEST_F(Transfer, AnotherHeadBeginsAnew) {
  OtherHead net;
  const std::vector<std::string> lines =
      load_mapped(fields_of(net), open_checkpoint_file(folder / "net.pt"), {}, "net.pt");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[1].find("fc.weight, fc.bias"), std::string::npos) << lines[1];
}

}  // namespace
