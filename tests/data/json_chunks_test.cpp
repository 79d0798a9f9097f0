// Large JSON files are cut into pieces that are parsed by themselves.
#include <joist/data/dataset.h>
#include <joist/data/formats/json_chunks.h>
#include <joist/tests/data/support.h>

namespace joist::test {
namespace {

TEST(JsonChunks, AreTheWholeFileAndRefuseWhatIsNone) {
  const std::string text = R"( {"a" : [1,{"x":"],\"}"},[2,3], 4 ],"b":{"c":[1]},"d":[ ],"e":"[","f":[5]} )";
  const auto chunks = divided(text, 1);
  ASSERT_TRUE(chunks);
  EXPECT_EQ(chunks->rest, R"( {"a" : [],"b":{"c":[1]},"d":[],"e":"[","f":[]} )");
  const JsonChunks::List& a = chunks->lists.at("a");
  EXPECT_EQ(a.count, 4U);
  std::string joined;
  for (const auto& [from, to] : a.pieces) joined += text.substr(from, to - from) + "|";
  EXPECT_EQ(joined, R"(1|{"x":"],\"}"}|[2,3]| 4 |)");
  EXPECT_EQ(chunks->lists.at("d").count, 0U);
  EXPECT_EQ(chunks->lists.at("f").pieces.size(), 1U);
  EXPECT_EQ(divided(text, 1000)->lists.at("a").pieces.size(), 1U);
  for (std::size_t end = 0; end + 2 < text.size(); ++end) EXPECT_FALSE(divided(text.substr(0, end), 1)) << end;
  for (const char* other : {"[1]", "{}", R"({"a":[1}})", R"({"a":[1,]})", R"({"a":[1],"a":[2]})", R"({"a":1]})"})
    EXPECT_FALSE(divided(other, 1)) << other;
}

TEST(JsonChunks, LargeFilesReadLikeSmallOnes) {
  const TemporaryFolder folder;
  const std::string image = R"({"id":ID,"file_name":"ID.jpg","width":64,"height":48})";
  const auto numbered = [](std::string record, int id) {
    for (std::size_t at = 0; (at = record.find("ID", at)) != std::string::npos;)
      record.replace(at, 2, std::to_string(id));
    return record;
  };
  std::string images, annotations;
  const std::string padding(2000, ' ');
  constexpr int count = 9000;  // 18 MB: divided
  for (int i = 1; i <= count; ++i) {
    images += (i == 1 ? "" : ",") + numbered(image, i);
    annotations +=
        (i == 1 ? "" : ",") + numbered(R"({"id":ID,"image_id":ID,"category_id":1,"bbox":[1,2,3,4]})" + padding, i);
  }
  const auto file = [&](const std::string& end) {
    return folder.write("large.json", R"({"categories":[{"id":1,"name":"a"}],"images":[)" + images +
                                          R"(],"annotations":[)" + annotations + end);
  };
  const Dataset data = read_dataset(file("]}"), {.require_pictures = false});
  ASSERT_EQ(data.samples.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(data.samples.back().annotations.at(0).id, count);
  EXPECT_HAS(data.samples.back().annotations.at(0).where, "#annotations[8999]");
  EXPECT_HAS(data_error([&] {
               read_dataset(file(R"(,{"id":1,"image_id":1,"bbox":[1,2,3,4]}]})"), {.require_pictures = false});
             }),
             "annotations[9000]");
  EXPECT_HAS(data_error([&] { read_dataset(file(R"(,{"id":tru}]})"), {.require_pictures = false}); }),
             "not JSON at byte");
  EXPECT_HAS(data_error([&] { read_dataset(file(",{"), {.require_pictures = false}); }), "ends too early");
}

}  // namespace
}  // namespace joist::test
