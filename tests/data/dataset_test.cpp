// Reading annotations in every format, sound and broken.
#include <joist/data/dataset.h>
#include <joist/data/write.h>
#include <joist/tests/data/annotation_texts.h>

#include <algorithm>
#include <random>
#include <tuple>

namespace joist::test {
namespace {

using namespace std::string_literals;

const std::string helmet_gbk = "\xB0\xB2\xC8\xAB\xC3\xB1";  // 安全帽

/// Boxes by picture name and class name, whatever the order of anything.
std::vector<std::tuple<std::string, std::string, double, double, double, double>> content(const Dataset& data) {
  std::vector<std::tuple<std::string, std::string, double, double, double, double>> all;
  for (const auto& sample : data.samples) {
    for (const auto& annotation : sample.annotations) {
      const Box& box = annotation.box;
      all.emplace_back(sample.path, data.categories[static_cast<std::size_t>(annotation.category)], box.x, box.y,
                       box.width, box.height);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

TEST(Coco, KeepsIdsAreaAndCrowd) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const auto path = folder.write(
      "train.json", coco(R"({"id":31,"image_id":7,"category_id":2,"bbox":[1,2,30.5,40],"area":99.5,"iscrowd":1},
                        {"id":32,"image_id":7,"category_id":9,"bbox":[5,6,7,8],"ignore":1})"));
  const Dataset data = read_dataset(path);
  EXPECT_EQ(data.format, "COCO JSON");
  EXPECT_EQ(data.categories, (std::vector<std::string>{"helmet", "person"}));
  EXPECT_EQ(data.category_ids, (std::vector<std::int64_t>{2, 9}));
  ASSERT_EQ(data.samples.size(), 1U);
  const Sample& sample = data.samples[0];
  EXPECT_EQ(sample.id, 7);
  EXPECT_EQ(sample.path, folder / "a.png");
  EXPECT_EQ(sample.width, 100);
  ASSERT_EQ(sample.annotations.size(), 2U);
  EXPECT_EQ(sample.annotations[0].box, (Box{1, 2, 30.5, 40}));
  EXPECT_EQ(sample.annotations[0].area, 99.5);
  EXPECT_EQ(sample.annotations[0].id, 31);
  EXPECT_TRUE(sample.annotations[0].crowd);
  EXPECT_FALSE(sample.annotations[0].difficult);
  EXPECT_EQ(sample.annotations[0].category, 0);
  EXPECT_EQ(sample.annotations[1].area, 56);
  EXPECT_TRUE(sample.annotations[1].difficult);
  EXPECT_EQ(sample.annotations[1].where, path + "#annotations[1]");
  EXPECT_EQ(summary(data), "COCO JSON " + path + ": 1 picture, 2 boxes, 2 classes (helmet 1, person 1)");
}

TEST(Coco, NamesTheFaultyRecord) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const std::vector<std::pair<std::string, std::string>> faults = {
      {coco(R"({"image_id":7,"category_id":2})"), "#annotations[0]: no \"bbox\""},
      {coco(R"({"image_id":7,"category_id":2,"bbox":[1,2,3]})"), "\"bbox\" is [1,2,3]"},
      {coco(R"({"image_id":7,"category_id":2,"bbox":[1,2,3,"4"]})"), "\"bbox\" is [1,2,3,\"4\"]"},
      {coco(R"({"image_id":7,"category_id":2,"bbox":[1,2,3,4,5]})"), "\"bbox\" is"},
      {coco(R"({"image_id":8,"category_id":2,"bbox":[1,2,3,4]})"), "\"image_id\" 8 is not among the images"},
      {coco(R"({"image_id":7,"category_id":3,"bbox":[1,2,3,4]})"), "\"category_id\" 3 is not among the categories"},
      {coco(R"({"image_id":"7","category_id":2,"bbox":[1,2,3,4]})"), "\"image_id\" is \"7\""},
      {coco(R"({"image_id":7.5,"category_id":2,"bbox":[1,2,3,4]})"), "\"image_id\" is 7.5"},
      {coco("17"), "#annotations[0]: not an object"},
      {coco("", R"({"id":1,"file_name":"a.png"},{"id":1,"file_name":"b.png"})"),
       "#images[1]: image id 1 is there twice"},
      {coco("", R"({"id":1})"), "#images[0]: no \"file_name\""},
      {coco("", R"({"id":1,"file_name":"a.png","width":-4})"), "\"width\" is -4"},
      {R"({"images":[],"annotations":{}})", "no list \"categories\""},
      {R"({"images":[],"annotations":[],"categories":[{"id":1,"name":"a"},{"id":1,"name":"b"}]})",
       "category id 1 is there twice"},
      {R"({"images":[],"annotations":[],"categories":[{"id":1,"name":"a"},{"id":2,"name":"a"}]})",
       "category \"a\" is there twice"},
      {"[]", "no list \"categories\""},
      {"", "ends too early, after 0 bytes"}};
  for (const auto& [json, expected] : faults) {
    const auto path = folder.write("train.json", json);
    const std::string message = data_error([&] { read_dataset(path); });
    EXPECT_EQ(message.find(path), 0U) << message;
    EXPECT_HAS(message, expected);
  }
}

TEST(Coco, SaysWhereJsonIsBroken) {
  const TemporaryFolder folder;
  const std::string good = coco(
      "\n"
      R"({"image_id":7,"category_id":2,"bbox":[1,2,3,4]})");
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto path = folder.write("train.json", good.substr(0, length));
    EXPECT_HAS(data_error([&] { read_dataset(path); }),
               path + ":" + (length > good.find('\n') ? "2" : "1") + ": the JSON ends too early");
  }
  std::string bad = good;
  bad.replace(bad.find("\"bbox\":"), 7, "\"bbox\"; ");
  EXPECT_HAS(data_error([&] { read_dataset(folder.write("train.json", bad)); }),
             "train.json:2: not JSON at byte " + std::to_string(bad.find("; ")));
  EXPECT_HAS(data_error([&] { read_dataset(folder.write("deep.json", std::string(100000, '['))); }), "deep.json");
}

TEST(Voc, ReadsAFolder) {
  const TemporaryFolder folder;
  draw(folder, "JPEGImages/a.png");
  draw(folder, "JPEGImages/b.png");
  folder.write("Annotations/a.xml", voc(voc_object("person") + voc_object("helmet")));
  folder.write("Annotations/b.xml", "\xEF\xBB\xBF" + voc("", "old-name.png"));
  for (const std::string& path : {folder.path(), folder / "Annotations", (folder / "Annotations/")}) {
    const Dataset data = read_dataset(path);
    EXPECT_EQ(data.format, "Pascal VOC XML");
    EXPECT_EQ(data.categories, (std::vector<std::string>{"helmet", "person"}));
    ASSERT_EQ(data.samples.size(), 2U);
    EXPECT_EQ(std::filesystem::path(data.samples[1].path).filename(), "b.png") << "renamed without its <filename>";
    const Annotation& first = data.samples[0].annotations.at(0);
    EXPECT_EQ(first.box, (Box{10, 20, 30, 40.5}));
    EXPECT_EQ(first.category, 1);
    EXPECT_TRUE(first.difficult);
    EXPECT_HAS(first.where, "a.xml:4");
    EXPECT_HAS(data.samples[0].annotations.at(1).where, "a.xml:9");
    EXPECT_HAS(summary(data), "2 pictures (1 without boxes), 2 boxes, 2 classes");
  }
  EXPECT_EQ(read_dataset(folder / "Annotations/a.xml").samples.size(), 1U);
}

TEST(Voc, NamesTheFaultyLine) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const std::vector<std::pair<std::string, std::string>> faults = {
      {voc(voc_object("person", "ten")), "a.xml:7: <xmin> is \"ten\""},
      {voc(voc_object("")), "a.xml:4: <object> without a class"},
      {voc("<object><name>person</name></object>"), "without a <bndbox>"},
      {voc("<object><name>person</name><bndbox><xmin>1</xmin></bndbox></object>"), "<bndbox> without <ymin>"},
      {voc(voc_object("person")).substr(0, 150), "not well-formed XML"},
      {"<html></html>", "XML without <annotation>"}};
  for (const auto& [xml, expected] : faults) {
    const auto path = folder.write("a.xml", xml);
    EXPECT_HAS(data_error([&] { read_dataset(path); }), expected);
    EXPECT_HAS(data_error([&] { read_dataset(folder.path()); }), expected);
  }
}

TEST(Csv, ReadsTheUsualColumnsInAnyOrder) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  draw(folder, "b, \"c\".png");
  const auto path = folder.write("boxes.csv",
                                 "class,XMIN,ymin,xmax,ymax,filename,score\r\n"
                                 "person,1,2,11,22.5,a.png,0.5\r\n"
                                 "\"head, \"\"bare\"\"\",3,4,5,6,\"b, \"\"c\"\".png\",0.5\r\n"
                                 "\r\n"
                                 " person , 7 ,8,9,10,a.png,0.5\r\n"
                                 ",,,,,,\r\n");
  const Dataset data = read_dataset(path);
  EXPECT_EQ(data.categories, (std::vector<std::string>{"head, \"bare\"", "person"}));
  ASSERT_EQ(data.samples.size(), 2U);
  EXPECT_EQ(data.samples[1].path, folder / "b, \"c\".png");
  ASSERT_EQ(data.samples[0].annotations.size(), 2U);
  EXPECT_EQ(data.samples[0].annotations[0].box, (Box{1, 2, 10, 20.5}));
  EXPECT_EQ(data.samples[0].annotations[1].where, path + ":5");
  EXPECT_EQ(data.samples[0].annotations[1].category, 1);
  EXPECT_EQ(data.samples[0].width, 0);
}

TEST(Csv, ARowWithoutABoxIsABackgroundPicture) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const Dataset data = read_dataset(folder.write("boxes.csv", csv_header + "a.png,100,80,,,,,\n"));
  ASSERT_EQ(data.samples.size(), 1U);
  EXPECT_TRUE(data.samples[0].annotations.empty());
  EXPECT_EQ(data.samples[0].height, 80);
}

TEST(Csv, ReadsChineseFilesOfEveryEncoding) {
  const TemporaryFolder folder;
  draw(folder, "工地/图片/一号.png");
  const std::string utf8_row = "图片/一号.png,100,80,安全帽,1,2,3,4\n";
  const std::string gbk_row = "\xCD\xBC\xC6\xAC/\xD2\xBB\xBA\xC5.png,100,80," + helmet_gbk + ",1,2,3,4\n";
  std::string utf16 = "\xFF\xFE";
  for (const char c : csv_header) utf16 += std::string(1, c) + '\0';
  for (const char16_t c : std::u16string(u"图片/一号.png,100,80,安全帽,1,2,3,4\r\n")) {
    utf16 += static_cast<char>(c & 0xFF);
    utf16 += static_cast<char>(c >> 8);
  }
  for (const std::string& csv :
       {csv_header + utf8_row, "\xEF\xBB\xBF" + csv_header + utf8_row, csv_header + gbk_row, utf16}) {
    const Dataset data = read_dataset(folder.write("工地/标注.csv", csv));
    EXPECT_EQ(data.categories, std::vector<std::string>{"安全帽"});
    EXPECT_EQ(data.samples.at(0).path, folder / "工地/图片/一号.png");
  }
}

TEST(Json, ReadsMarksAndGbk) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const std::string json = R"({"images":[],"annotations":[],"categories":[{"id":1,"name":")";
  for (const std::string& text : {"\xEF\xBB\xBF" + json + "安全帽\"}]}", json + helmet_gbk + "\"}]}"}) {
    EXPECT_EQ(read_dataset(folder.write("a.json", text)).categories, std::vector<std::string>{"安全帽"});
  }
}

TEST(Xml, ReadsMarksAndGbk) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  for (const std::string& text : {"\xEF\xBB\xBF" + voc(voc_object("安全帽")),
                                  "<?xml version=\"1.0\" encoding=\"gb2312\"?>\n" + voc(voc_object(helmet_gbk))}) {
    EXPECT_EQ(read_dataset(folder.write("a.xml", text)).categories, std::vector<std::string>{"安全帽"});
  }
}

TEST(Csv, NamesLineAndColumn) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"", "boxes.csv: the file is empty"},
      {"file,w,h,c\n", "boxes.csv:1: the header \"file,w,h,c\" lacks filename, class, xmin, ymin, xmax, ymax"},
      {csv_header + "a.png,100,80,person,1,2,three,4\n", "boxes.csv:2: column 7 (xmax) is \"three\""},
      {csv_header + "a.png,100,80,person,1,2,3,4\na.png,100,80,person,1,2,nan,4\n",
       "boxes.csv:3: column 7 (xmax) is \"nan\""},
      {csv_header + "a.png,100,80,person,1,,3,4\n", "column 6 (ymin) is \"\""},
      {csv_header + "a.png,100,80,person,1,2,3,1e999\n", "column 8 (ymax)"},
      {csv_header + "a.png,100.5,80,person,1,2,3,4\n", "column 2 (width) is \"100.5\""},
      {csv_header + "a.png,100,80,,1,2,3,4\n", "box without a class"},
      {csv_header + ",100,80,person,1,2,3,4\n", "row without a file name"},
      {csv_header + "a.png,100,80,person,1,2,3\n", "boxes.csv:2: 7 columns"},
      {csv_header + "a.png,100,80,person,1,2,3,4\n\na.png,100,90,person,1,2,3,4\n",
       "boxes.csv:4: a.png is 100×90 here but 100×80"},
      {csv_header + "\"a.png,100,80,person,1,2,3,4\n", "boxes.csv:2: a quoted field is not closed"},
      {csv_header + "\"a\"b.png,100,80,person,1,2,3,4\n", "boxes.csv:2: text after the closing quote"}};
  for (const auto& [csv, expected] : faults) {
    EXPECT_HAS(data_error([&] { read_dataset(folder.write("boxes.csv", csv)); }), expected);
  }
}

TEST(Readers, SurviveAnyChangedBytes) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const std::vector<std::pair<std::string, std::string>> files = {
      {"a.json", coco(R"({"id":3,"image_id":7,"category_id":2,"bbox":[1,2,3,4],"area":12,"iscrowd":0})")},
      {"a.xml", voc(voc_object("person") + voc_object("安全帽"))},
      {"a.csv", csv_header + "a.png,100,80,person,1,2,3,4\n\"a.png\",100,80,\"安全帽\",1,2,3,4\n"}};
  std::mt19937 random(3);
  std::size_t refused = 0;
  for (int round = 0; round < 1500; ++round) {
    auto [name, bytes] = files[static_cast<std::size_t>(round) % files.size()];
    for (int change = 0; change < 1 + round % 4; ++change) {
      const std::size_t at = random() % bytes.size();
      if (random() % 4 == 0) {
        bytes.erase(at, 1 + random() % 9);
      } else {
        bytes[at] = static_cast<char>(random());
      }
      if (bytes.empty()) bytes = " ";
    }
    try {
      EXPECT_LE(read_dataset(folder.write(name, bytes), {.require_pictures = false}).samples.size(), 2U);
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500U);
}

TEST(Categories, FollowAGivenList) {
  const TemporaryFolder folder;
  draw(folder, "a.png");
  const auto path = folder.write("a.json", coco(R"({"image_id":7,"category_id":9,"bbox":[1,2,3,4]})"));
  const Dataset data = read_dataset(path, {.categories = {"vest", "person", "helmet"}});
  EXPECT_EQ(data.categories, (std::vector<std::string>{"vest", "person", "helmet"}));
  EXPECT_EQ(data.category_ids, (std::vector<std::int64_t>{10, 9, 2}));
  EXPECT_EQ(data.samples.at(0).annotations.at(0).category, 1);
  EXPECT_EQ(read_dataset(path, {.categories = {"person"}}).categories.size(), 1U) << "helmet has no box";
  const std::string message = data_error([&] { read_dataset(path, {.categories = {"helmet", "vest"}}); });
  EXPECT_HAS(message, path + "#annotations[0]");
  EXPECT_HAS(message, "\"person\"");
  EXPECT_HAS(message, "helmet, vest");
}

TEST(Hardhat, CsvAndCocoGiveTheSame) {
  if (shared_data().empty()) GTEST_SKIP() << "no shared data";
  for (const std::string split : {"train", "val"}) {
    const Dataset csv = read_dataset(shared_data() + "/hardhat/" + split + ".csv");
    const Dataset json = read_dataset(shared_data() + "/hardhat/" + split + ".json");
    EXPECT_EQ(csv.samples.size(), split == "train" ? 1399U : 358U);
    EXPECT_EQ(content(csv).size(), split == "train" ? 5291U : 1347U);
    EXPECT_EQ(content(csv), content(json));
    EXPECT_EQ(json.categories, (std::vector<std::string>{"helmet", "head", "person"}));
    const Dataset followed =
        read_dataset(shared_data() + "/hardhat/" + split + ".csv", {.categories = json.categories});
    EXPECT_EQ(followed.categories, json.categories);
    EXPECT_EQ(content(followed), content(json));
  }
}

TEST(BoxFormats, VocAndCocoGiveTheSame) {
  if (shared_data().empty()) GTEST_SKIP() << "no shared data";
  const std::string folder = shared_data() + "/box-formats";
  const ReadOptions options{.images = folder + "/images"};
  const auto from_voc = content(read_dataset(folder + "/gts/pascalvoc_format", options));
  EXPECT_EQ(from_voc, content(read_dataset(folder + "/gts/coco_format_v1", options)));
  EXPECT_EQ(from_voc, content(read_dataset(folder + "/gts/coco_format_v2", options)));
  EXPECT_GT(from_voc.size(), 200U);
}

TEST(WriteCoco, ReadsBackTheSame) {
  const TemporaryFolder folder;
  draw(folder, "图片/a.png");
  const auto path =
      folder.write("a.json", coco(R"({"id":4,"image_id":7,"category_id":9,"bbox":[1,2,3.25,4],"area":5.5,"iscrowd":1},
                     {"id":6,"image_id":7,"category_id":2,"bbox":[0.1,2,3,4],"ignore":1})",
                                  R"({"id":7,"file_name":"图片/a.png","width":100,"height":80})"));
  const Dataset data = read_dataset(path);
  write_coco(data, folder / "new/b.json");
  const Dataset again = read_dataset(folder / "new/b.json");
  EXPECT_EQ(std::filesystem::canonical(again.samples.at(0).path), std::filesystem::canonical(data.samples.at(0).path));
  EXPECT_EQ(again.categories, data.categories);
  EXPECT_EQ(again.category_ids, data.category_ids);
  for (std::size_t i = 0; i < 2; ++i) {
    const Annotation& a = data.samples[0].annotations.at(i);
    const Annotation& b = again.samples[0].annotations.at(i);
    EXPECT_EQ(std::tie(a.id, a.box, a.area, a.crowd, a.difficult, a.category),
              std::tie(b.id, b.box, b.area, b.crowd, b.difficult, b.category));
  }
}

}  // namespace
}  // namespace joist::test
