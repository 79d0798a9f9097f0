// Graphs whose options and inputs make no sense end in DataError or UnsupportedError, whatever they are; run under
// UndefinedBehaviorSanitizer this also shows that none overflows or reads beyond a list.
#include <joist/core/ops.h>
#include <joist/tools/training/onnx/program.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace joist {
namespace {

constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
using Lengths = std::vector<std::int64_t>;

Tensor whole(const Lengths& values) { return tensor(values, {static_cast<std::int64_t>(values.size())}); }
Tensor real(double value) { return full({}, value, Dtype::float64); }
Tensor reals(const std::vector<double>& values) { return tensor(values, {static_cast<std::int64_t>(values.size())}); }
Tensor picture() { return ones({1, 2, 6, 6}); }
Tensor kernel() { return ones({2, 2, 3, 3}); }

struct Case {
  std::string name{};
  std::string op{};
  std::vector<Tensor> inputs{};
  std::map<std::string, OnnxParameter> attributes{};
  std::size_t outputs = 1;
  std::int64_t operator_set = 17;
};

std::shared_ptr<const OnnxBody> body_without_outputs() { return std::make_shared<OnnxBody>(); }

std::vector<Case> cases() {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const Tensor x = picture(), w = kernel();
  return {
      {"stride", "Conv", {x, w}, {{"strides", Lengths{huge, huge}}}},
      {"dilation", "Conv", {x, w}, {{"dilations", Lengths{huge, 1}}, {"auto_pad", std::string("SAME_UPPER")}}},
      {"pads", "Conv", {x, w}, {{"pads", Lengths{huge, huge, huge, huge}}}},
      {"few_pads", "Conv", {x, w}, {{"pads", Lengths{1}}}},
      {"groups", "Conv", {x, w}, {{"group", std::int64_t{0}}}},
      {"transposed_stride", "ConvTranspose", {x, w}, {{"strides", Lengths{huge, huge}}}},
      {"short_output_shape", "ConvTranspose", {x, w}, {{"output_shape", Lengths{5}}}},
      {"output_shape", "ConvTranspose", {x, w}, {{"output_shape", Lengths{huge, huge}}}},
      {"output_padding", "ConvTranspose", {x, w}, {{"output_padding", Lengths{-huge, 0}}}},
      {"pool_kernel", "MaxPool", {x}, {{"kernel_shape", Lengths{huge, huge}}}},
      {"no_kernel", "MaxPool", {x}, {}},
      {"pool_pads", "AveragePool", {x}, {{"kernel_shape", Lengths{2, 2}}, {"pads", Lengths{huge, 0, huge, 0}}}},
      {"reshape", "Reshape", {x, whole({huge, huge, huge})}, {}},
      {"reshape_rest", "Reshape", {x, whole({1LL << 40, 1LL << 40, -1})}, {}},
      {"pad", "Pad", {x, whole({huge, 0, 0, 0, huge, 0, 0, 0})}, {}},
      {"no_outputs", "Split", {x}, {}, 0},
      {"split", "Split", {x, whole({-1, 3})}, {}, 2},
      {"axis", "Concat", {x, x}, {{"axis", huge}}},
      {"range", "Range", {real(0.0), real(nan), real(1.0)}, {}},
      {"step", "Range", {real(0.0), real(infinity), real(0.0)}, {}},
      {"expand", "Expand", {x, whole({huge, 1, 1, 1, 1})}, {}},
      {"shape", "ConstantOfShape", {whole({huge, 2})}, {}},
      {"sizes", "Resize", {x, Tensor(), Tensor(), whole({1, 2, huge, huge})}, {}},
      {"scales", "Resize", {x, Tensor(), reals({1.0, 1.0, infinity, nan})}, {}},
      {"policy",
       "Resize",
       {x, Tensor(), Tensor(), whole({1, 2, huge, 1})},
       {{"keep_aspect_ratio_policy", std::string("not_smaller")}},
       1,
       18},
      {"no_k", "TopK", {x, whole({})}, {}, 2},
      {"k", "TopK", {x, whole({huge})}, {}, 2},
      {"sum_axis", "CumSum", {x, whole({})}, {}},
      {"depth", "OneHot", {whole({1}), real(nan), reals({0.0, 1.0})}, {}},
      {"index", "Gather", {x, whole({huge})}, {}},
      {"batch_dims", "GatherND", {x, whole({0})}, {{"batch_dims", huge}}},
      {"scattered", "ScatterND", {x, tensor(Lengths{-huge, 0}, {1, 2}), ones({1, 6, 6})}, {}},
      {"lengths",
       "ReverseSequence",
       {x, whole({1})},
       {{"time_axis", std::int64_t{0}}, {"batch_axis", std::int64_t{1}}}},
      {"no_boxes", "NonMaxSuppression", {ones({1, 0, 4}), ones({1, 1, 0}), whole({1, 2})}, {}},
      {"window", "HannWindow", {whole({huge})}, {}},
      {"loop", "Loop", {whole({1}), Tensor()}, {{"body", body_without_outputs()}}},
      {"rounds", "Loop", {whole({}), Tensor()}, {{"body", body_without_outputs()}}},
      {"no_time", "LSTM", {ones({0, 1, 2}), ones({1, 8, 2}), ones({1, 8, 2})}, {}, 3},
      {"recurrence", "GRU", {ones({3, 1, 2}), ones({1, 5, 2}), ones({1, 6, 2})}, {}, 2},
      {"einsum", "Einsum", {x}, {{"equation", std::string("->>...,,")}}},
      {"triangle", "Trilu", {ones({2, 2}), whole({})}, {}},
      {"block", "DepthToSpace", {x}, {{"blocksize", huge}}},
      {"space", "SpaceToDepth", {x}, {{"blocksize", huge}}},
      {"kind", "Gemm", {ones({2, 2}), ones({2, 2})}, {{"alpha", Lengths{1}}}},
      {"vector", "Gemm", {ones({2}), ones({2, 2})}, {{"transA", std::int64_t{1}}}},
      {"nothing", "Add", {}, {}},
  };
}

class OnnxHostile : public testing::TestWithParam<Case> {};

TEST_P(OnnxHostile, EndsInATypedError) {
  const Case& one = GetParam();
  OnnxModel model;
  model.operator_sets[""] = one.operator_set;
  OnnxOperation operation{.op = one.op, .attributes = one.attributes};
  std::map<std::string, Tensor> inputs;
  for (std::size_t i = 0; i < one.inputs.size(); ++i) {
    const std::string name = one.inputs[i].defined() ? "x" + std::to_string(i) : "";
    operation.inputs.push_back(name);
    if (name.empty()) continue;
    model.graph.inputs.push_back(name);
    inputs[name] = one.inputs[i];
  }
  for (std::size_t i = 0; i < one.outputs; ++i) operation.outputs.push_back("y" + std::to_string(i));
  model.graph.outputs = operation.outputs;
  model.graph.operations = {operation};
  try {
    OnnxProgram(model).run(inputs);
    FAIL() << "ran";
  } catch (const DataError&) {
  } catch (const UnsupportedError&) {
  } catch (const std::exception& error) {
    FAIL() << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(All, OnnxHostile, testing::ValuesIn(cases()), [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace joist
