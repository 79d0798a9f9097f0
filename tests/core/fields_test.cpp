#include <joist/layers/models/mobilenet.h>
#include <joist/layers/models/resnet.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Settings {
  int width = 3;
  std::string name = "x";
};

struct Block {
  Conv2d conv1{{.in = 2, .out = 3}};
  BatchNorm2d bn1{{.channels = 3}};
  std::optional<Linear> extra{};
};

struct UserModel {  // nothing registered, inherited or switched by macro
  Block stem{};
  std::vector<Block> stages{2};
  Settings settings{};
  Parameter temperature{Array::empty({1})};
  std::unique_ptr<Linear> head = std::make_unique<Linear>(LinearOptions{.in = 3, .out = 2, .bias = false});
  double factor = 1;
};

std::vector<std::string> names(const std::vector<Field>& fields) {
  std::vector<std::string> result;
  for (const Field& field : fields) result.push_back(field.name);
  return result;
}

TEST(Fields, MemberPathsAreStateDictNames) {
  UserModel model;
  model.stages[1].extra.emplace(LinearOptions{.in = 1, .out = 1});
  EXPECT_EQ(names(fields_of(model)), (std::vector<std::string>{"stem.conv1.weight",
                                                               "stem.conv1.bias",
                                                               "stem.bn1.weight",
                                                               "stem.bn1.bias",
                                                               "stem.bn1.running_mean",
                                                               "stem.bn1.running_var",
                                                               "stages.0.conv1.weight",
                                                               "stages.0.conv1.bias",
                                                               "stages.0.bn1.weight",
                                                               "stages.0.bn1.bias",
                                                               "stages.0.bn1.running_mean",
                                                               "stages.0.bn1.running_var",
                                                               "stages.1.conv1.weight",
                                                               "stages.1.conv1.bias",
                                                               "stages.1.bn1.weight",
                                                               "stages.1.bn1.bias",
                                                               "stages.1.bn1.running_mean",
                                                               "stages.1.bn1.running_var",
                                                               "stages.1.extra.weight",
                                                               "stages.1.extra.bias",
                                                               "temperature",
                                                               "head.weight"}));
}

struct Undefaulted {  // members that cannot be made of nothing
  Parameter scale{Array::empty({1})};
  Conv2d conv;
  Linear head;
  double factor = 1;
};

TEST(Fields, MembersNeedNoDefaultValues) {
  Undefaulted model{.conv = Conv2d{{.in = 2, .out = 3, .bias = false}}, .head = Linear{{.in = 3, .out = 2}}};
  EXPECT_EQ(names(fields_of(model)), (std::vector<std::string>{"scale", "conv.weight", "head.weight", "head.bias"}));
}

TEST(Fields, ParametersTrainAndBuffersDoNot) {
  Block block;
  for (const Field& field : fields_of(block))
    EXPECT_EQ(field.trainable, field.name.find("running") == std::string::npos);
}

TEST(Fields, TensorsShareTheModelsMemory) {
  Block block;
  fields_of(block)[0].tensor.value().data<float>()[0] = 42;
  EXPECT_EQ(block.conv1.weight.value().data<float>()[0], 42);
}

TEST(Fields, CloneHasMemoryOfItsOwn) {
  const Block block;
  Block copy = clone(block);
  EXPECT_EQ(copy.conv1.weight.value().to_vector<float>(), block.conv1.weight.value().to_vector<float>());
  copy.conv1.weight.value().data<float>()[0] += 1;
  EXPECT_NE(copy.conv1.weight.value().data<float>()[0], block.conv1.weight.value().data<float>()[0]);
  EXPECT_TRUE(copy.conv1.weight.requires_grad());
  EXPECT_FALSE(copy.bn1.running_mean.requires_grad());
}

TEST(Fields, LibraryModelsUseTorchvisionsNamesAndSizes) {
  const auto count = [](const std::vector<Field>& fields) {
    std::int64_t total = 0;
    for (const Field& field : fields)
      if (field.trainable) total += field.tensor.value().elements();
    return total;
  };
  ResNet resnet;
  EXPECT_EQ(count(fields_of(resnet)), 11689512);  // torchvision's resnet18
  const auto resnet_names = names(fields_of(resnet));
  EXPECT_EQ(std::count(resnet_names.begin(), resnet_names.end(), "layer2.0.downsample.1.running_var"), 1);
  MobileNetV2 mobilenet;
  EXPECT_EQ(count(fields_of(mobilenet)), 3504872);  // torchvision's mobilenet_v2
  const auto mobilenet_names = names(fields_of(mobilenet));
  for (const char* name : {"features.0.0.weight", "features.1.conv.1.weight", "features.2.conv.1.0.weight",
                           "features.17.conv.3.running_mean", "features.18.1.bias", "classifier.1.bias"})
    EXPECT_EQ(std::count(mobilenet_names.begin(), mobilenet_names.end(), name), 1) << name;
}

}  // namespace
}  // namespace joist
