// A set of COCO's size: 118,000 pictures and 860,000 boxes, each with a polygon of 20 points, open in at most 4 s and
// 1.5 GB.
// ctest: TIMEOUT 300 RUN_SERIAL ON
#include <joist/data/dataset.h>
#include <joist/tests/data/support.h>

#include <sys/resource.h>

namespace joist::test {
namespace {

/// Reading takes one thread, and other programs' shares of the cores are not its own.
double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST(CocoScale, OpensInSecondsAndLittleMemory) {
  constexpr int pictures = 118'000;
  constexpr int boxes = 860'000;
  const TemporaryFolder folder;
  {
    std::ofstream file(folder / "instances.json");
    file << "{\"images\":[";
    for (int i = 0; i < pictures; ++i)
      file << (i == 0 ? "" : ",") << R"({"license":3,"file_name":"00)" << 1000000 + i
           << R"(.jpg","coco_url":"http://images.cocodataset.org/train2017/a.jpg","height":480,"width":640,"id":)" << i
           << '}';
    file << "],\"annotations\":[";
    for (int i = 0; i < boxes; ++i) {
      file << (i == 0 ? "" : ",") << R"({"segmentation":[[)";
      for (int k = 0; k < 20; ++k) file << (k == 0 ? "" : ",") << i % 601 + k << ".25," << i % 401 + k % 7 << ".75";
      file << R"(]],"area":)" << i % 977 + 0.25 << R"(,"iscrowd":0,"image_id":)" << i % pictures << R"(,"bbox":[)"
           << i % 601 << ".5," << i % 401 << ".25," << i % 97 + 1 << ',' << i % 89 + 1 << R"(],"category_id":)"
           << i % 80 + 1 << R"(,"id":)" << i + 1 << '}';
    }
    file << "],\"categories\":[";
    for (int i = 1; i <= 80; ++i) file << (i == 1 ? "" : ",") << R"({"id":)" << i << R"(,"name":"class )" << i << "\"}";
    file << "]}";
  }
  const double before = processor_seconds();
  const Dataset data = read_dataset(folder.path(), {.require_pictures = false});
  const double seconds = processor_seconds() - before;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  ASSERT_EQ(data.samples.size(), static_cast<std::size_t>(pictures));
  std::size_t read = 0;
  for (const Sample& sample : data.samples) read += sample.annotations.size();
  EXPECT_EQ(data.samples.back().annotations.back().outline->polygons.at(0).size(), 40U);
  EXPECT_EQ(read, static_cast<std::size_t>(boxes));
  EXPECT_LE(seconds, 4.0);
  EXPECT_LE(static_cast<double>(usage.ru_maxrss) / 1e6, 1.5);
  RecordProperty("seconds", std::to_string(seconds));
}

}  // namespace
}  // namespace joist::test
