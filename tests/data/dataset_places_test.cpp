// Where annotations and their pictures are looked for.
#include <joist/data/dataset.h>
#include <joist/tests/data/annotation_texts.h>

namespace joist::test {
namespace {

TEST(Detection, FindsTheOnlyAnnotationsInAFolder) {
  const TemporaryFolder folder;
  draw(folder, "images/a.png");
  folder.write("settings.json", R"({"epochs": 3})");
  folder.write("prices.csv", "what,price\nhelmet,9\n");
  const auto path = folder.write("annotations/instances_val.json", coco(""));
  EXPECT_EQ(read_dataset(folder.path()).source, path);
}

TEST(Detection, LooksOneFolderFurther) {
  const TemporaryFolder folder;
  draw(folder, "train/a.png");
  folder.write("train/_annotations.coco.json", coco(""));
  EXPECT_EQ(read_dataset(folder.path()).samples.size(), 1U);
  folder.write("valid/_annotations.coco.json", coco(""));
  const std::string message = data_error([&] { read_dataset(folder.path()); });
  EXPECT_HAS(message, "several annotations");
  EXPECT_HAS(message, folder / "train/_annotations.coco.json");
  EXPECT_HAS(message, folder / "valid/_annotations.coco.json");
}

TEST(Detection, NamesTheCandidates) {
  const TemporaryFolder folder;
  folder.write("train.csv", csv_header);
  folder.write("train.json", coco(""));
  folder.write("a.xml", voc(""));
  const std::string message = data_error([&] { read_dataset(folder.path()); });
  EXPECT_HAS(message, "train.csv (CSV)");
  EXPECT_HAS(message, "train.json (COCO JSON)");
  EXPECT_HAS(message, folder.path() + " (Pascal VOC XML)");
  EXPECT_HAS(message, "give one of them");
}

TEST(Detection, SaysWhatIsMissing) {
  const TemporaryFolder folder;
  EXPECT_HAS(data_error([&] { read_dataset(folder.path()); }), "no annotations in this folder");
  EXPECT_HAS(data_error([&] { read_dataset(folder / "none.json"); }), "no such file");
  EXPECT_HAS(data_error([&] { read_dataset(folder.write("a.txt", "x")); }), "not a kind of annotations");
  folder.write("cut.json", coco("").substr(0, 40));
  EXPECT_HAS(data_error([&] { read_dataset(folder.path()); }), "ends too early") << "a broken file is better than none";
}

TEST(Pictures, AreFoundInTheUsualPlaces) {
  for (const std::string place :
       {"annotations/a.png", "annotations/images/a.png", "a.png", "images/a.png", "JPEGImages/a.png", "val2017/a.png",
        "images/val2017/a.png", "images/A.PNG", "somewhere/else/a.png"}) {
    const TemporaryFolder folder;
    draw(folder, place);
    const auto path = folder.write("annotations/instances_val2017.json", coco(""));
    EXPECT_EQ(std::filesystem::canonical(read_dataset(path).samples.at(0).path),
              std::filesystem::canonical(folder / place))
        << place;
  }
}

TEST(Pictures, AreFoundUnderTheNamesPeopleWrite) {
  const TemporaryFolder folder;
  draw(folder, "images/cam1/a.png");
  for (const std::string name :
       {"cam1/a.png", R"(cam1\\a.png)", "images/cam1/a.png", "./images/../images/cam1/a.png", "cam1/a"}) {
    const auto path = folder.write("a.json", coco("", R"({"id":1,"file_name":")" + name + "\"}"));
    EXPECT_EQ(read_dataset(path).samples.at(0).path, folder / "images/cam1/a.png") << name;
  }
  const auto absolute =
      folder.write("b.json", coco("", R"({"id":1,"file_name":")" + (folder / "images/cam1/a.png") + "\"}"));
  EXPECT_EQ(read_dataset(absolute).samples.at(0).path, folder / "images/cam1/a.png");
}

TEST(Pictures, MayLieInAGivenFolder) {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  draw(folder, "a.png");
  draw(other, "deep/a.png");
  const auto path = folder.write("a.json", coco(""));
  EXPECT_EQ(read_dataset(path, {.images = other.path()}).samples.at(0).path, other / "deep/a.png");
  EXPECT_HAS(data_error([&] { read_dataset(path, {.images = other / "none"}); }), "no such folder");
}

TEST(Pictures, MissingOnesAreListed) {
  const TemporaryFolder folder;
  std::string csv = csv_header;
  for (int i = 0; i < 8; ++i) csv += "p" + std::to_string(i) + ".png,100,80,person,1,2,3,4\n";
  draw(folder, "p2.png");
  const auto path = folder.write("boxes.csv", csv);
  const std::string message = data_error([&] { read_dataset(path); });
  EXPECT_HAS(message, "7 pictures are missing");
  EXPECT_HAS(message, "p0.png (" + path + ":2)");
  EXPECT_HAS(message, "and 2 more");
  EXPECT_HAS(message, folder.path() + "/");
  const Dataset data = read_dataset(path, {.require_pictures = false});
  EXPECT_EQ(data.samples.at(0).path, folder / "p0.png");
}

TEST(Pictures, LabelsNeverLandOnAnotherPictureOfTheSameName) {
  const TemporaryFolder folder;
  draw(folder, "cam1/a.png");
  const auto path =
      folder.write("boxes.csv", csv_header + "cam1/a.png,100,80,person,1,2,3,4\ncam2/a.png,100,80,person,5,6,7,8\n");
  EXPECT_HAS(data_error([&] { read_dataset(path); }), "cam2/a.png");
  const TemporaryFolder doubled;  // the same name in two folders: neither is meant
  draw(doubled, "x/a.png");
  draw(doubled, "y/a.png");
  EXPECT_HAS(data_error([&] { read_dataset(doubled.write("a.json", coco(""))); }), "1 picture is missing");
}

}  // namespace
}  // namespace joist::test
