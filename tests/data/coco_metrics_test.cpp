// The COCO evaluation against pycocotools: a fixture, the shared example, and fresh random cases where pycocotools is
// installed.
#include <joist/data/metrics/coco.h>
#include <joist/tests/data/support.h>

#include <cmath>
#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

namespace joist::test {
namespace {

using nlohmann::json;

constexpr double tolerance = 1e-6;

json load(const std::string& path) {
  std::ifstream file(path);
  return json::parse(file);
}

void expect_stats(const CocoResult& result, const json& expected) {
  for (const auto& [name, value] : twelve(result))
    EXPECT_NEAR(value, expected.at(name).get<double>(), tolerance) << name;
}

void expect_same(const json& cases) {
  const TemporaryFolder folder;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    const json& one = cases[i];
    const auto truth = read_coco_truth(folder.write("truth.json", one["truth"].dump()), one["with_ignore"]);
    const auto detections = read_coco_detections(folder.write("detections.json", one["detections"].dump()));
    const CocoResult result = evaluate(truth, detections);
    expect_stats(result, one["expected"]["stats"]);
    const json& classes = one["expected"]["per_class"];
    ASSERT_EQ(result.per_class.size(), classes.size());
    for (std::size_t c = 0; c < classes.size(); ++c) {
      const auto& mine = result.per_class[c];
      EXPECT_EQ(mine.id, classes[c]["id"].get<std::int64_t>());
      EXPECT_NEAR(mine.AP, classes[c]["AP"].get<double>(), tolerance);
      EXPECT_NEAR(mine.AP50, classes[c]["AP50"].get<double>(), tolerance);
      EXPECT_NEAR(mine.AR100, classes[c]["AR100"].get<double>(), tolerance);
      for (std::size_t r = 0; r < mine.precision50.size(); r += 10) {
        EXPECT_NEAR(mine.precision50[r], classes[c]["precision50"][r / 10].get<double>(), tolerance);
        EXPECT_NEAR(mine.score50[r], classes[c]["score50"][r / 10].get<double>(), tolerance);
      }
    }
  }
}

TEST(CocoMetrics, EqualPycocotoolsOnTheFixture) {
  const json cases = load(JOIST_SOURCE_DIR "/tests/data/coco_cases.json");
  EXPECT_EQ(cases.size(), 12U);
  expect_same(cases);
}

TEST(CocoMetrics, EqualTheSharedExample) {
  if (shared_data().empty()) GTEST_SKIP() << "no shared data";
  const std::string folder = shared_data() + "/coco-eval/";
  const CocoResult result =
      evaluate(read_coco_truth(folder + "ground_truth.json"), read_coco_detections(folder + "detections.json"));
  expect_stats(result, load(folder + "expected.json"));
}

std::string python_with_pycocotools() {
  const char* given = std::getenv("JOIST_PYTHON");
  for (const std::string& python :
       {std::string(given != nullptr ? given : "python3"), std::string(JOIST_BINARY_DIR "/venv/bin/python3"),
        std::string(JOIST_BINARY_DIR "/../venv/bin/python3"), std::string("python3")}) {
    if (std::system(("'" + python + "' -c 'import pycocotools.cocoeval' >/dev/null 2>&1").c_str()) == 0) return python;
  }
  return "";
}

TEST(CocoMetrics, EqualPycocotoolsOnRandomCases) {
  const std::string python = python_with_pycocotools();
  if (python.empty()) GTEST_SKIP() << "no Python with pycocotools";
  const TemporaryFolder folder;
  const std::string command =
      "'" + python + "' '" JOIST_SOURCE_DIR "/tests/data/coco_cases.py' '" + (folder / "cases.json") + "' 60 1";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  expect_same(load(folder / "cases.json"));
}

CocoTruth one_object() {
  CocoTruth truth{
      .image_ids = {3, 4}, .categories = {{.id = 1, .name = "helmet"}, {.id = 2, .name = "vest"}}, .objects = {}};
  truth.objects.push_back({.id = 1, .image_id = 3, .category_id = 1, .box = {0, 0, 10, 10}, .area = 100});
  return truth;
}

TEST(CocoMetrics, APerfectDetectorScoresOne) {
  const CocoResult result =
      evaluate(one_object(), {{.image_id = 3, .category_id = 1, .box = {0, 0, 10, 10}, .score = 0.3}});
  EXPECT_NEAR(result.AP, 1, 1e-12);
  EXPECT_NEAR(result.APsmall, 1, 1e-12);
  EXPECT_EQ(result.APlarge, -1) << "no large object to find";
  ASSERT_EQ(result.per_class.size(), 2U);
  EXPECT_EQ(result.per_class[0].name, "helmet");
  EXPECT_EQ(result.per_class[0].truths, 1);
  EXPECT_EQ(result.per_class[0].precision50.size(), 101U);
  EXPECT_EQ(result.per_class[1].AP, -1) << "no truth of this class";
  EXPECT_TRUE(result.per_class[1].precision50.empty());
}

TEST(CocoMetrics, NothingFoundIsZeroAndNothingToFindIsMinusOne) {
  EXPECT_EQ(evaluate(one_object(), {}).AP, 0);
  EXPECT_EQ(evaluate(one_object(), {}).AR100, 0);
  for (const auto& [name, value] : twelve(evaluate(CocoTruth{}, {}))) EXPECT_EQ(value, -1) << name;
}

TEST(CocoMetrics, RefuseWhatCannotBeCompared) {
  EXPECT_HAS(data_error([] {
               evaluate(one_object(), {{}, {.image_id = 9}});
             }),
             "detection 0: image 0 is not in the truth");
  const double odd = std::numeric_limits<double>::quiet_NaN();
  EXPECT_HAS(data_error([&] { evaluate(one_object(), {{.image_id = 3, .category_id = 1, .box = {}, .score = odd}}); }),
             "not a finite number");
  const TemporaryFolder folder;
  EXPECT_HAS(data_error([&] {
               read_coco_detections(folder.write("d.json", R"([{"image_id":1,"category_id":1,"bbox":[1,2,3,4]}])"));
             }),
             "d.json#[0]: no \"score\"");
  EXPECT_HAS(data_error([&] { read_coco_detections(folder.write("d.json", "{}")); }), "not a list");
  EXPECT_HAS(data_error([&] { read_coco_detections(folder.write("d.json", "[{")); }), "ends too early");
  const std::string object = R"({"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]})";
  const std::string truth = R"({"images":[],"categories":[],"annotations":[)" + object + "," + object + "]}";
  EXPECT_HAS(data_error([&] { read_coco_truth(folder.write("t.json", truth)); }),
             "t.json#annotations[1]: annotation id 1 is there twice");
}

TEST(CocoMetrics, DetectionsSurviveTheFile) {
  const TemporaryFolder folder;
  const std::vector<Detection> detections = {
      {.image_id = 9007199254740993, .category_id = 2, .box = {0.1, 1.0 / 3, 5, 6}, .score = 0.7}};
  write_coco_detections(folder / "d.json", detections);
  const auto again = read_coco_detections(folder / "d.json");
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].image_id, 9007199254740993);
  EXPECT_EQ(again[0].box, detections[0].box);
  EXPECT_EQ(again[0].score, 0.7);
}

TEST(CocoMetrics, ADataSetIsATruth) {
  Dataset data{.format = "", .source = "", .categories = {"a", "b"}, .category_ids = {7, 3}, .samples = {}};
  Sample sample{.path = "", .id = 11};
  Annotation annotation{.box = {1, 2, 30, 40}, .category = 1, .crowd = true, .area = 5, .id = 8};
  sample.annotations.push_back(annotation);
  data.samples.push_back(sample);
  const CocoTruth truth = coco_truth(data);
  ASSERT_EQ(truth.objects.size(), 1U);
  EXPECT_EQ(truth.objects[0].category_id, 3);
  EXPECT_EQ(truth.objects[0].image_id, 11);
  EXPECT_EQ(truth.objects[0].area, 5);
  EXPECT_TRUE(truth.objects[0].crowd);
}

}  // namespace
}  // namespace joist::test
