// Every annotation format into every other and back, and what a format cannot hold.
#include <joist/data/dataset.h>
#include <joist/data/encode.h>
#include <joist/data/write.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace joist::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

struct Entry {
  std::string picture{}, label{};
  Box box{};
};

/// The boxes of a set in an order of their own.
std::vector<Entry> entries(const Dataset& data) {
  std::vector<Entry> all;
  for (const Sample& sample : data.samples) {
    for (const Annotation& annotation : sample.annotations)
      all.push_back({fs::path(sample.name).stem().string(),
                     data.categories[static_cast<std::size_t>(annotation.category)], annotation.box});
  }
  std::sort(all.begin(), all.end(), [](const Entry& a, const Entry& b) {
    const auto key = [](const Entry& e) {
      return std::tuple(e.picture, e.label, std::lround(e.box.x), std::lround(e.box.y), std::lround(e.box.width),
                        std::lround(e.box.height));
    };
    return key(a) < key(b);
  });
  return all;
}

/// The largest difference in pixels between two sets of boxes; -1 where they do not correspond.
double difference(const Dataset& a, const Dataset& b) {
  const auto first = entries(a);
  const auto second = entries(b);
  if (first.size() != second.size()) return -1;
  double largest = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i].picture != second[i].picture || first[i].label != second[i].label) return -1;
    const Box& x = first[i].box;
    const Box& y = second[i].box;
    largest = std::max({largest, std::abs(x.x - y.x), std::abs(x.y - y.y), std::abs(x.right() - y.right()),
                        std::abs(x.bottom() - y.bottom())});
  }
  return largest;
}

/// Two pictures with everything that some format can hold, and one without boxes.
Dataset small_set(const TemporaryFolder& folder) {
  for (const char* name : {"a.png", "乙.png", "c.png"}) write_png(folder / ("pictures/"s + name), gradient(100, 80));
  const auto path = folder.write("pictures/train.json", R"({"images":[
    {"id":7,"file_name":"a.png","width":100,"height":80},{"id":3,"file_name":"乙.png","width":100,"height":80},
    {"id":9,"file_name":"c.png","width":100,"height":80}],
  "annotations":[
    {"id":31,"image_id":7,"category_id":2,"bbox":[10,20,30.25,40.125],"area":700,"iscrowd":0,
     "segmentation":[[10,20,40.25,20,40.25,60.125,20.5,60.125]],"attributes":{"occluded":true}},
    {"id":32,"image_id":7,"category_id":9,"bbox":[5,6,20,20],"area":200,
     "segmentation":[[5,6,15,6,15,16],[15,16,25,16,25,26]]},
    {"id":33,"image_id":3,"category_id":9,"bbox":[1,2,3,4],"area":12,"iscrowd":1,
     "segmentation":{"size":[80,100],"counts":[10,4,7986]}},
    {"id":35,"image_id":3,"category_id":2,"bbox":[50,2,30,40],"area":1200,"ignore":1,
     "keypoints":[51,3,2,60.5,20,1,0,0,0],"num_keypoints":2}],
  "categories":[{"id":9,"name":"person"},
    {"id":2,"name":"安全帽","keypoints":["l","r","top"],"skeleton":[[1,2]]},
    {"id":11,"name":"unused"}]})");
  return read_dataset(path);
}

std::string loss(const WriteReport& report, const std::string& what) {
  for (const Loss& one : report.losses) {
    if (one.what.find(what) != std::string::npos) return std::to_string(one.count) + " " + one.where;
  }
  return "";
}

TEST(Convert, EachToEachAndBackKeepsTheBoxes) {
  const TemporaryFolder folder;
  const Dataset data = small_set(folder);
  for (const std::string& first : writable_formats()) {
    const WriteReport written = write_dataset(data, first, folder / first);
    const Dataset once = read_dataset(folder / first);
    EXPECT_LE(std::abs(difference(data, once)), 1e-5) << first;
    EXPECT_EQ(written.boxes, 4);
    EXPECT_EQ(once.samples.size(), first == "openimages" ? 2U : 3U) << first;
    for (const std::string& second : writable_formats()) {
      write_dataset(once, second, folder / (first + "-" + second));
      EXPECT_LE(std::abs(difference(data, read_dataset(folder / (first + "-" + second)))), 1e-5)
          << first << " " << second;
    }
  }
}

TEST(Convert, CocoKeepsEverything) {
  const TemporaryFolder folder;
  const Dataset data = small_set(folder);
  const WriteReport report = write_dataset(data, "coco", folder / "out/again.json");
  EXPECT_TRUE(report.losses.empty()) << report.losses.front().what;
  EXPECT_EQ(report.path, folder / "out/again.json");
  const Dataset again = read_dataset(folder / "out/again.json");
  EXPECT_EQ(again.categories, data.categories);
  EXPECT_EQ(again.category_ids, data.category_ids);
  EXPECT_EQ(again.keypoints.at(0).names, (std::vector<std::string>{"l", "r", "top"}));
  EXPECT_EQ(again.keypoints.at(0).skeleton, data.keypoints.at(0).skeleton);
  ASSERT_EQ(again.samples.size(), data.samples.size());
  for (std::size_t i = 0; i < data.samples.size(); ++i) {
    EXPECT_EQ(again.samples[i].id, data.samples[i].id);
    EXPECT_TRUE(fs::equivalent(again.samples[i].path, data.samples[i].path));
    ASSERT_EQ(again.samples[i].annotations.size(), data.samples[i].annotations.size());
    for (std::size_t k = 0; k < data.samples[i].annotations.size(); ++k) {
      const Annotation& a = data.samples[i].annotations[k];
      const Annotation& b = again.samples[i].annotations[k];
      EXPECT_EQ(a.box, b.box);
      EXPECT_EQ(a.id, b.id);
      EXPECT_EQ(a.area, b.area);
      EXPECT_EQ(std::tuple(a.crowd, a.difficult, a.occluded), std::tuple(b.crowd, b.difficult, b.occluded));
      ASSERT_EQ(static_cast<bool>(a.outline), static_cast<bool>(b.outline));
      if (a.outline) {
        EXPECT_EQ(*a.outline, *b.outline) << a.where;
      }
    }
  }
}

TEST(Convert, ListsWhatIsLost) {
  const TemporaryFolder folder;
  const Dataset data = small_set(folder);
  const WriteReport voc = write_dataset(data, "voc", folder / "voc");
  EXPECT_HAS(loss(voc, "outlines"), "2 ");
  EXPECT_HAS(loss(voc, "masks"), "1 ");
  EXPECT_HAS(loss(voc, "keypoints"), "1 ");
  EXPECT_HAS(loss(voc, "crowd"), "#annotations[2]");
  EXPECT_EQ(loss(voc, "difficult"), "");
  EXPECT_HAS(loss(voc, "classes without boxes"), "unused");
  EXPECT_HAS(loss(voc, "ids of boxes"), "4 ");
  const WriteReport openimages = write_dataset(data, "openimages", folder / "openimages");
  EXPECT_HAS(loss(openimages, "pictures without boxes"), "#images[2]");
  EXPECT_EQ(loss(openimages, "crowd"), "");
  EXPECT_HAS(to_json(voc, data, "voc"), "\"what\": \"crowd flags\"");
  try {
    write_dataset(data, "yoloo", folder / "x");
    ADD_FAILURE();
  } catch (const UsageError& error) {
    EXPECT_HAS(error.what(), "coco, yolo, voc");
  }
}

TEST(Convert, OutlinesThroughLabelMeCvatAndYolo) {
  const TemporaryFolder folder;
  const Dataset data = small_set(folder);
  for (const std::string format : {"labelme", "cvat", "yolo"}) {
    write_dataset(data, format, folder / format);
    const Dataset again = read_dataset(folder / format);
    const auto sample = std::find_if(again.samples.begin(), again.samples.end(),
                                     [](const Sample& s) { return s.name.find("a.png") != std::string::npos; });
    ASSERT_NE(sample, again.samples.end());
    ASSERT_EQ(sample->annotations.size(), 2U) << format;
    const auto& polygons = sample->annotations[1].outline->polygons;
    EXPECT_EQ(polygons.size(), format == "yolo" ? 1U : 2U);
    double area = 0;
    for (const auto& polygon : polygons) area += polygon_area(polygon);
    EXPECT_NEAR(area, 100, 1e-4) << format;
  }
}

TEST(Convert, RunLengthsAsText) {
  const std::vector<std::vector<std::uint32_t>> all = {
      {}, {0, 5, 3}, {10, 4, 7986}, {1, 2, 3, 4, 5, 1000000, 1, 31, 32, 15, 16}};
  for (const auto& runs : all) EXPECT_EQ(runs_from_text(text_from_runs(runs), 20), runs);
  EXPECT_EQ(text_from_runs({10, 4, 7986}), ":4bi7");  // as pycocotools writes them
  EXPECT_FALSE(runs_from_text("\x7f", 20));
  EXPECT_FALSE(runs_from_text("oooooooooo", 20));
  EXPECT_FALSE(runs_from_text("111111", 3));
}

TEST(Convert, ReadsOtherSpellings) {
  const TemporaryFolder folder;
  write_png(folder / "a.png", gradient(100, 80));
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"ImageID,LabelName,XMin,XMax,YMin,YMax\na,object,\"0,1\",\"0,3\",\"0,25\",0.75\n", "OpenImages CSV"},
      {"image_id,width,height,bbox,source\na,100,80,\"[10.0, 20, 20.0, 40.0]\",x\n", "CSV"},
      {"image_name,BoxesString,domain\na.png,10 20 30 60,x\n", "CSV"},
      {"image,x,y,width,height,class\na.png,10,20,20,40,object\n", "CSV"},
      {"a.png,10,20,30,60,object\n", "CSV"},
      {"filename;xmin;ymin;xmax;ymax;class\na.png;10,0;20;30;60;object\n", "CSV"}};
  for (const auto& [text, format] : forms) {
    const Dataset data = read_dataset(folder.write("labels.csv", text));
    EXPECT_EQ(data.format, format);
    ASSERT_EQ(data.samples.size(), 1U) << text;
    ASSERT_EQ(data.samples[0].annotations.size(), 1U) << text;
    const Box& box = data.samples[0].annotations[0].box;
    EXPECT_NEAR(box.x, 10, 1e-9) << text;
    EXPECT_NEAR(box.y, 20, 1e-9) << text;
    EXPECT_NEAR(box.width, 20, 1e-9) << text;
    EXPECT_NEAR(box.height, 40, 1e-9) << text;
    EXPECT_EQ(data.categories, std::vector<std::string>{"object"});
  }
  folder.write("wheat/a.csv", "image_name,BoxesString\na.png,no_box\n");
  EXPECT_TRUE(read_dataset(folder / "wheat/a.csv", {.images = folder.path()}).samples.at(0).annotations.empty());
}

TEST(Convert, YoloLayouts) {
  const TemporaryFolder folder;
  for (const char* name : {"images/train/a.png", "images/val/a.png", "images/val/b.png"})
    write_png(folder / ("set/"s + name), gradient(100, 80));
  folder.write("set/labels/train/a.txt", "0 0.5 0.5 0.2 0.25\n");
  folder.write("set/labels/val/a.txt", "1 0.1 0.1 0.2 0.1 0.2 0.3\n");
  folder.write("set/data.yaml",
               "path: ../somewhere/else\ntrain: images/train\nval: images/val\nnames:\n  0: 安全帽\n  1: person\n");
  const Dataset all = read_dataset(folder / "set");
  EXPECT_EQ(all.format, "YOLO");
  EXPECT_EQ(all.samples.size(), 3U);
  EXPECT_EQ(all.categories, (std::vector<std::string>{"安全帽", "person"}));
  const Dataset train = read_dataset(folder / "set/data.yaml", {.split = "train"});
  ASSERT_EQ(train.samples.size(), 1U);
  EXPECT_EQ(train.samples[0].annotations.at(0).box, (Box{40, 30, 20, 20}));
  const Dataset val = read_dataset(folder / "set/data.yaml", {.split = "val"});
  EXPECT_EQ(val.samples.size(), 2U);
  EXPECT_HAS(data_error([&] { read_dataset(folder / "set/data.yaml", {.split = "test"}); }), "no part \"test\"");
  fs::remove(folder / "set/data.yaml");
  EXPECT_EQ(read_dataset(folder / "set").categories, (std::vector<std::string>{"0", "1"}));
  const std::vector<std::pair<std::string, std::string>> faults = {{"0 0.5 0.5 0.2", "a.txt:1: 4 columns"},
                                                                   {"\n0 a 0.5 0.2 0.3", "a.txt:2: column 2 is \"a\""},
                                                                   {"0.5 0.5 0.5 0.2 0.3", "class 0.5"},
                                                                   {"-1 0.5 0.5 0.2 0.3", "class -1"}};
  for (const auto& [line, message] : faults) {
    folder.write("set/labels/train/a.txt", line);
    EXPECT_HAS(data_error([&] { read_dataset(folder / "set"); }), message);
  }
  for (const std::string yaml :
       {"train: [images/train", "train: &a images/train\nval: *a\nnames: [x]", "train: images/nowhere/x\nnames: [x]",
        "train: images/train\nnc: 3\nnames: [x]", "train: images/train\nnames: {99999999: x}"}) {
    EXPECT_HAS(data_error([&] { read_dataset(folder.write("set/other.yaml", yaml)); }), "other.yaml");
  }
}

/// The same 273 boxes in eight forms, published by rafaelpadilla/review_object_detection_metrics.
TEST(Convert, SharedBoxFormats) {
  const std::string shared = shared_data();
  if (shared.empty()) GTEST_SKIP() << "no shared data";
  const std::string root = shared + "/box-formats/gts/";
  const std::string images = shared + "/box-formats/images";
  const Dataset truth = read_dataset(root + "pascalvoc_format", {.images = images});
  EXPECT_EQ(entries(truth).size(), 273U);
  std::map<std::string, Dataset> sets;
  for (const char* name : {"coco_format_v1", "coco_format_v2", "imagenet_format", "openimages_format", "yolo_format",
                           "labelme_format", "cvat_format", "pascalvoc_format"}) {
    sets[name] = read_dataset(root + name, {.images = images});
    const double off = difference(truth, sets[name]);
    EXPECT_GE(off, 0) << name;
    EXPECT_LE(off, 0.01) << name;
  }
  const TemporaryFolder folder;
  for (const auto& [name, data] : sets) {
    for (const std::string& to : writable_formats()) {
      const std::string out = folder / (name + "-" + to);
      write_dataset(data, to, out, {.images = images, .with_pictures = false});
      const double off = difference(truth, read_dataset(out, {.images = images}));
      EXPECT_GE(off, 0) << name << " to " << to;
      EXPECT_LE(off, 0.01) << name << " to " << to;
    }
  }
}

}  // namespace
}  // namespace joist::test
