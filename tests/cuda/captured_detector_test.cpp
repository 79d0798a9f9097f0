// ctest: TIMEOUT 300 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Detectors' steps that are recorded: who learns what is decided by the GPU, and pictures may have any number of
// objects.
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/streams.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/runtime.h>
#include <joist/tests/cuda/small_runs.h>
#include <joist/tools/training/trainer.h>

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace joist {
namespace {

using namespace testing;  // small_runs.h

const Device gpu = cuda::emulator::use_emulated_gpu();

// The CPU's complete_iou as work of the stream, in place of one that brings arrays to the host and waits for them.
Array fetched(const void* data, const Shape& shape) {
  Array copy = Array::empty(shape);
  std::memcpy(copy.raw(), cuda::emulator::DeviceMemory::inside(data), copy.bytes());
  return copy;
}
void put_back(const Array& values, void* data) {
  std::memcpy(cuda::emulator::DeviceMemory::inside(data), values.raw(), values.bytes());
}
void complete_iou(const Array& a, const Array& b, const Out& y) {
  ASSERT_TRUE(a.is_row_major() && b.is_row_major() && !y.accumulate);
  cuda::emulator::enqueue(cuda::current_stream(), "complete_iou",
                          [p = a.raw(), q = b.raw(), to = y.array.raw(), shape = a.shape()] {
                            const Array values = Array::empty({shape[0]});
                            kernels(cpu).loss.complete_iou(fetched(p, shape), fetched(q, shape), {values, false});
                            put_back(values, to);
                          });
}
void complete_iou_backward(const Array& a, const Array& b, const Array& dy, const Out& da) {
  ASSERT_TRUE(a.is_row_major() && b.is_row_major() && dy.is_row_major() && !da.accumulate && da.array.is_row_major());
  cuda::emulator::enqueue(cuda::current_stream(), "complete_iou_backward",
                          [p = a.raw(), q = b.raw(), g = dy.raw(), to = da.array.raw(), shape = a.shape()] {
                            const Array values = Array::empty(shape);
                            kernels(cpu).loss.complete_iou_backward(fetched(p, shape), fetched(q, shape),
                                                                    fetched(g, {shape[0]}), {values, false});
                            put_back(values, to);
                          });
}
const Kernels& kernels_that_do_not_wait() {
  static const Kernels table = [] {
    Kernels one = cuda::cuda_kernels();
    if (cuda::coverage_of("complete_iou") == cuda::Coverage::host) {
      one.loss.complete_iou = complete_iou;
      one.loss.complete_iou_backward = complete_iou_backward;
    }
    return one;
  }();
  return table;
}

// 12 pictures of 32 × 32 with up to two objects each; one has `most`.
fs::path crowd_in(const TemporaryFolder& folder, int most) {
  const fs::path path = folder / "crowd";
  fs::create_directories(path);
  std::string images, annotations;
  int number = 0;
  for (int i = 0; i < 12; ++i) {
    Picture picture(32, 32, 60);
    const std::string name = "p" + std::to_string(i) + ".png";
    for (int box = 0; box < (i == 5 ? most : i % 3); ++box) {
      const int x = (5 * i + 7 * box) % 22, y = (3 * i + 11 * box) % 21, side = 8 + box % 3, category = box % 2;
      for (int row = y; row < y + side; ++row)
        for (int column = x; column < x + side; ++column)
          picture.pixels[static_cast<std::size_t>((row * 32 + column) * 3 + category)] = 220;
      annotations += (number == 0 ? "" : ",") + std::string("{\"id\":") + std::to_string(number + 1) +
                     ",\"image_id\":" + std::to_string(i + 1) + ",\"category_id\":" + std::to_string(category + 1) +
                     ",\"bbox\":[" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(side) + "," +
                     std::to_string(side) + "],\"area\":" + std::to_string(side * side) + ",\"iscrowd\":0}";
      ++number;
    }
    write_png((path / name).string(), picture);
    images += (i ? "," : "") + std::string("{\"id\":") + std::to_string(i + 1) + ",\"file_name\":\"" + name +
              "\",\"width\":32,\"height\":32}";
  }
  std::ofstream(path / "truth.json") << "{\"images\":[" << images << "],\"annotations\":[" << annotations
                                     << "],\"categories\":[{\"id\":1,\"name\":\"red\"},{\"id\":2,\"name\":\"green\"}]}";
  return path / "truth.json";
}

// 12 steps.
Checkpoint trained(const fs::path& data, const fs::path& out, bool captured, std::int64_t& replayed,
                   bool quiet = true) {
  ::setenv("JOIST_CAPTURE", captured ? "1" : "0", 1);
  TrainOptions options = options_for("tiny_detector", data, out, "cuda");
  options.batch = 2;
  options.epochs = 2;
  options.warmup = 5;
  options.clip = 1;
  options = resolve(options);
  TrainingData read = read_training_data(options, TaskKind::detect);
  const ModelEntry& entry = resolve_model(options, registry(), TaskKind::detect, 2, 0, 3);
  Console console(quiet);
  manual_seed(static_cast<std::uint64_t>(options.seed));
  const auto task = detection_task(std::get<DetectionData>(std::move(read)), options, entry);
  task->model().move_to(gpu);
  RunWriter writer(RunFolder(options.out), console, SaveEvery{}, true);
  Trainer trainer(options, *task, writer, console, Trainer::Clock::now());
  EXPECT_EQ(trainer.run(), 0);
  replayed = trainer.replayed_steps();
  ::unsetenv("JOIST_CAPTURE");
  return read_checkpoint(out / "last.h5");
}

class Crowds : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Objects, Crowds, ::testing::Values(2, 11));

TEST_P(Crowds, HaveTheBitsOfOtherSteps) {
  register_kernels(Device::Kind::cuda, kernels_that_do_not_wait());
  const TemporaryFolder folder;
  const fs::path data = crowd_in(folder, GetParam());
  std::int64_t none = 0, replayed = 0;
  const Checkpoint eager = trained(data, folder / "eager", false, none),
                   captured = trained(data, folder / "captured", true, replayed);
  EXPECT_EQ(none, 0);
  EXPECT_EQ(captured.training->step, 12);
  if (GetParam() <= 8) {
    EXPECT_EQ(replayed, 10) << "but for one to make what is kept, and the rehearsal";
  } else {
    EXPECT_TRUE(replayed == 8 || replayed == 9) << replayed << ": the full picture wants more places, and all anew";
  }
  expect_near(captured.model, eager.model, 0);
  expect_near(captured.average, eager.average, 0);
  expect_near(captured.training->optimizer.arrays, eager.training->optimizer.arrays, 0);
  ASSERT_EQ(captured.training->log.rows(), eager.training->log.rows());
  for (std::size_t row = 0; row < eager.training->log.rows(); ++row)
    for (const char* column : {"box_loss", "class_loss", "distance_loss", "AP", "lr"})
      EXPECT_EQ(captured.training->log.at(row, column), eager.training->log.at(row, column)) << column;
  static_cast<void>(cuda::emulator::use_emulated_gpu());
}

// Nothing is lost where a step cannot be recorded.
TEST(Detectors, GoTheUsualWayWhereAKernelIsOnTheCpu) {
  if (cuda::coverage_of("complete_iou") != cuda::Coverage::host) GTEST_SKIP() << "the GPU has all kernels";
  const TemporaryFolder folder;
  const fs::path data = crowd_in(folder, 2);
  std::int64_t none = 0, replayed = 0;
  const Checkpoint eager = trained(data, folder / "eager", false, none);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const Checkpoint captured = trained(data, folder / "captured", true, replayed, false);
  const std::string said = ::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(replayed, 0);
  EXPECT_NE(said.find("cannot be recorded"), std::string::npos) << said;
  EXPECT_EQ(said.find("cannot be recorded"), said.rfind("cannot be recorded")) << "said once";
  expect_near(captured.model, eager.model, 0);
  expect_near(captured.average, eager.average, 0);
  expect_near(captured.training->optimizer.arrays, eager.training->optimizer.arrays, 0);
}

}  // namespace
}  // namespace joist
