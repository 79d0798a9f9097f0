#include <joist/data/idx.h>
#include <joist/tests/data/support.h>

#include <zlib.h>

namespace joist::test {
namespace {

using namespace std::string_literals;

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

const std::string pictures = "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03"s + "abcdefghijkl";
const std::string labels = "\0\0\x08\x01\0\0\0\x02\x07\x09"s;

TEST(Idx, ReadsPlainAndCompressed) {
  const TemporaryFolder folder;
  for (const std::string& bytes : {pictures, gzip(pictures)}) {
    const IdxArray array = read_idx(folder.write("a", bytes));
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 2, 3}));
    EXPECT_EQ(std::string(array.values.begin(), array.values.end()), "abcdefghijkl");
  }
  folder.write("train-images-idx3-ubyte.gz", gzip(pictures));
  folder.write("train-labels-idx1-ubyte", labels);
  const IdxSet set = read_idx_set(folder.path(), "train");
  EXPECT_EQ(set.count, 2);
  EXPECT_EQ(set.height, 2);
  EXPECT_EQ(set.width, 3);
  EXPECT_EQ(set.labels, (std::vector<std::uint8_t>{7, 9}));
  EXPECT_HAS(data_error([&] { read_idx_set(folder.path(), "t10k"); }), "dataset-fashion-mnist");
  folder.write("train-labels-idx1-ubyte", "\0\0\x08\x01\0\0\0\x01\x07"s);
  EXPECT_HAS(data_error([&] { read_idx_set(folder.path(), "train"); }), "1 labels for 2 pictures");
}

TEST(Idx, RefusesBrokenFiles) {
  const TemporaryFolder folder;
  for (const std::string& whole : {pictures, gzip(pictures)}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      EXPECT_HAS(data_error([&] { read_idx(folder.write("a.gz", whole.substr(0, length))); }), "a.gz");
    }
  }
  EXPECT_HAS(data_error([&] { read_idx(folder.write("a", pictures + "m")); }), "goes on behind");
  EXPECT_HAS(data_error([&] { read_idx(folder.write("a", "\0\0\x0D\x01\0\0\0\x01\0\0\0\0"s)); }), "unsupported");
  EXPECT_HAS(data_error([&] { read_idx(folder.write("a", "hello, world")); }), "not an IDX file");
  EXPECT_HAS(data_error([&] { read_idx(folder / "none"); }), "none");
  EXPECT_HAS(data_error([&] { read_idx(folder.path()); }), folder.path());
  std::string damaged = gzip(pictures);
  damaged[damaged.size() - 6] ^= 1;  // its checksum
  EXPECT_HAS(data_error([&] { read_idx(folder.write("a.gz", damaged)); }), "damaged gzip");
}

TEST(Idx, RefusesClaimsBeforeTakingMemory) {
  const TemporaryFolder folder;
  const std::string huge = "\0\0\x08\x03\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF"s;
  EXPECT_HAS(data_error([&] { read_idx(folder.write("a", huge)); }), "claims more");
  EXPECT_HAS(data_error([&] { read_idx(folder.write("a.gz", gzip(huge))); }), "claims more");
}

TEST(Idx, ReadsFashionMnist) {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  const IdxSet set = read_idx_set(folder, "t10k");
  EXPECT_EQ(set.count, 10000);
  EXPECT_EQ(set.width, 28);
  EXPECT_EQ(set.height, 28);
  EXPECT_EQ(set.labels[0], 9);  // an ankle boot
  std::vector<int> counts(10);
  for (const auto label : set.labels) ++counts.at(label);
  EXPECT_EQ(counts, std::vector<int>(10, 1000));
}

}  // namespace
}  // namespace joist::test
