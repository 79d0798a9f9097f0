// store_file, read_file and ensure_folder on a real disk.
#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tests/core/formats/scratch_folder.h>

#include <atomic>
#include <csignal>
#include <thread>

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using joist::EnvironmentError;
using joist::test::content_of;
using joist::test::in_child;
using joist::test::names_in;
using joist::test::put;
using joist::test::ScratchFolder;

// In a child process without the rights of root; 99 when that cannot be had.
int as_nobody(const std::function<int()>& work) {
  return in_child([&] {
    if (::getuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)) return 99;
    return work();
  });
}

class Store : public ::testing::Test {
 protected:
  void SetUp() override { put(path, "old"); }

  ScratchFolder folder;
  const fs::path path = folder / "检查点.h5";
};

TEST_F(Store, ReplacesTheFile) {
  joist::store_file(path, std::string_view("new content"));
  EXPECT_EQ(content_of(path), "new content");
  EXPECT_EQ(names_in(folder.path()).size(), 1u);
  joist::store_file(path, std::string_view());
  EXPECT_EQ(content_of(path), "");
}

TEST_F(Store, SurvivesTheFileSizeLimit) {
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_DFL);
    const rlimit limit{100'000, 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    try {
      joist::store_file(path, std::string(200'000, 'n'));
      return 2;
    } catch (const EnvironmentError& error) {
      const std::string message = error.what();
      if (message.find("200,000 bytes needed") == message.npos || message.find("100,000 bytes") == message.npos)
        return 3;
    }
    sigset_t now;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
    if (::sigismember(&now, SIGXFSZ) != 0) return 4;
    joist::store_file(path, std::string(100'000, 's'));  // what fits goes on working
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content_of(path), std::string(100'000, 's'));
  EXPECT_EQ(names_in(folder.path()).size(), 1u);
}

TEST_F(Store, NamesTheFileAboveAnOutputPath) {
  for (const fs::path& below : {path / "best.h5", path / "run" / "best.h5"}) {
    try {
      joist::store_file(below, std::string_view("new"));
      FAIL();
    } catch (const EnvironmentError& error) {
      EXPECT_NE(std::string(error.what()).find(path.string() + " is a file"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(joist::store_file(folder.path(), std::string_view("new")), EnvironmentError);
  EXPECT_THROW(joist::store_file(folder.path() / "", std::string_view("new")), EnvironmentError);
  EXPECT_THROW(joist::store_file(folder / "missing" / "best.h5", std::string_view("new")), EnvironmentError);
  EXPECT_THROW(joist::store_file(folder / std::string(300, 'x'), std::string_view("new")), EnvironmentError);
  EXPECT_EQ(content_of(path), "old");
  EXPECT_EQ(names_in(folder.path()).size(), 1u);
}

TEST_F(Store, TellsAboutMissingRights) {
  const int status = as_nobody([&] {
    try {
      joist::store_file(path, std::string_view("new"));
    } catch (const EnvironmentError& error) {
      return std::string(error.what()).find("no right") == std::string::npos ? 2 : 0;
    }
    return 1;
  });
  if (status == 99) GTEST_SKIP() << "cannot give up the rights of root here";
  if (::getuid() != 0) GTEST_SKIP() << "needs a folder of another user";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content_of(path), "old");
}

TEST_F(Store, KeepsPermissionsLinksAndDevices) {
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(path.filename(), folder / "last.h5");
  joist::store_file(folder / "last.h5", std::string_view("new"));
  EXPECT_TRUE(fs::is_symlink(folder / "last.h5"));
  EXPECT_EQ(content_of(path), "new");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  joist::store_file("/dev/null", std::string_view("new"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(Store, TakesTheLongestNames) {
  std::string name;
  for (int i = 0; i < 84; ++i) name += "帽";  // 252 bytes
  joist::store_file(folder / (name + ".h5"), std::string_view("new"));
  EXPECT_EQ(content_of(folder / (name + ".h5")), "new");
}

TEST_F(Store, TakesStoresFromManyThreads) {
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  const auto content = [](int i) { return std::string(20'000, static_cast<char>('a' + i)); };
  joist::store_file(path, content(0));
  std::thread reader([&] {
    while (!done) {
      const std::string seen = content_of(path);
      if (seen.size() != 20'000 || seen.find_first_not_of(seen[0]) != seen.npos) ++torn;
      joist::remove_stale_temporaries(path);
    }
  });
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&, i] {
      for (int repeat = 0; repeat < 25; ++repeat) joist::store_file(path, content(i));
    });
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(names_in(folder.path()).size(), 1u);
}

TEST_F(Store, ReadsOnlyWhatFits) {
  put(path, std::string("\0\n\xFF", 3));
  EXPECT_EQ(joist::read_file(path), (std::vector<std::byte>{std::byte{0}, std::byte{10}, std::byte{255}}));
  EXPECT_THROW(joist::read_file(path, 2), joist::DataError);
  EXPECT_THROW(joist::read_file(folder / "missing"), joist::DataError);
  EXPECT_THROW(joist::read_file(path / "below"), joist::DataError);
  EXPECT_THROW(joist::read_file(folder.path()), joist::DataError);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(joist::read_file(folder / "pipe"), joist::DataError);
  EXPECT_THROW(joist::read_file("/dev/zero"), joist::DataError);
  const auto memory =
      static_cast<std::uintmax_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uintmax_t>(::sysconf(_SC_PAGESIZE));
  std::error_code too_large_here;
  fs::resize_file(path, 2 * memory, too_large_here);
  if (!too_large_here) {
    EXPECT_THROW(joist::read_file(path), EnvironmentError);
  }
}

TEST_F(Store, MakesFolders) {
  joist::ensure_folder(folder / "训练" / "第一次");
  joist::ensure_folder(folder / "训练" / "第一次");
  EXPECT_TRUE(fs::is_directory(folder / "训练" / "第一次"));
  EXPECT_THROW(joist::ensure_folder(path), EnvironmentError);
  try {
    joist::ensure_folder(path / "run");
    FAIL();
  } catch (const EnvironmentError& error) {
    EXPECT_NE(std::string(error.what()).find(path.string() + " is a file"), std::string::npos) << error.what();
  }
  const int status = as_nobody([&] {
    int refused = 0;
    for (const fs::path& there : {folder.path(), folder / "new"}) try {
        joist::ensure_folder(there);
      } catch (const EnvironmentError&) {
        ++refused;
      }
    return refused;
  });
  EXPECT_TRUE(status == 2 || status == 99 || ::getuid() != 0) << status;
}

}  // namespace
