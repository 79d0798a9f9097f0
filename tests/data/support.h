// What the tests of data/ share.
#pragma once

#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/picture.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace joist::test {

/// A folder of this test's own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "joist-data-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

  /// Writes a file, with its folders, and returns its path.
  std::string write(const std::string& name, const std::string& content) const {
    const std::string path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

 private:
  std::filesystem::path path_;
};

/// A picture whose pixels all differ in some way, so that turns, shifts and swapped channels show.
inline Picture gradient(int width, int height) {
  Picture picture(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      picture.at(x, y)[0] = static_cast<std::uint8_t>(255 * x / width);
      picture.at(x, y)[1] = static_cast<std::uint8_t>(255 * y / height);
      picture.at(x, y)[2] = static_cast<std::uint8_t>((x * 7 + y * 13) % 256);
    }
  }
  return picture;
}

/// The shared data beside the repository, or an empty string.
inline std::string shared_data() {
  const char* given = std::getenv("JOIST_SHARED_DATA");
  const std::string path = given != nullptr ? given : JOIST_SOURCE_DIR "/../shared/data";
  return std::filesystem::is_directory(path) ? path : "";
}

/// The message of the DataError that `action` throws; fails the test if it throws none.
template <typename Action>
std::string data_error(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), Exit::data) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

}  // namespace joist::test

/// EXPECT_HAS(text, part): `part` stands in `text`.
#define EXPECT_HAS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)
