#include <joist/core/error.h>
#include <joist/tools/training/options.h>
#include <joist/tools/training/weight_mapping.h>

#include <gtest/gtest.h>

namespace {

using namespace joist;

Field field(const std::string& name, const Shape& shape, Dtype dtype = Dtype::float32) {
  return {name, Tensor::zeros(shape, dtype), true};
}

std::vector<Field> model() {
  return {field("stem.weight", {4, 3, 3, 3}),    field("stem.bias", {4}),     field("layer.conv.weight", {4, 4, 3, 3}),
          field("layer.norm.running_mean", {4}), field("fc.weight", {10, 4}), field("fc.bias", {10})};
}

/// Arrays whose elements are their number, 1, 2, …
StoredArchive archive(const std::vector<std::pair<std::string, Shape>>& entries, Dtype dtype = Dtype::float32) {
  Archive result;
  double number = 0;
  for (const auto& [name, shape] : entries)
    result.arrays.push_back({name, Tensor::full(shape, ++number, dtype).value()});
  return stored(std::move(result), "test");
}

const std::vector<std::pair<std::string, Shape>> same = {
    {"stem.weight", {4, 3, 3, 3}},    {"stem.bias", {4}},     {"layer.conv.weight", {4, 4, 3, 3}},
    {"layer.norm.running_mean", {4}}, {"fc.weight", {10, 4}}, {"fc.bias", {10}}};

std::vector<std::pair<std::string, Shape>> renamed(const std::string& beginning) {
  std::vector<std::pair<std::string, Shape>> entries = same;
  for (auto& [name, shape] : entries) name = beginning + name;
  return entries;
}

double first(const Field& field) { return static_cast<double>(*field.tensor.value().data<float>()); }

std::string refusal(const std::vector<Field>& fields, const StoredArchive& stored, const MappingOptions& options = {}) {
  try {
    load_mapped(fields, stored, options, "file");
  } catch (const DataError& error) {
    return error.what();
  }
  return {};
}

TEST(WeightMapping, TakesEqualNamesAfterWhatStandsBeforeAll) {
  for (const char* beginning : {"", "module.", "model/", "state_dict/module."}) {
    const std::vector<Field> fields = model();
    EXPECT_EQ(load_mapped(fields, archive(renamed(beginning)), {}, "file").size(), 1U) << beginning;
    for (std::size_t i = 0; i < fields.size(); ++i)
      EXPECT_EQ(first(fields[i]), static_cast<double>(i + 1)) << beginning;
  }
}

TEST(WeightMapping, LeavesOutWhatStandsBesideTheWeights) {
  auto entries = renamed("model/");
  entries.push_back({"optimizer/state/0/exp_avg", {4, 3, 3, 3}});
  entries.push_back({"model/layer.norm.num_batches_tracked", {}});
  EXPECT_EQ(refusal(model(), archive(entries)), "");
}

TEST(WeightMapping, ListsEverythingThatDoesNotFitAndChangesNothing) {
  const std::vector<Field> fields = model();
  auto entries = same;
  entries[0].first = "conv0.weight";
  entries[2].second = {4, 4, 1, 1};
  const std::string message = refusal(fields, archive(entries));
  EXPECT_NE(message.find("missing: stem.weight"), message.npos) << message;
  EXPECT_NE(message.find("unexpected: conv0.weight"), message.npos) << message;
  EXPECT_NE(message.find("layer.conv.weight float32 [4, 4, 1, 1] (model: float32 [4, 4, 3, 3])"), message.npos)
      << message;
  EXPECT_NE(message.find("conv0.weight -> stem.weight"), message.npos) << message;  // the proposal
  for (const Field& each : fields) EXPECT_EQ(first(each), 0);
}

TEST(WeightMapping, RenamesByRulesAndByShape) {
  auto entries = same;
  entries[0].first = "conv0.weight";
  entries[1].first = "conv0.bias";
  entries.push_back({"aux.weight", {7}});
  const StoredArchive stored = archive(entries);
  const std::vector<Field> by_rule = model();
  EXPECT_EQ(refusal(by_rule, stored, {.rules = {"conv0.**=stem.**", "aux.**="}}), "");
  EXPECT_EQ(first(by_rule[0]), 1);
  const std::vector<Field> by_shape = model();
  EXPECT_EQ(refusal(by_shape, stored, {.rules = {"aux.**="}, .by_shape = true}), "");
  EXPECT_EQ(first(by_shape[0]), 1);
  EXPECT_EQ(first(by_shape[1]), 2);
  EXPECT_THROW(load_mapped(model(), stored, {.rules = {"aux"}}, "file"), UsageError);
}

TEST(WeightMapping, DoesNotGuessByShapeWhereCountsDiffer) {
  auto entries = same;
  entries[0].first = "a.weight";
  entries.push_back({"b.weight", {4, 3, 3, 3}});
  const std::string message = refusal(model(), archive(entries), {.by_shape = true});
  EXPECT_NE(message.find("missing: stem.weight"), message.npos) << message;
}

TEST(WeightMapping, BeginsAHeadOfOtherClassesAnew) {
  auto entries = same;
  entries[4].second = {1000, 4};
  entries[5].second = {1000};
  const std::vector<Field> fields = model();
  const std::vector<std::string> lines = load_mapped(fields, archive(entries), {}, "file");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[1].find("fc.weight, fc.bias"), std::string::npos) << lines[1];
  EXPECT_EQ(first(fields[0]), 1);
  EXPECT_EQ(first(fields[4]), 0);
  EXPECT_NE(refusal(model(), archive(entries), {.fresh_head = false}), "");
  entries.resize(4);
  EXPECT_EQ(refusal(model(), archive(entries), {.fresh = {"fc"}}), "");
}

TEST(WeightMapping, ConvertsFloatTypesOnly) {
  const std::vector<Field> fields = model();
  EXPECT_EQ(refusal(fields, archive(same, Dtype::bfloat16)), "");
  EXPECT_EQ(first(fields[5]), 6);
  EXPECT_NE(refusal(model(), archive(same, Dtype::int64)), "");
}

TEST(SplitList, LeavesBracesAlone) {
  EXPECT_EQ(split_list("a,{b,c}.*,d=1"), (std::vector<std::string>{"a", "{b,c}.*", "d=1"}));
  EXPECT_TRUE(split_list("").empty());
}

}  // namespace
