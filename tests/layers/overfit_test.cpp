// ctest: TIMEOUT 300
// The default detector learns two pictures by heart: what it finds afterwards, in evaluation mode, is their truth.
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/detection/loss.h>
#include <joist/layers/detection/suppress.h>
#include <joist/layers/models/yolo.h>
#include <joist/optim/adam.h>

#include <algorithm>

#include <gtest/gtest.h>

namespace joist {
namespace {

constexpr std::int64_t size = 96;

using Truth = std::vector<std::vector<TrueBox>>;

// Grey noise with a brighter rectangle of one colour per class.
Tensor pictures_of(const Truth& truth) {
  const Array noise = contiguous(rand({static_cast<std::int64_t>(truth.size()), 3, size, size}, 0.3, 0.5)).value();
  auto* values = noise.data<float>();
  for (std::size_t picture = 0; picture < truth.size(); ++picture)
    for (const TrueBox& box : truth[picture])
      for (auto y = static_cast<std::int64_t>(box.y1); y < static_cast<std::int64_t>(box.y2); ++y)
        for (auto x = static_cast<std::int64_t>(box.x1); x < static_cast<std::int64_t>(box.x2); ++x)
          values[((static_cast<std::int64_t>(picture) * 3 + box.category) * size + y) * size + x] = 1;
  return contiguous(Tensor(noise), Order::channels_last);
}

double overlap(const DetectedBox& a, const TrueBox& b) {
  const auto length = [](float a1, float a2, float b1, float b2) {
    return std::max(0.0F, std::min(a2, b2) - std::max(a1, b1));
  };
  const float both = length(a.x1, a.x2, b.x1, b.x2) * length(a.y1, a.y2, b.y1, b.y2);
  return static_cast<double>(both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both));
}

// Whether a detector that began from `seed` finds the truth and nothing else.
bool learns_by_heart(std::uint64_t seed) {
  manual_seed(seed);
  Yolo model(YoloOptions::sized('n', 3));
  const Truth truth{{{8, 10, 40, 58, 0}, {50, 40, 90, 80, 1}}, {{20, 12, 76, 44, 2}}};
  const Tensor pictures = pictures_of(truth);
  FlatParameters parameters(fields_of(model));
  AdamW optimizer(parameters, {.lr = 2e-3});
  double first = 0, last = 0;
  for (int step = 0; step < 400; ++step) {
    if (step == 240)
      for (GroupSettings& group : optimizer.groups()) group.lr = 2e-4;
    const DetectionLoss loss = detection_loss(model(pictures), truth);
    const Tensor mean = loss.sum * (1 / loss.count);
    last = mean.item();
    if (step == 0) first = last;
    mean.backward();
    optimizer.step();
  }
  EXPECT_LT(last, 0.2 * first) << first;
  const Array decoded = [&] {
    const Inference inference;
    return decode(model(pictures)).value();
  }();
  const auto found = suppress(decoded, {.confidence = 0.5});
  for (std::size_t picture = 0; picture < truth.size(); ++picture) {
    if (found[picture].size() != truth[picture].size()) return false;
    for (const TrueBox& wanted : truth[picture])
      if (std::none_of(found[picture].begin(), found[picture].end(), [&](const DetectedBox& box) {
            return box.category == wanted.category && overlap(box, wanted) > 0.75;
          }))
        return false;
  }
  return true;
}

TEST(Overfit, TheDefaultDetectorLearnsOneBatchByHeart) {
  // After 300 steps 4 to 7 of 24 seeds left a box under the confidence asked for, which ones depended on how an
  // instruction set rounds; 100 steps more at the low rate mended four of seven.
  int learnt = 0, tried = 0;
  while (learnt < 3 && tried < 5) learnt += learns_by_heart(static_cast<std::uint64_t>(++tried));
  EXPECT_EQ(learnt, 3) << "of " << tried;
}

}  // namespace
}  // namespace joist
