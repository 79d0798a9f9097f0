// A user's struct as a model of the command line: the example of the README.
#include <joist/joist.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

struct Detector {
  explicit Detector(const joist::ModelOptions& options)
      : head{{.in = {32, 64}, .classes = options.classes, .strides = {8, 16}}} {}
  joist::Detections operator()(const joist::Tensor& x) const {
    const auto c3 = third(second(first(x)));
    return head({c3, fourth(c3)});
  }
  auto fields() {
    return joist::fields("first", first, "second", second, "third", third, "fourth", fourth, "head", head);
  }
  joist::ConvNorm first{{.in = 3, .out = 16, .stride = 2}}, second{{.in = 16, .out = 32, .stride = 2}},
      third{{.in = 32, .out = 32, .stride = 2}}, fourth{{.in = 32, .out = 64, .stride = 2}};
  joist::DetectionHead head;
};

// Guesses each character from the one before.
struct Guess {
  explicit Guess(const joist::ModelOptions& options)
      : embedding{{.num_embeddings = options.classes, .embedding_dim = 16}}, out{{.in = 16, .out = options.classes}} {}
  joist::Tensor operator()(const joist::Tensor& tokens) const { return out(embedding(tokens)); }
  auto fields() { return joist::fields("embedding", embedding, "out", out); }
  joist::Embedding embedding;
  joist::Linear out;
};

std::vector<joist::ModelEntry> own_models() {
  return {joist::model<Detector>("mine"),
          joist::sequence_model(
              "guess", [](const joist::ModelOptions& options) { return Guess(options); }, 64)};
}

int run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "joist");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return joist::command_line(static_cast<int>(pointers.size()), pointers.data(), own_models());
}

TEST(UserModel, TrainsUnderItsName) {
  const std::string json = testing::TempDir() + "joist_user_model.json";
  EXPECT_EQ(run({"bench", "train", "--model", "mine", "--batch", "2", "--size", "64", "--steps", "2", "--json", json}),
            0);
}

// The laboratory starts this program again for its runs: main() below passes their arguments on.
TEST(UserModel, IsAProblemOfTheLaboratory) {
  const std::string folder = testing::TempDir() + "joist_user_model_lab";
  std::filesystem::remove_all(folder);
  EXPECT_EQ(
      run({"lab", "run", "--problem", "model,model=guess,data=" JOIST_SOURCE_DIR "/LICENSE,length=16", "--optimizer",
           "adam,lr=0.01", "--optimizer", "sgd,lr=0.1", "--seeds", "2", "--budget", "40", "--out", folder}),
      0);
  std::ifstream file(folder + "/results.json");
  const nlohmann::json results = nlohmann::json::parse(file);
  const nlohmann::json& test = results["problems"][0]["optimizers"][0]["runs"][1]["test"];
  EXPECT_LT(test.back().get<double>(), 0.9 * test.front().get<double>());
  EXPECT_EQ(run({"lab", "run", "--problem", "model,model=gess,data=x", "--optimizer", "adam", "--out", folder}), 2);
  std::filesystem::remove_all(folder);
}

TEST(UserModel, AnUnknownNameIsWrongUsage) {
  EXPECT_EQ(run({"bench", "train", "--model", "mime", "--batch", "2", "--size", "64", "--steps", "2"}), 2);
}

TEST(UserModel, OneBatchCanBeOverfitted) {
  joist::manual_seed(1);
  Detector model({.classes = 2});
  joist::FlatParameters parameters(joist::fields_of(model));
  joist::Adam optimizer(parameters, {.lr = 2e-3});
  const joist::Tensor pictures = joist::contiguous(joist::rand({2, 3, 64, 64}), joist::Order::channels_last);
  const std::vector<std::vector<joist::TrueBox>> truth{{{8, 8, 40, 40, 0}}, {{20, 12, 60, 44, 1}}};
  for (int step = 0; step < 150; ++step) {
    const joist::DetectionLoss loss = joist::detection_loss(model(pictures), truth);
    (loss.sum * (1 / loss.count)).backward();
    optimizer.step();
  }
  const joist::Array decoded = [&] {
    const joist::Mode evaluation(joist::Mode::training);  // the statistics of this batch
    const joist::NoGradient off;
    return joist::decode(model(pictures)).value();
  }();
  const auto boxes = joist::suppress(decoded, {.confidence = 0.5});
  ASSERT_EQ(boxes.size(), 2U);
  for (std::size_t picture = 0; picture < 2; ++picture) {
    ASSERT_FALSE(boxes[picture].empty()) << "picture " << picture;
    const joist::DetectedBox& best = boxes[picture][0];
    const joist::TrueBox& wanted = truth[picture][0];
    EXPECT_EQ(best.category, wanted.category);
    EXPECT_NEAR(best.x1, wanted.x1, 3);
    EXPECT_NEAR(best.y1, wanted.y1, 3);
    EXPECT_NEAR(best.x2, wanted.x2, 3);
    EXPECT_NEAR(best.y2, wanted.y2, 3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "lab") return joist::command_line(argc, argv, own_models());
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
