// What an evaluation says beyond COCO's numbers, on cases worked out by hand.
#include <joist/core/random.h>
#include <joist/data/metrics/average_precision.h>
#include <joist/data/metrics/detection_analysis.h>
#include <joist/data/split.h>
#include <joist/tests/data/support.h>

#include <nlohmann/json.hpp>

namespace joist::test {
namespace {

constexpr std::int64_t helmet = 3, head = 8;

/// Two pictures with helmets and a head; each helper adds an object or a detection.
struct Case {
  CocoTruth truth{.image_ids = {1, 2}, .categories = {{helmet, "安全帽"}, {head, "head"}}};
  std::vector<Detection> found{};

  void object(std::int64_t image, std::int64_t category, Box box, bool crowd = false) {
    truth.objects.push_back({.id = std::ssize(truth.objects) + 1,
                             .image_id = image,
                             .category_id = category,
                             .box = box,
                             .area = box.area(),
                             .crowd = crowd});
  }
  void detection(std::int64_t image, std::int64_t category, Box box, double score) {
    found.push_back({image, category, box, score});
  }
};

std::int64_t count_of(const ErrorAnalysis& errors, ErrorKind kind) {
  for (const ErrorAnalysis::Share& share : errors.shares)
    if (share.kind == kind) return share.count;
  return -1;
}
double gain_of(const ErrorAnalysis& errors, ErrorKind kind) {
  for (const ErrorAnalysis::Share& share : errors.shares)
    if (share.kind == kind) return share.gain;
  return -1;
}

/// One detection of every kind.
Case every_kind() {
  Case c;
  c.object(1, helmet, {0, 0, 100, 100});
  c.object(1, helmet, {200, 0, 100, 100});
  c.object(1, head, {400, 0, 100, 100});
  c.object(2, helmet, {0, 0, 100, 100});            // nothing near it
  c.detection(1, helmet, {0, 0, 100, 100}, 0.9);    // right
  c.detection(1, helmet, {0, 0, 100, 90}, 0.8);     // duplicate, IoU 0.9
  c.detection(1, helmet, {200, 0, 100, 40}, 0.7);   // localisation, IoU 0.4
  c.detection(1, helmet, {400, 0, 100, 80}, 0.6);   // classification, IoU 0.8
  c.detection(1, helmet, {400, 0, 100, 20}, 0.5);   // both, IoU 0.2
  c.detection(2, head, {500, 500, 100, 100}, 0.4);  // background
  c.detection(2, helmet, {0, 95, 100, 100}, 0.3);   // background: IoU 5 / 195
  return c;
}

TEST(DetectionErrors, EachKindIsToldFromTheOthers) {
  const Case c = every_kind();
  const ErrorAnalysis errors = analyse_errors(c.truth, c.found);
  const std::vector<ErrorKind> expected{ErrorKind::none,           ErrorKind::duplicate, ErrorKind::localisation,
                                        ErrorKind::classification, ErrorKind::both,      ErrorKind::background,
                                        ErrorKind::background};
  ASSERT_EQ(errors.detections.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(errors.detections[i].kind, expected[i]) << i;
  EXPECT_EQ(errors.detections[2].object, 1U);
  EXPECT_NEAR(errors.detections[2].overlap, 0.4, 1e-12);
  EXPECT_EQ(errors.detections[3].object, 2U);
  EXPECT_EQ(errors.objects[0].detection, 0U);
  EXPECT_EQ(errors.objects[1].detection, nothing);
  const std::vector<bool> missed{false, false, false, true};  // the second and third have a detection to be put right
  for (std::size_t g = 0; g < missed.size(); ++g) EXPECT_EQ(errors.objects[g].is_missed, missed[g]) << g;
  EXPECT_EQ(count_of(errors, ErrorKind::background), 2);
  EXPECT_EQ(count_of(errors, ErrorKind::missed), 1);
  // From 0.65 on, the head's only detection is not shown: it is missed too.
  const ErrorAnalysis shown = analyse_errors(c.truth, c.found, {0.65, 0.65});
  EXPECT_EQ(count_of(shown, ErrorKind::background), 0);
  EXPECT_EQ(count_of(shown, ErrorKind::missed), 2);
}

TEST(DetectionErrors, WhatEachKindCosts) {
  const Case c = every_kind();
  const ErrorAnalysis errors = analyse_errors(c.truth, c.found);
  // Helmets: 3 objects; hits and misses by score: + - - - - -. One hit of three: precision 1 up to recall 1/3.
  const double helmets = 34.0 / 101;
  EXPECT_NEAR(errors.AP50, helmets / 2, 1e-12);
  EXPECT_NEAR(errors.AP50, evaluate(c.truth, c.found).AP50, 1e-12);
  // The box put right: + - + - - -; precision 2/3 for recalls 0.34 … 0.66.
  EXPECT_NEAR(gain_of(errors, ErrorKind::localisation), (33 * 2.0 / 3) / 101 / 2, 1e-12);
  // The class put right: the head is found, before the false one of 0.4; helmets lose a miss behind their only hit.
  EXPECT_NEAR(gain_of(errors, ErrorKind::classification), 1.0 / 2, 1e-12);
  // The missed helmet not asked for: 1 of 2, precision 1 for recalls 0 … 0.5.
  EXPECT_NEAR(gain_of(errors, ErrorKind::missed), (51.0 / 101 - helmets) / 2, 1e-12);
  for (const ErrorKind kind : {ErrorKind::duplicate, ErrorKind::background, ErrorKind::both})
    EXPECT_NEAR(gain_of(errors, kind), 0, 1e-12) << name_of(kind);
}

TEST(DetectionErrors, OfTwoThatCouldBePutRightTheBetterOneFinds) {
  Case c;
  c.object(1, helmet, {0, 0, 100, 100});
  c.detection(1, helmet, {0, 0, 100, 40}, 0.4);
  c.detection(1, helmet, {0, 0, 100, 30}, 0.8);
  const ErrorAnalysis errors = analyse_errors(c.truth, c.found);
  EXPECT_EQ(errors.AP50, 0);
  EXPECT_NEAR(gain_of(errors, ErrorKind::localisation), 1, 1e-12);  // one hit, the other one is taken away
  EXPECT_EQ(count_of(errors, ErrorKind::missed), 0);
}

TEST(DetectionErrors, CrowdsAndEmptySets) {
  Case c;
  c.object(1, helmet, {0, 0, 300, 300}, true);
  c.detection(1, helmet, {50, 50, 50, 50}, 0.9);
  const ErrorAnalysis errors = analyse_errors(c.truth, c.found);
  EXPECT_FALSE(errors.detections[0].counts);
  EXPECT_FALSE(errors.objects[0].counts);
  EXPECT_EQ(errors.AP50, -1);
  const ErrorAnalysis none = analyse_errors({}, {});
  EXPECT_EQ(none.shares.size(), 6U);
  c.detection(7, helmet, {}, 0.5);
  EXPECT_HAS(data_error([&] { analyse_errors(c.truth, c.found); }), "not in the truth");
}

TEST(ConfusionMatrix, PairsByOverlapWhateverTheClass) {
  Case c;
  c.object(1, helmet, {0, 0, 100, 100});
  c.object(1, helmet, {200, 0, 100, 100});
  c.object(1, head, {400, 0, 100, 100});
  c.object(1, helmet, {600, 0, 100, 100}, true);
  c.detection(1, helmet, {0, 0, 100, 90}, 0.9);
  c.detection(1, head, {0, 0, 100, 95}, 0.3);      // overlaps it more: this one goes with the object
  c.detection(1, helmet, {400, 0, 100, 60}, 0.5);  // helmet for head
  c.detection(1, helmet, {200, 0, 100, 44}, 0.9);  // IoU 0.44: nothing
  c.detection(1, helmet, {200, 0, 100, 99}, 0.2);  // not sure enough
  c.detection(1, helmet, {620, 0, 50, 50}, 0.9);   // on the crowd
  const ConfusionMatrix matrix = confusion_matrix(c.truth, c.found);
  ASSERT_EQ(matrix.classes, (std::vector<std::string>{"安全帽", "head"}));
  const std::vector<std::int64_t> expected{0, 1, 2,   // predicted helmet: the head, and two where nothing is
                                           1, 0, 0,   // predicted head: the first helmet
                                           1, 0, 0};  // missed: the second helmet
  EXPECT_EQ(matrix.counts, expected);
  EXPECT_EQ(confusion_matrix(c.truth, c.found, 0.1).at(0, 0), 1);
}

TEST(OperatingPoints, ThresholdsForBestF1AndForABudget) {
  Case c;
  for (int i = 0; i < 4; ++i) c.object(1, helmet, {i * 100.0, 0, 50, 50});
  const auto hit = [&](int i, double score) { c.detection(1, helmet, {i * 100.0, 0, 50, 50}, score); };
  const auto miss = [&](int i, double score) { c.detection(2, helmet, {i * 100.0, 0, 50, 50}, score); };
  hit(0, 0.9), hit(1, 0.8), miss(0, 0.7), hit(2, 0.6), miss(1, 0.5), miss(2, 0.5), hit(3, 0.1);
  const ErrorAnalysis errors = analyse_errors(c.truth, c.found);
  const auto points = operating_points(c.truth, c.found, errors, {0, 0.5, 10});
  ASSERT_EQ(points.size(), 2U);
  const ClassOperation& one = points[0];
  EXPECT_DOUBLE_EQ(one.best.threshold, 0.6);  // 3 of 4 found, 3 of 4 right
  EXPECT_DOUBLE_EQ(one.best.f1, 0.75);
  EXPECT_DOUBLE_EQ(one.best.false_alarms_per_picture, 0.5);
  EXPECT_DOUBLE_EQ(one.budgets[0].threshold, 0.8);
  EXPECT_DOUBLE_EQ(one.budgets[0].recall, 0.5);
  EXPECT_DOUBLE_EQ(one.budgets[1].threshold, 0.6);
  EXPECT_DOUBLE_EQ(one.budgets[1].recall, 0.75);
  EXPECT_DOUBLE_EQ(one.budgets[2].threshold, 0.1);
  EXPECT_DOUBLE_EQ(one.recall[0], 1);
  EXPECT_DOUBLE_EQ(one.precision[60], 0.75);
  EXPECT_DOUBLE_EQ(one.precision[61], 2.0 / 3);
  EXPECT_DOUBLE_EQ(one.precision[95], -1);
  EXPECT_DOUBLE_EQ(one.recall[95], 0);
  EXPECT_EQ(points[1].best.recall, -1);  // no heads at all
}

TEST(Bootstrap, RangesHoldTheValueAndRepeat) {
  Random random({.seed = 5, .stream = Stream::test});
  Case c;
  c.truth.image_ids.clear();
  for (std::int64_t image = 1; image <= 60; ++image) {
    c.truth.image_ids.push_back(image);
    for (int i = 0; i < 3; ++i) {
      const Box box{i * 100.0, 0, 60, 60};
      c.object(image, i == 2 ? head : helmet, box);
      if (random.uniform() < 0.7F)
        c.detection(image, i == 2 ? head : helmet, {box.x + 30 * static_cast<double>(random.uniform()), 0, 60, 60},
                    static_cast<double>(random.uniform()));
    }
  }
  const CocoResult result = evaluate(c.truth, c.found);
  const BootstrapIntervals a = bootstrap(c.truth, c.found, 200, 1), b = bootstrap(c.truth, c.found, 200, 1);
  EXPECT_LT(a.AP.low, result.AP);
  EXPECT_GT(a.AP.high, result.AP);
  EXPECT_LT(a.AP.high - a.AP.low, 0.5);
  EXPECT_EQ(a.AP.low, b.AP.low);
  EXPECT_EQ(a.per_class[1].AP50.high, b.per_class[1].AP50.high);
  EXPECT_NE(a.AP.low, bootstrap(c.truth, c.found, 200, 2).AP.low);
  // All pictures alike: every draw gives the same.
  Case same;
  same.object(1, helmet, {0, 0, 9, 9});
  same.object(2, helmet, {0, 0, 9, 9});
  same.detection(1, helmet, {0, 0, 9, 9}, 0.5);
  same.detection(2, helmet, {0, 0, 9, 9}, 0.5);
  EXPECT_NEAR(bootstrap(same.truth, same.found, 50).AP.low, 1, 1e-12);
  EXPECT_THROW(bootstrap(same.truth, same.found, 1), UsageError);
  EXPECT_EQ(bootstrap({}, {}, 20).AP.low, -1);
}

TEST(Bootstrap, WithoutDrawingItIsTheEvaluation) {
  // Weights of 1 give COCO's own number.
  const std::vector<ScoredHit> list{{0.9, true}, {0.8, false}, {0.7, true}};
  EXPECT_NEAR(average_precision(list, 2), (51 + 50 * 2.0 / 3) / 101, 1e-12);
  EXPECT_NEAR(average_precision(std::vector<ScoredHit>{{0.9, true, 2}, {0.8, false, 0}, {0.7, true, 2}}, 4), 1, 1e-12);
  EXPECT_EQ(average_precision({}, 0), -1);
  EXPECT_EQ(average_precision({}, 3), 0);
}

TEST(DoubtfulLabels, FourKindsAndTheirOrder) {
  Case c;
  c.object(1, helmet, {0, 0, 100, 100});
  c.object(1, helmet, {200, 0, 100, 100});  // labelled helmet, seen as a head
  c.object(1, helmet, {400, 0, 100, 100});  // the box is off
  for (int i = 0; i < 9; ++i) {             // most helmets are found
    c.object(2, helmet, {i * 100.0, 300, 50, 50});
    c.detection(2, helmet, {i * 100.0, 300, 50, 50}, 0.9);
  }
  c.object(2, helmet, {0, 0, 50, 50});  // not seen at all
  c.detection(1, helmet, {0, 0, 100, 100}, 0.95);
  c.detection(1, head, {200, 0, 100, 90}, 0.85);
  c.detection(1, helmet, {400, 60, 100, 100}, 0.9);  // IoU 40 / 160
  c.detection(2, helmet, {500, 0, 100, 100}, 0.92);  // no label
  const ErrorAnalysis errors = analyse_errors(c.truth, c.found);
  const auto doubts = doubtful_labels(c.truth, c.found, errors);
  ASSERT_EQ(doubts.size(), 4U);
  EXPECT_EQ(doubts[0].kind, LabelDoubt::overlooked);
  EXPECT_EQ(doubts[0].object, nothing);
  EXPECT_NEAR(doubts[0].doubt, 0.92, 1e-9);
  EXPECT_EQ(doubts[1].kind, LabelDoubt::swapped);
  EXPECT_EQ(doubts[1].object, 1U);
  EXPECT_EQ(doubts[2].kind, LabelDoubt::unseen);
  EXPECT_NEAR(doubts[2].doubt, 10.0 / 13, 1e-9);  // the share of helmets that are found
  EXPECT_EQ(doubts[3].kind, LabelDoubt::misplaced);
  EXPECT_NEAR(doubts[3].doubt, 0.9 * 0.75, 1e-9);
}

TEST(DetectionAnalysis, GroupsWorstPicturesAndJson) {
  Dataset data{.categories = {"head", "安全帽"}, .category_ids = {head, helmet}};
  std::vector<Detection> found;
  for (int i = 0; i < 12; ++i) {
    Sample sample{.path = "site/" + std::string(i % 2 == 0 ? "gate" : "院子") + "_" + std::to_string(i / 2) + ".jpg",
                  .id = i + 1,
                  .width = 640,
                  .height = 480};
    sample.annotations.push_back({.box = {10, 10, 50, 50}, .category = 1, .area = 2500, .id = i + 1});
    if (i % 2 == 0) found.push_back({i + 1, helmet, {10, 10, 50, 50}, 0.9});
    data.samples.push_back(std::move(sample));
  }
  found.push_back({2, head, {300, 300, 50, 50}, 0.7});
  AnalysisOptions options;
  options.group = "prefix";
  options.draws = 20;
  const DetectionAnalysis all = analyse(data, found, options);
  ASSERT_EQ(all.groups.size(), 2U);
  EXPECT_EQ(all.groups[0].name, "gate");
  EXPECT_NEAR(all.groups[0].AP, 1, 1e-9);
  EXPECT_EQ(all.groups[1].name, "院子");
  EXPECT_EQ(all.groups[1].AP, 0);
  ASSERT_EQ(all.worst.size(), 6U);
  EXPECT_EQ(all.worst[0].sample, 1U);  // missed, and a head that is none
  EXPECT_EQ(all.worst[0].missed, 1);
  const auto json = nlohmann::json::parse(to_json(all, data));
  EXPECT_NEAR(json["AP50"].get<double>(), all.result.AP50, 1e-12);
  EXPECT_EQ(json["per_class"][0]["name"], "安全帽");
  EXPECT_EQ(json["confusion"]["classes"].size(), 3U);
  EXPECT_EQ(json["worst_pictures"][0]["file_name"], "site/院子_0.jpg");
  EXPECT_EQ(json["curves"][0]["F1"].size(), 101U);
}

TEST(GroupNames, AreShortAndTakeExpressions) {
  Dataset data;
  for (const char* path : {"/site/photos/cam1_0001.jpg", "/site/photos/cam1_0002.jpg", "/site/photos/cam2_0001.jpg"})
    data.samples.push_back({.path = path});
  EXPECT_EQ(group_names(data, "prefix"), (std::vector<std::string>{"cam1", "cam1", "cam2"}));
  EXPECT_EQ(group_names(data, "cam([0-9])"), (std::vector<std::string>{"1", "1", "2"}));
  EXPECT_TRUE(group_names(data, "auto").empty());  // two groups are too few to be sure
  data.samples.push_back({.path = "/site/other/a_1.jpg"});
  EXPECT_EQ(group_names(data, "folder"), (std::vector<std::string>{"photos", "photos", "photos", "other"}));
  EXPECT_THROW(group_names(data, "("), UsageError);
}

}  // namespace
}  // namespace joist::test
