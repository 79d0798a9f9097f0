#include <joist/tests/core/cpu/arrays.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_loss);

// Derivative of value() by one element of x, by central differences.
template <class Value>
double numeric(const Array& x, const Shape& i, const Value& value) {
  float& element = x.data<float>()[offset_of(i, x.strides())];
  const float before = element;
  const float step = 4e-3F;
  element = before + step;
  const auto above = static_cast<double>(element);
  const double upper = value();
  element = before - step;
  const double width = above - static_cast<double>(element), lower = value();
  element = before;
  return (upper - lower) / width;
}

TEST(Loss, CrossEntropyWithSmoothingAndIgnoredRows) {
  for_each_instruction_set([] {
    for (const Layout layout : {Layout::row_major, Layout::gaps})
      for (const double smoothing : {0.0, 0.1}) {
        const Array x = random_array({4, 21}, 1, layout), loss = filled(Array::empty({4}), [] { return 1; });
        const Array target = Array::from(std::vector<std::int64_t>{20, 0, -100, 7}, {4}), dloss = random_array({4}, 2);
        const CrossEntropyOptions options{.label_smoothing = smoothing};
        table.loss.cross_entropy(x, target, options, {.array = loss, .accumulate = true});
        const auto surprise = [&](std::int64_t row, std::int64_t k) {
          double sum = 0;
          for (std::int64_t j = 0; j < 21; ++j) sum += std::exp(at(x, {row, j}));
          return std::log(sum) - at(x, {row, k});
        };
        const auto wanted = [&](std::int64_t row) { return target.data<std::int64_t>()[row]; };
        expect_close(
            loss,
            [&](const Shape& i) {
              if (wanted(i[0]) < 0) return 1.0;
              double mean = 0;
              for (std::int64_t k = 0; k < 21; ++k) mean += surprise(i[0], k) / 21;
              return 1 + (1 - smoothing) * surprise(i[0], wanted(i[0])) + smoothing * mean;
            },
            1e-6, 1e-6);
        const Array dx = empty_in(layout, {4, 21});
        table.loss.cross_entropy_backward(x, target, dloss, options, {.array = dx});
        expect_close(
            dx,
            [&](const Shape& i) {
              if (wanted(i[0]) < 0) return 0.0;
              const double share = (i[1] == wanted(i[0]) ? 1 - smoothing : 0) + smoothing / 21;
              return at(dloss, {i[0]}) * (std::exp(-surprise(i[0], i[1])) - share);
            },
            1e-6, 1e-6);
      }
  });
}

TEST(Loss, CrossEntropyOfLargeLogitsIsExact) {
  const Array x = Array::from(std::vector<float>{30000, 29999}, {1, 2}), loss = Array::empty({1}), dx = Array::like(x);
  const Array target = Array::from(std::vector<std::int64_t>{1}, {1}),
              one = filled(Array::empty({1}), [] { return 1; });
  table.loss.cross_entropy(x, target, {}, {.array = loss});
  EXPECT_NEAR(loss.item(), 1 + std::log1p(std::exp(-1)), 1e-6);
  table.loss.cross_entropy_backward(x, target, one, {}, {.array = dx});
  EXPECT_NEAR(at(dx, {0, 0}), 1 / (1 + std::exp(-1)), 1e-6);
}

TEST(Loss, DistributionFocal) {
  for_each_instruction_set([] {
    const Array x = random_array({5, 16}, 3), loss = Array::empty({5}), dx = Array::like(x);
    const Array target = Array::from(std::vector<float>{0, 3.25F, 14.75F, 7, 14.99F}, {5}),
                dloss = random_array({5}, 4);
    table.loss.distribution_focal(x, target, {.array = loss});
    const auto surprise = [&](std::int64_t row, std::int64_t k) {
      double sum = 0;
      for (std::int64_t j = 0; j < 16; ++j) sum += std::exp(at(x, {row, j}));
      return std::log(sum) - at(x, {row, k});
    };
    const auto share = [&](std::int64_t row, std::int64_t k) {
      return std::max(0.0, 1 - std::fabs(at(target, {row}) - static_cast<double>(k)));
    };
    expect_close(
        loss,
        [&](const Shape& i) {
          double sum = 0;
          for (std::int64_t k = 0; k < 16; ++k) sum += share(i[0], k) * surprise(i[0], k);
          return sum;
        },
        1e-6, 1e-6);
    table.loss.distribution_focal_backward(x, target, dloss, {.array = dx});
    expect_close(
        dx, [&](const Shape& i) { return at(dloss, {i[0]}) * (std::exp(-surprise(i[0], i[1])) - share(i[0], i[1])); },
        1e-6, 1e-6);
  });
}

TEST(Loss, TargetsOutOfRangeTouchNothingOutside) {
  const Array x = random_array({4, 4}, 3), loss = Array::empty({4});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  table.loss.distribution_focal(x, Array::from(std::vector<float>{-5, 1e30F, nan, 3}, {4}), {.array = loss});
  EXPECT_TRUE(std::isnan(at(loss, {2})));
}

Array boxes(std::uint32_t seed, std::int64_t rows) {
  Numbers numbers(seed);
  const Array array = Array::empty({rows, 4});
  for (std::int64_t row = 0; row < rows; ++row) {
    auto* box = array.data<float>() + 4 * row;
    for (int k = 0; k < 2; ++k) {
      box[k] = static_cast<float>(numbers());
      box[k + 2] = box[k] + static_cast<float>(0.5 + std::fabs(numbers()));
    }
  }
  return array;
}

TEST(Loss, CompleteIouOfKnownBoxes) {
  for_each_instruction_set([] {
    // Equal; of the same form side by side: hull 4 x 2, centres 2 apart; one inside the other and twice as wide.
    const Array a = Array::from(std::vector<float>{0, 0, 2, 2, 0, 0, 2, 2, 0, 0, 2, 2}, {3, 4});
    const Array b = Array::from(std::vector<float>{0, 0, 2, 2, 2, 0, 4, 2, 0, 0, 2, 1}, {3, 4}), y = Array::empty({3});
    table.loss.complete_iou(a, b, {.array = y});
    const double angle = std::atan(2.0) - std::atan(1.0), v = 4 / (std::acos(-1.0) * std::acos(-1.0)) * angle * angle;
    EXPECT_NEAR(at(y, {0}), 1, 1e-6);
    EXPECT_NEAR(at(y, {1}), -4.0 / 20, 1e-6);
    EXPECT_NEAR(at(y, {2}), 0.5 - 0.25 / 8 - v * v / (0.5 + v), 1e-6);
  });
}

// The aspect weight alpha counts as a constant: its part of the difference quotient is taken off.
TEST(Loss, CompleteIouGradientAgreesWithDifferences) {
  for_each_instruction_set([] {
    const std::int64_t rows = 150;
    const Array a = boxes(1, rows), b = boxes(2, rows), y = Array::empty({rows}),
                da = Array::empty({4, rows}).transposed();
    const Array dy = filled(Array::empty({rows}), [] { return 2; });
    table.loss.complete_iou_backward(a, b, dy, {.array = da});
    const auto aspect = [&](std::int64_t row) {
      const auto ratio = [&](const Array& box) {
        return (at(box, {row, 2}) - at(box, {row, 0})) / (at(box, {row, 3}) - at(box, {row, 1}));
      };
      const double angle = std::atan(ratio(b)) - std::atan(ratio(a));
      return 4 / (std::acos(-1.0) * std::acos(-1.0)) * angle * angle;
    };
    const auto overlap = [&](std::int64_t row) {
      double sides[2], own = 1, other = 1;
      for (int k = 0; k < 2; ++k) {
        sides[k] = std::max(
            0.0, std::min(at(a, {row, k + 2}), at(b, {row, k + 2})) - std::max(at(a, {row, k}), at(b, {row, k})));
        own *= at(a, {row, k + 2}) - at(a, {row, k});
        other *= at(b, {row, k + 2}) - at(b, {row, k});
      }
      return sides[0] * sides[1] / (own + other - sides[0] * sides[1]);
    };
    int wrong = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      const double v = aspect(row), alpha = v / (1 - overlap(row) + v);
      for (std::int64_t k = 0; k < 4; ++k) {
        const double whole = numeric(a, {row, k}, [&] {
          table.loss.complete_iou(a, b, {.array = y});
          const double now = aspect(row);
          return at(y, {row}) + now * now / (1 - overlap(row) + now) - alpha * now;
        });
        if (std::fabs(at(da, {row, k}) - 2 * whole) > 5e-3) ++wrong;
      }
    }
    EXPECT_LE(wrong, 12);  // steps across a corner where an edge of one box passes one of the other
  });
}

}  // namespace
}  // namespace joist::testing
