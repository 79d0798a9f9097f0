// Classification data in lists, CIFAR's files and folders of clips; hostile ones are refused with their place.
#include <joist/data/classified.h>
#include <joist/data/encode.h>
#include <joist/tests/data/support.h>

namespace joist::test {
namespace {

TEST(ClassificationCsv, FindsPicturesAndClasses) {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "images/b.png", "images/猫.jpg"}) folder.write(name, "x");
  const std::string file = folder.write("list.csv", "\xEF\xBB\xBFimage_id,Label\r\nb,10\r\na.png,2\r\n猫,2\r\n");
  EXPECT_TRUE(is_classification_csv(file));
  const ClassifiedList list = read_classification_csv(file);
  EXPECT_EQ(list.classes, (std::vector<std::string>{"2", "10"})) << "numbers by value";
  EXPECT_EQ(list.labels, (std::vector<std::int64_t>{1, 0, 0}));
  EXPECT_EQ(list.paths[0], folder / "images/b.png");
  EXPECT_EQ(list.paths[2], folder / "images/猫.jpg");
  EXPECT_HAS(data_error([&] { read_classification_csv(file, "", {"2"}); }), "list.csv:2");
  // GBK, semicolons and parts.
  const std::string parts =
      folder.write("parts.csv", "filename;\xc0\xe0\xb1\xf0;split\na.png;\xc3\xa8;train\nb;\xb9\xb7;val\n");
  EXPECT_TRUE(is_classification_csv(parts));
  EXPECT_TRUE(has_parts(parts));
  EXPECT_FALSE(has_parts(file));
  EXPECT_EQ(read_classification_csv(parts, "train").classes, (std::vector<std::string>{"猫"}));
  EXPECT_EQ(read_classification_csv(parts, "val").classes, (std::vector<std::string>{"狗"}));
}

TEST(ClassificationCsv, RefusesWhatIsNoneAndNamesTheLine) {
  const TemporaryFolder folder;
  folder.write("a.png", "x");
  for (const char* text : {"filename,xmin,ymin,xmax,ymax,class\n", "a,b\n", "", "\"filename,label\n"})
    EXPECT_FALSE(is_classification_csv(folder.write("x.csv", text))) << text;
  EXPECT_FALSE(is_classification_csv(folder / "none.csv"));
  const auto fault = [&](const std::string& rows) {
    const std::string file = folder.write("x.csv", "filename,label\n" + rows);
    return data_error([&] { read_classification_csv(file); });
  };
  EXPECT_HAS(fault("a.png,cat\nmissing.png,cat\n"), "x.csv:3: picture missing: missing.png");
  EXPECT_HAS(fault("a.png\n"), "x.csv:2: 1 fields");
  EXPECT_HAS(fault("a.png,\n"), "no name or no class");
  EXPECT_HAS(fault(""), "empty data set");
  EXPECT_HAS(fault("a.png,\"cat\n"), "x.csv:2");
}

TEST(Cifar, TenAndHundredClasses) {
  const TemporaryFolder folder;
  const auto record = [](const std::string& labels, int seed) {
    std::string bytes = labels;
    for (int i = 0; i < 3072; ++i) bytes += static_cast<char>((i / 1024 * 60 + i % 1024 + seed) % 251);
    return bytes;
  };
  for (int i = 1; i <= 5; ++i)
    folder.write("ten/cifar-10-batches-bin/data_batch_" + std::to_string(i) + ".bin",
                 record(std::string(1, char(i)), i));
  folder.write("ten/cifar-10-batches-bin/test_batch.bin", record(std::string(1, '\0'), 7) + record("\x09", 8));
  EXPECT_TRUE(is_cifar(folder / "ten"));
  const CifarSet train = read_cifar(folder / "ten", true), test = read_cifar(folder / "ten", false);
  EXPECT_EQ(train.labels, (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(test.labels, (std::vector<std::int64_t>{0, 9}));
  EXPECT_EQ(test.classes.size(), 10U);
  ASSERT_EQ(test.pixels.size(), 2U * 3072);
  EXPECT_EQ(test.pixels[0], 7);                              // red of the first pixel
  EXPECT_EQ(test.pixels[1], 67);                             // its green, from the second plane
  EXPECT_EQ(test.pixels[3 * 33 + 2], (120 + 33 + 7) % 251);  // blue, second row

  folder.write("hundred/train.bin", record("\x13\x63", 0));
  std::string names;
  for (int i = 0; i < 100; ++i) names += "class " + std::to_string(i) + "\n";
  folder.write("hundred/fine_label_names.txt", names);
  const CifarSet hundred = read_cifar(folder / "hundred", true);
  EXPECT_EQ(hundred.labels, std::vector<std::int64_t>{99});
  EXPECT_EQ(hundred.classes[99], "class 99");
  EXPECT_HAS(data_error([&] { read_cifar(folder / "hundred", false); }), "test.bin");
  folder.write("hundred/test.bin", record("\x13\x63", 0) + "x");
  EXPECT_HAS(data_error([&] { read_cifar(folder / "hundred", false); }), "whole number of records");
  folder.write("hundred/test.bin", record("\x13\x64", 0));
  EXPECT_HAS(data_error([&] { read_cifar(folder / "hundred", false); }), "class 100 in record 0");
  EXPECT_FALSE(is_cifar(folder.path()));
}

TEST(Clips, VideosAndFoldersOfFrames) {
  const TemporaryFolder folder;
  folder.write("打架/a.mp4", "x");
  folder.write("打架/b.AVI", "x");
  for (const char* frame : {"f10.png", "f2.png", "f1.png", "notes.txt"})
    folder.write("quiet/c/" + std::string(frame), "x");
  folder.write("quiet/d/only1.png", "x");
  folder.write("quiet/e.mp4", "x");
  EXPECT_TRUE(is_clip_data(folder.path()));
  const ClipList list = read_clips(folder.path());
  EXPECT_EQ(list.classes, (std::vector<std::string>{"quiet", "打架"}));
  ASSERT_EQ(list.clips.size(), 4U);
  EXPECT_EQ(list.clips[0].frames, (std::vector<std::string>{folder / "quiet/c/f1.png", folder / "quiet/c/f2.png",
                                                            folder / "quiet/c/f10.png"}));
  EXPECT_EQ(list.clips[3].label, 1);
  EXPECT_TRUE(list.clips[3].frames.empty());
  EXPECT_FALSE(is_clip_data(folder / "quiet"));
  EXPECT_HAS(data_error([&] { read_clips(folder / "quiet"); }), "no clips of two classes");
}

}  // namespace
}  // namespace joist::test
