// The reference, and every loaded backend, against PyTorch: results, running statistics and gradients.
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/torch_fixtures.h>

#include <set>

namespace joist {
namespace {

constexpr double written_digits = 1e-6;  // the file has seven

// The case of that name with the fixture's numbers in its inputs.
Listed case_for(const TorchFixture& fixture, cases::Case& filled) {
  for (const Listed& listed : all_cases()) {
    if (listed.family->name + "/" + listed.one->name != fixture.case_name) continue;
    filled = *listed.one;
    if (filled.inputs.size() != fixture.inputs.size()) break;
    for (std::size_t i = 0; i < filled.inputs.size(); ++i) {
      filled.inputs[i].shape = fixture.inputs[i].shape;
      filled.inputs[i].values = fixture.inputs[i].values;
    }
    return {listed.family, &filled};
  }
  throw DataError({.where = fixture.case_name, .what = "no case with this name and number of inputs in tests/cases"});
}

class Torch : public testing::TestWithParam<TorchFixture> {};
std::string name_of_fixture(const testing::TestParamInfo<TorchFixture>& info) {
  std::string name = info.param.case_name;
  name[name.find('/')] = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Case, Torch, testing::ValuesIn(torch_fixtures()), name_of_fixture);

TEST_P(Torch, Agrees) {
  cases::Case filled;
  const auto [family, one] = case_for(GetParam(), filled);
  const RunOptions options{.seeds = GetParam().seeds};
  expect_near(run_case(*one, use_reference(), options), GetParam().result, written_digits);
  expect_near(run_case(*one, cpu, options), GetParam().result, family->tolerance + written_digits);
}

// A fixture that lost its cases would pass.
TEST(TorchFixtures, CoverTheFamilies) {
  std::set<std::string> families;
  for (const TorchFixture& fixture : torch_fixtures())
    families.insert(fixture.case_name.substr(0, fixture.case_name.find('/')));
  for (const cases::Family& family : cases::families()) {
    // Own random numbers; nothing of their own.
    if (family.name == "dropout" || family.name == "composition" || family.name == "basic_layers") continue;
    EXPECT_TRUE(families.contains(family.name)) << family.name;
  }
}

}  // namespace
}  // namespace joist
