// The flat buffer: layout, ties, freezing, padding, gradients.
#include <joist/core/ops.h>
#include <joist/optim/clip.h>
#include <joist/optim/sgd.h>
#include <joist/tests/optim/support.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::give_gradient;
using testing::numbers;
using testing::parameter;

TEST(FlatParameters, KeepsValuesInAlignedSlicesGroupedByKind) {
  const std::vector<Field> fields{parameter("conv.weight", {1, 2, 3, 4, 5, 6}, {3, 2}),
                                  parameter("conv.bias", {7, 8, 9}, {3}), parameter("bn.weight", {10, 11}, {2}),
                                  parameter("bn.bias", {12, 13}, {2}), parameter("head.weight", {14}, {1, 1})};
  const FlatParameters flat(fields);

  ASSERT_EQ(flat.groups().size(), 3U);
  EXPECT_EQ(flat.groups()[0].name, "weight");
  EXPECT_TRUE(flat.groups()[0].decay);
  EXPECT_EQ(flat.groups()[1].name, "bias");
  EXPECT_FALSE(flat.groups()[1].decay);
  EXPECT_EQ(flat.groups()[2].name, "norm");
  EXPECT_FALSE(flat.groups()[2].decay);
  EXPECT_EQ(flat.count(), 6 + 3 + 2 + 2 + 1);
  EXPECT_EQ(flat.values().elements(), 5 * 16);  // each slice fills 64 bytes

  for (const FlatParameters::Slice& slice : flat.slices())
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slice.tensor.value().raw()) % 64, 0U) << slice.name;
  for (const Field& field : fields) EXPECT_TRUE(field.tensor.value().shares_memory_with(flat.values())) << field.name;
  EXPECT_EQ(numbers(fields[0].tensor.value()), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(numbers(fields[3].tensor.value()), (std::vector<double>{12, 13}));
  EXPECT_EQ(numbers(flat.groups()[0].values)[16], 14);  // head.weight beside conv.weight
  EXPECT_EQ(numbers(flat.values())[6], 0);              // padding
}

TEST(FlatParameters, KeepsTheStridesOfDenseTensors) {
  const Array channels_last = Array::empty({2, 3, 2, 2}, Dtype::float32, cpu, Order::channels_last);
  for_each_index(channels_last.shape(), [&, n = 0.0F](const Shape& i) mutable {
    channels_last.data<float>()[offset_of(i, channels_last.strides())] = n++;
  });
  const std::vector<Field> fields{{"weight", Parameter(channels_last), true}};
  const FlatParameters flat(fields);
  EXPECT_TRUE(fields[0].tensor.value().is_channels_last());
  EXPECT_EQ(fields[0].tensor.value().to_vector<float>(), channels_last.to_vector<float>());
  EXPECT_TRUE(flat.part(flat.gradients(), flat.slices()[0]).is_channels_last());
}

TEST(FlatParameters, TakesTiesOnceAndLeavesFrozenOnesAndBuffersOut) {
  const Field shared = parameter("embedding.weight", {1, 2}, {2, 1});
  const Field frozen = parameter("stem.weight", {3, 4}, {2, 1});
  frozen.tensor.set_requires_grad(false);
  const std::vector<Field> fields{
      shared, frozen, {"head.weight", shared.tensor, true}, testing::buffer("bn.mean", {0}, {1})};
  const FlatParameters flat(fields);
  EXPECT_EQ(flat.slices().size(), 1U);
  EXPECT_EQ(flat.count(), 2);
  EXPECT_TRUE(flat.holds(shared.tensor));
  EXPECT_FALSE(flat.holds(frozen.tensor));
  EXPECT_FALSE(frozen.tensor.value().shares_memory_with(flat.values()));
}

TEST(FlatParameters, RefusesNothingToTrainAndMixedDtypes) {
  EXPECT_THROW(FlatParameters{std::vector<Field>{}}, UsageError);
  const std::vector<Field> mixed{parameter("a", {1}, {1}),
                                 {"b", Parameter(Array::from(std::vector<double>{1}, {1})), true}};
  EXPECT_THROW(FlatParameters{mixed}, DtypeError);
}

TEST(FlatParameters, GradientsOfBackwardLandInTheBuffer) {
  const std::vector<Field> fields{parameter("a.weight", {1, 2}, {2, 1}), parameter("b.weight", {3, 4}, {2, 1})};
  FlatParameters flat(fields);
  give_gradient(fields[0].tensor, {5, 6});
  give_gradient(fields[0].tensor, {1, 1});  // accumulated
  EXPECT_EQ(numbers(flat.gradients())[0], 6);
  EXPECT_EQ(numbers(flat.gradients())[1], 7);

  give_gradient(fields[1].tensor, {8, 9});
  flat.clear_gradients();
  EXPECT_FALSE(fields[1].tensor.gradient().defined());
  give_gradient(fields[0].tensor, {2, 2});  // b stays unwritten: its old numbers must not count
  flat.complete_gradients();
  EXPECT_EQ(numbers(flat.gradients())[0], 2);
  EXPECT_EQ(numbers(flat.gradients())[16], 0);
  EXPECT_EQ(numbers(flat.gradients())[17], 0);
}

TEST(FlatParameters, AStepBetweenForwardAndBackwardIsAnError) {
  const std::vector<Field> fields{parameter("a.weight", {2}, {1})};
  FlatParameters flat(fields);
  Sgd optimizer(flat, {.lr = 0.1});
  const Tensor loss = sum(square(fields[0].tensor));
  give_gradient(fields[0].tensor, {1});
  optimizer.step();
  EXPECT_THROW(loss.backward(), InternalError);
}

TEST(FlatParameters, PartsGoOutAndComeBackByName) {
  const std::vector<Field> fields{parameter("a.weight", {1, 2}, {2, 1}), parameter("a.bias", {3}, {1})};
  const FlatParameters flat(fields);
  const std::vector<NamedState> parts = flat.parts(flat.values(), "copy.");
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1].name, "copy.a.bias");
  const Array other = flat.zeros();
  flat.assign_parts(other, "copy.", parts);
  EXPECT_EQ(numbers(other), numbers(flat.values()));

  const std::vector<NamedState> wrong{{"copy.a.weight", testing::values_on(testing::single, {9, 9}, {2, 1})},
                                      {"copy.a.bias", testing::values_on(testing::single, {9, 9}, {2})}};
  EXPECT_THROW(flat.assign_parts(other, "copy.", wrong), DataError);
  EXPECT_THROW(flat.assign_parts(other, "elsewhere.", parts), DataError);
  EXPECT_EQ(numbers(other), numbers(flat.values())) << "a refused assignment wrote something";
}

TEST(ClipGradientNorm, ScalesLongGradientsAndLeavesOthers) {
  const std::vector<Field> fields{parameter("a.weight", {0, 0}, {2, 1}), parameter("a.bias", {0}, {1})};
  FlatParameters flat(fields);
  give_gradient(fields[0].tensor, {3, 4});
  give_gradient(fields[1].tensor, {12});
  EXPECT_DOUBLE_EQ(clip_gradient_norm(flat, 20), 13);
  EXPECT_EQ(numbers(fields[1].tensor.gradient())[0], 12);
  EXPECT_DOUBLE_EQ(clip_gradient_norm(flat, 1), 13);
  EXPECT_NEAR(numbers(fields[0].tensor.gradient())[1], 4.0 / 13, 1e-6);
  EXPECT_NEAR(clip_gradient_norm(flat, 1), 1, 1e-6);
}

TEST(ClipGradientNorm, ReportsWhatIsNotFiniteAndScalesNothing) {
  const std::vector<Field> fields{parameter("a.weight", {0, 0}, {2, 1})};
  FlatParameters flat(fields);
  give_gradient(fields[0].tensor, {100, std::numeric_limits<double>::infinity()});
  EXPECT_FALSE(std::isfinite(clip_gradient_norm(flat, 1)));
  EXPECT_EQ(numbers(fields[0].tensor.gradient())[0], 100);
  EXPECT_THROW(clip_gradient_norm(flat, 0), UsageError);
}

}  // namespace
}  // namespace joist
