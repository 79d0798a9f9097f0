// The label doctor: each fault under each policy.
#include <joist/data/check.h>
#include <joist/data/encode.h>
#include <joist/tests/data/support.h>

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace joist::test {
namespace {

using namespace std::string_literals;

/// Pictures of 100×80, one box "person" each unless the test says otherwise.
class Check : public ::testing::Test {
 protected:
  Sample& add(const std::string& name, const std::vector<Box>& boxes = {{10, 10, 20, 20}}) {
    if (!name.empty()) write_png(folder_ / name, gradient(100, 80));
    Sample sample{
        .path = folder_ / name, .id = static_cast<std::int64_t>(data_.samples.size()) + 1, .width = 100, .height = 80};
    sample.where = "labels.csv:" + std::to_string(data_.samples.size() + 1);
    for (const Box& box : boxes) {
      Annotation annotation{.box = box, .area = box.area()};
      annotation.where = sample.where + " box " + std::to_string(sample.annotations.size());
      sample.annotations.push_back(annotation);
    }
    data_.samples.push_back(sample);
    return data_.samples.back();
  }

  /// Fails under the policy fail, naming place and kind; returns the report of the policy report, which changes
  /// nothing.
  CheckReport expect_fault(const std::string& kind, const std::string& where, CheckOptions options = {}) {
    options.policy = Policy::fail;
    Dataset copy = data_;
    const std::string message = data_error([&] { check(copy, options); });
    EXPECT_EQ(message.find(where), 0U) << message;
    EXPECT_HAS(message, kind);
    options.policy = Policy::report;
    copy = data_;
    CheckReport report = check(copy, options);
    EXPECT_EQ(report.counts[kind], 1) << to_text(report);
    EXPECT_EQ(copy.samples.size(), data_.samples.size());
    for (std::size_t i = 0; i < copy.samples.size(); ++i) {
      EXPECT_EQ(copy.samples[i].annotations.size(), data_.samples[i].annotations.size());
    }
    return report;
  }

  CheckReport mended(Policy policy, CheckOptions options = {}) {
    options.policy = policy;
    after_ = data_;
    return check(after_, options);
  }

  const Box& first_box() const { return after_.samples.at(0).annotations.at(0).box; }

  TemporaryFolder folder_;
  Dataset data_{.format = "CSV",
                .source = "labels.csv",
                .categories = {"person", "helmet"},
                .category_ids = {1, 2},
                .samples = {}};
  Dataset after_;
};

TEST_F(Check, LetsGoodDataPass) {
  add("a.png");
  data_.samples[0].width = data_.samples[0].height = 0;
  const CheckReport report = mended(Policy::fail);
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.pictures, 1);
  EXPECT_EQ(report.boxes, 1);
  EXPECT_EQ(after_.samples[0].width, 100) << "sizes are filled in";
}

TEST_F(Check, BoxOutside) {
  add("a.png", {{90, 70, 20, 20}, {1, 1, 5, 5}});
  const auto report = expect_fault("box outside", "labels.csv:1 box 0");
  EXPECT_HAS(report.findings[0].what, "person: box 90,70 to 110,90 reaches out of its picture of 100×80");
  EXPECT_EQ(mended(Policy::repair).findings[0].action, "clipped");
  EXPECT_EQ(first_box(), (Box{90, 70, 10, 10}));
  EXPECT_EQ(after_.samples[0].annotations[0].area, 100);
  EXPECT_EQ(mended(Policy::drop).findings[0].action, "dropped");
  EXPECT_EQ(first_box(), (Box{1, 1, 5, 5}));
}

TEST_F(Check, BoxWhollyOutsideCannotBeClipped) {
  add("a.png", {{150, 10, 20, 20}, {1, 1, 5, 5}});
  expect_fault("box outside", "labels.csv:1 box 0");
  EXPECT_EQ(mended(Policy::repair).findings[0].action, "dropped");
  EXPECT_EQ(first_box(), (Box{1, 1, 5, 5}));
}

TEST_F(Check, APixelOfOverhangIsRounding) {
  add("a.png", {{-1, -0.5, 50, 40}, {60, 41, 41, 40}});
  for (const Policy policy : {Policy::fail, Policy::repair, Policy::drop}) {
    const CheckReport report = mended(policy);
    EXPECT_TRUE(report.findings.empty());
    EXPECT_EQ(report.rounded, 2);
    EXPECT_EQ(first_box(), (Box{0, 0, 49, 39.5}));
    EXPECT_EQ(after_.samples[0].annotations[1].box, (Box{60, 41, 40, 39}));
  }
  data_.samples[0].annotations[0].box.x = -1.01;
  expect_fault("box outside", "labels.csv:1 box 0");
}

TEST_F(Check, BoxWithoutArea) {
  for (const Box& box : {Box{5, 5, 0, 9}, Box{5, 5, 9, 0}, Box{5, 5, -3, -3}}) {
    data_.samples.clear();
    add("a.png", {box, {1, 1, 5, 5}});
    expect_fault("box without area", "labels.csv:1 box 0");
    EXPECT_EQ(mended(Policy::repair).boxes, 1);
    EXPECT_EQ(mended(Policy::drop).boxes, 1);
  }
}

TEST_F(Check, BoxNotFinite) {
  for (const double odd : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    data_.samples.clear();
    add("a.png", {{odd, 5, 9, 9}, {1, 1, 5, 5}});
    expect_fault("box not finite", "labels.csv:1 box 0");
    EXPECT_EQ(mended(Policy::repair).boxes, 1);
  }
}

TEST_F(Check, UnknownClass) {
  add("a.png", {{1, 1, 5, 5}, {1, 1, 6, 6}});
  data_.samples[0].annotations[1].category = 1;
  const CheckOptions options{.categories = {"vest", "person"}};
  EXPECT_HAS(expect_fault("unknown class", "labels.csv:1 box 1", options).findings[0].what, "\"helmet\"");
  EXPECT_EQ(mended(Policy::drop, options).boxes, 1);
  EXPECT_EQ(after_.categories, options.categories);
  EXPECT_EQ(after_.samples[0].annotations[0].category, 1);
}

TEST_F(Check, DuplicateBoxesAreListedAndDropped) {
  add("a.png", {{1, 1, 5, 5}, {1, 1, 5, 5}, {1, 1, 5, 5}});
  data_.samples[0].annotations[2].category = 1;  // another class is no duplicate
  CheckReport report = mended(Policy::fail);
  EXPECT_EQ(report.counts["duplicate box"], 1);
  EXPECT_EQ(report.boxes, 3);
  EXPECT_EQ(mended(Policy::repair).boxes, 2);
}

TEST_F(Check, PictureMissing) {
  add("");
  data_.samples[0].path = folder_ / "none.png";
  add("b.png");
  expect_fault("picture missing", "labels.csv:1");
  EXPECT_EQ(mended(Policy::repair).pictures, 1);
  EXPECT_EQ(after_.samples[0].path, folder_ / "b.png");
  EXPECT_NO_THROW(mended(Policy::fail, {.read_pictures = false}));
}

TEST_F(Check, PictureTruncatedOrNone) {
  add("b.png");
  add("a.png");
  const std::string whole = read_bytes(folder_ / "a.png", 1 << 20);
  folder_.write("a.png", whole.substr(0, whole.size() / 2));
  expect_fault("picture truncated", "labels.csv:2");
  for (const std::string& content : {"hello"s, ""s, whole.substr(0, 20)}) {
    folder_.write("a.png", content);
    expect_fault("picture unreadable", "labels.csv:2");
    EXPECT_EQ(mended(Policy::drop).pictures, 1);
  }
  std::string bomb = whole;
  bomb.replace(16, 8, "\0\0\xEA\x60\0\0\xEA\x60"s);  // 60,000×60,000 in the header
  folder_.write("a.png", bomb);
  expect_fault("picture unreadable", "labels.csv:2");
}

TEST_F(Check, PictureListedTwice) {
  add("a.png", {{1, 1, 5, 5}});
  add("a.png", {{2, 2, 6, 6}, {1, 1, 5, 5}});
  data_.samples[1].path = folder_ / "../" + std::filesystem::path(folder_.path()).filename().string() + "/a.png";
  expect_fault("picture twice", "labels.csv:2");
  EXPECT_EQ(mended(Policy::repair).pictures, 1);
  EXPECT_EQ(after_.samples[0].annotations.size(), 2U) << "merged, without the duplicate";
  mended(Policy::drop);
  EXPECT_EQ(after_.samples.at(0).annotations.size(), 1U);
}

TEST_F(Check, SizeDiffers) {
  add("a.png", {{20, 20, 40, 40}});
  data_.samples[0].width = 200;
  data_.samples[0].height = 160;
  expect_fault("size differs", "labels.csv:1");
  EXPECT_EQ(mended(Policy::repair).findings[0].action, "scaled");
  EXPECT_EQ(first_box(), (Box{10, 10, 20, 20}));
  EXPECT_EQ(after_.samples[0].annotations[0].area, 400);
  add("b.png");
  data_.samples[0].height = 100;  // another shape: no scale explains it
  EXPECT_EQ(mended(Policy::repair).pictures, 1);
}

TEST_F(Check, APixelOfSizeIsRounding) {
  add("a.png", {{90, 70, 11, 11}});
  data_.samples[0].width = 101;
  data_.samples[0].height = 81;
  EXPECT_EQ(mended(Policy::fail).rounded, 2);
  EXPECT_EQ(first_box(), (Box{90, 70, 10, 10}));
}

TEST_F(Check, BoxesOnStoredRowsAreTurnedUpright) {
  const auto jpeg = encode_jpeg(gradient(100, 80));
  const std::string exif =
      "\xFF\xE1\0\x22"
      "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"s;
  const std::string bytes(jpeg.begin(), jpeg.end());
  for (const bool is_upright : {false, true}) {
    data_.samples.clear();
    add("a.png", {{0, 0, 10, 20}});
    folder_.write("a.png", bytes.substr(0, 2) + exif + bytes.substr(2));
    if (is_upright) std::swap(data_.samples[0].width, data_.samples[0].height);
    CheckReport report = mended(Policy::fail);
    EXPECT_EQ(report.counts["turned"], is_upright ? 0 : 1);
    EXPECT_EQ(first_box(), is_upright ? (Box{0, 0, 10, 20}) : (Box{60, 0, 20, 10}));
    EXPECT_EQ(after_.samples[0].width, 80);
    EXPECT_EQ(after_.samples[0].height, 100);
  }
}

TEST_F(Check, EmptyDataSet) {
  expect_fault("empty data set", "labels.csv");
  data_error([&] { mended(Policy::repair); });
  add("");
  data_.samples[0].path = folder_ / "none.png";
  EXPECT_HAS(data_error([&] { mended(Policy::drop); }), "no picture is left");
}

TEST_F(Check, TrainingNeedsABox) {
  add("a.png", {});
  EXPECT_NO_THROW(mended(Policy::fail));
  expect_fault("no boxes", "labels.csv", {.for_training = true});
  data_error([&] { mended(Policy::repair, {.for_training = true}); });
  data_.samples.clear();
  add("a.png").annotations[0].crowd = true;
  expect_fault("no boxes", "labels.csv", {.for_training = true});
}

TEST_F(Check, ReportsAsJsonAndText) {
  for (int i = 0; i < 7; ++i) add("图" + std::to_string(i) + ".png", {{5, 5, 0, 9}});
  const CheckReport report = mended(Policy::report);
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["pictures"], 7);
  EXPECT_EQ(json["counts"]["box without area"], 7);
  EXPECT_EQ(json["findings"].size(), 7U);
  EXPECT_EQ(json["findings"][6]["where"], "labels.csv:7 box 0");
  EXPECT_HAS(to_text(report), "box without area: 7\n");
  EXPECT_HAS(to_text(report), "and 2 more");
}

TEST_F(Check, AHundredThousandBoxesInOnePictureAreNoHang) {
  std::vector<Box> boxes;
  for (int i = 0; i < 100000; ++i)
    boxes.push_back({static_cast<double>(i % 90), static_cast<double>(i / 90 % 70), 1.0 + i / 6300, 2});
  add("a.png", boxes);
  EXPECT_EQ(mended(Policy::report).boxes, 100000);
}

}  // namespace
}  // namespace joist::test
