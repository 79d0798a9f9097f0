// ONNX's own node cases (Debian's libonnx-testdata, with --with-peers those of PyPI's onnx as well): each passes, or is
// listed as unsupported with its reason.
// ctest: TIMEOUT 300
#include <joist/core/error.h>
#include <joist/core/ops.h>
#include <joist/tools/training/onnx/program.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;
using namespace joist;

std::map<std::string, std::string> listed(const std::string& list) {
  std::map<std::string, std::string> reasons;
  std::ifstream file(JOIST_SOURCE_DIR "/tests/tools/training/" + list);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line[0] != '#') reasons[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
  return reasons;
}

Tensor read(const fs::path& path) { return Tensor(read_onnx_value(Input::file(path)).array); }

// "" or what differs.
std::string difference(const Tensor& seen, const Tensor& wanted) {
  if (seen.shape() != wanted.shape()) return "shape " + seen.shape().text() + ", wanted " + wanted.shape().text();
  if (seen.dtype() != wanted.dtype())
    return std::string("type ") + std::string(name_of(seen.dtype())) + ", wanted " +
           std::string(name_of(wanted.dtype()));
  const Tensor a = to(seen.detach(), Dtype::float64), b = to(wanted, Dtype::float64);
  if (allclose(a, b, 1e-3, 1e-7, true)) return {};  // the tolerances of ONNX's own runner
  return "values";
}

std::string run_case(const fs::path& folder) {
  const OnnxProgram program(read_onnx_model(Input::file(folder / "model.onnx"), folder), folder.filename().string());
  for (int set = 0; fs::exists(folder / ("test_data_set_" + std::to_string(set))); ++set) {
    const fs::path data = folder / ("test_data_set_" + std::to_string(set));
    std::map<std::string, Tensor> inputs;
    for (std::size_t i = 0; i < program.inputs().size(); ++i)
      inputs[program.inputs()[i]] = read(data / ("input_" + std::to_string(i) + ".pb"));
    const std::map<std::string, Tensor> outputs = program.run(inputs);
    for (std::size_t i = 0; i < program.outputs().size(); ++i) {
      const std::string wrong =
          difference(outputs.at(program.outputs()[i]), read(data / ("output_" + std::to_string(i) + ".pb")));
      if (!wrong.empty()) return program.outputs()[i] + ": " + wrong;
    }
  }
  return {};
}

struct Counts {
  int passed = 0, unsupported = 0, failed = 0;
};

// `list`: the file that names what is not supported, and why.
Counts run_kind(const fs::path& folder, const std::string& list) {
  const std::map<std::string, std::string> reasons = listed(list);
  const bool verbose = std::getenv("JOIST_ONNX_VERBOSE") != nullptr;
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "model.onnx")) cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  Counts counts;
  for (const fs::path& each : cases) {
    const std::string name = each.filename().string();
    std::string wrong;
    try {
      wrong = run_case(each);
    } catch (const UnsupportedError& error) {
      ++counts.unsupported;
      if (verbose) std::cout << "unsupported " << name << " " << error.fault().what << "\n";
      EXPECT_TRUE(reasons.contains(name)) << name << ": " << error.what();
      continue;
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    if (wrong.empty()) {
      ++counts.passed;
      EXPECT_FALSE(reasons.contains(name)) << name << " passes now: take it off the list";
    } else {
      ++counts.failed;
      ADD_FAILURE() << name << ": " << wrong;
    }
  }
  std::cout << folder.filename().string() << ": " << counts.passed << " passed, " << counts.unsupported
            << " unsupported, " << counts.failed << " failed of " << cases.size() << "\n";
  return counts;
}

const fs::path cases = "/usr/share/libonnx-testdata/data";

TEST(OnnxConformance, NodeCases) {
  if (!fs::exists(cases / "node")) GTEST_SKIP() << "Debian's libonnx-testdata is not installed";
  const Counts counts = run_kind(cases / "node", "onnx_unsupported.txt");
  EXPECT_EQ(counts.failed, 0);
  EXPECT_GE(counts.passed, 746);  // 80 % of 932
}

TEST(OnnxConformance, ConvertedLayers) {
  if (!fs::exists(cases / "node")) GTEST_SKIP() << "Debian's libonnx-testdata is not installed";
  for (const char* kind : {"pytorch-converted", "pytorch-operator", "simple"})
    EXPECT_EQ(run_kind(cases / kind, "onnx_unsupported.txt").failed, 0) << kind;
}

// Those of the PyPI package, where onnx_cases_peers_test.py has written them.
TEST(OnnxConformance, NewerNodeCases) {
  const char* folder = std::getenv("JOIST_ONNX_CASES");
  if (folder == nullptr) GTEST_SKIP() << "JOIST_ONNX_CASES names no folder";
  const Counts counts = run_kind(folder, "onnx_unsupported_18_to_21.txt");
  EXPECT_EQ(counts.failed, 0);
  EXPECT_GT(counts.passed, 0);
}

TEST(OnnxProgram, NamesEveryUnknownOperator) {
  OnnxModel model;
  model.operator_sets[""] = 17;
  model.graph.operations = {{.op = "Warp"}, {.op = "Abs"}, {.op = "Weft", .domain = "mine"}};
  try {
    OnnxProgram program(model);
    FAIL();
  } catch (const UnsupportedError& error) {
    EXPECT_NE(std::string(error.what()).find("Warp, mine.Weft"), std::string::npos) << error.what();
  }
}

}  // namespace
