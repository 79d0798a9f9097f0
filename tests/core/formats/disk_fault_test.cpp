// store_file against the failures that a disk can have: full, torn, failing, killed in between.
#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tests/core/formats/scratch_folder.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <functional>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

// --- the program's own write, fsync and rename come before the C library's, so that libjoist calls these ---

namespace {

namespace fs = std::filesystem;
using joist::test::content_of;
using joist::test::names_in;
using joist::test::put;

struct Disk {
  std::atomic<bool> on{false};
  std::string log{};               // w: write, f: fsync of a file, d: fsync of a folder, r: rename
  std::size_t room = SIZE_MAX;     // bytes until writes fail
  std::size_t largest = SIZE_MAX;  // one write takes no more
  bool interrupts = false;         // every other call is interrupted first
  int write_error = 0, sync_error = 0, folder_error = 0, rename_error = 0;
  std::function<void()> before_rename{};
  unsigned calls = 0;

  bool interrupted() { return interrupts && (++calls & 1U) != 0; }
};
Disk disk;

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int failed(int code) {
  errno = code;
  return -1;
}

}  // namespace

extern "C" ssize_t write(int descriptor, const void* bytes, size_t count) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  if (!disk.on) return real(descriptor, bytes, count);
  if (disk.interrupted()) return failed(EINTR);
  if (!disk.log.ends_with('w')) disk.log += 'w';
  count = std::min({count, disk.largest, disk.room});
  if (count == 0) return failed(disk.write_error);
  if (disk.room != SIZE_MAX) disk.room -= count;
  return real(descriptor, bytes, count);
}

extern "C" int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  if (!disk.on) return real(descriptor);
  if (disk.interrupted()) return failed(EINTR);
  struct stat status {};
  ::fstat(descriptor, &status);
  disk.log += S_ISDIR(status.st_mode) ? 'd' : 'f';
  if (const int code = S_ISDIR(status.st_mode) ? disk.folder_error : disk.sync_error) return failed(code);
  return real(descriptor);
}

extern "C" int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  if (!disk.on) return real(from, to);
  disk.log += 'r';
  if (disk.before_rename) disk.before_rename();
  if (disk.rename_error) return failed(disk.rename_error);
  return real(from, to);
}

namespace {

class FaultyDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    put(path, "old");
    reset();
  }
  void TearDown() override { reset(); }

  static void reset() {
    disk.on = false;
    disk.log.clear();
    disk.room = disk.largest = SIZE_MAX;
    disk.interrupts = false;
    disk.write_error = disk.sync_error = disk.folder_error = disk.rename_error = 0;
    disk.before_rename = nullptr;
  }

  // Stores with the disk's faults and returns the message; empty when nothing was thrown.
  std::string message_of(std::string_view content) {
    disk.on = true;
    std::string message;
    try {
      joist::store_file(path, content);
    } catch (const joist::EnvironmentError& error) {
      message = error.what();
    }
    disk.on = false;
    return message;
  }

  joist::test::ScratchFolder folder;
  const fs::path path = folder / "检查点.h5";
};

TEST_F(FaultyDisk, SyncsBeforeItRenamesAndTheFolderAfterwards) {
  EXPECT_EQ(message_of("new"), "");
  EXPECT_EQ(disk.log, "wfrd");
}

TEST_F(FaultyDisk, LivesWithShortAndInterruptedWrites) {
  disk.largest = 7;
  disk.interrupts = true;
  std::string content;
  for (int i = 0; i < 1000; ++i) content += std::to_string(i);
  EXPECT_EQ(message_of(content), "");
  EXPECT_EQ(content_of(path), content);
}

TEST_F(FaultyDisk, KeepsTheOldFileWhereverTheDiskFails) {
  const std::string content(256 << 10, 'n');
  for (const int code : {ENOSPC, EDQUOT, EIO, EROFS, EFBIG}) {
    for (std::size_t room = 0; room < content.size(); room += 4096) {
      disk.room = room;
      disk.write_error = code;
      const std::string message = message_of(content);
      ASSERT_NE(message.find(path.string()), message.npos) << message;
      ASSERT_EQ(content_of(path), "old");
      ASSERT_EQ(names_in(folder.path()).size(), 1u);
      reset();
    }
  }
}

TEST_F(FaultyDisk, KeepsTheOldFileWhenSyncOrRenameFails) {
  for (int Disk::*step : {&Disk::sync_error, &Disk::rename_error}) {
    disk.*step = EIO;
    EXPECT_NE(message_of("new").find("Input/output error"), std::string::npos);
    EXPECT_EQ(content_of(path), "old");
    EXPECT_EQ(names_in(folder.path()).size(), 1u);
    reset();
  }
  disk.folder_error = EIO;  // the new file stands there by then, and is whole
  EXPECT_NE(message_of("new").find("power cut"), std::string::npos);
  EXPECT_EQ(content_of(path), "new");
  reset();
  disk.folder_error = EINVAL;  // a network file system that cannot
  EXPECT_EQ(message_of("newer"), "");
}

TEST_F(FaultyDisk, SaysHowManyBytesAreNeededAndFree) {
  disk.room = 5;
  disk.write_error = ENOSPC;
  const std::string message = message_of(std::string(1234567, 'n'));
  EXPECT_NE(message.find("disk full"), message.npos) << message;
  EXPECT_NE(message.find("1,234,567 bytes needed"), message.npos) << message;
  EXPECT_NE(message.find("bytes free"), message.npos) << message;
  EXPECT_NE(message.find("unchanged"), message.npos) << message;
}

TEST_F(FaultyDisk, LeavesTheOldFileWhenKilledBeforeTheRename) {
  const int status = joist::test::in_child([&] {
    disk.before_rename = [] { ::_exit(9); };
    disk.on = true;
    joist::store_file(path, std::string_view("new"));
    return 0;
  });
  EXPECT_EQ(status, 9);
  EXPECT_EQ(content_of(path), "old");
  EXPECT_EQ(names_in(folder.path()).size(), 2u);
  put(folder / ".检查点.h5.tmp-mine", "a user's own file");
  put(folder / ".other.h5.tmp-1-1", "of another path");
  EXPECT_EQ(joist::remove_stale_temporaries(path), 1);
  EXPECT_EQ(joist::remove_stale_temporaries(path), 0);
  EXPECT_EQ(names_in(folder.path()).size(), 3u);
  EXPECT_EQ(joist::remove_stale_temporaries(folder / "missing" / "best.h5"), 0);
}

TEST_F(FaultyDisk, LeavesTheTemporaryOfALivingWriter) {
  disk.before_rename = [&] { EXPECT_EQ(joist::remove_stale_temporaries(path), 0); };
  EXPECT_EQ(message_of("new"), "");
  EXPECT_EQ(content_of(path), "new");
}

}  // namespace
