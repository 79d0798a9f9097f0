// Results of PyTorch for cases of tests/cases, made by tests/fixtures/make_torch_fixtures.py.
#pragma once

#include <joist/tests/support/run_case.h>

namespace joist {

struct TorchFixture {
  std::string case_name;  ///< "family/case"
  std::vector<Values> inputs;
  std::vector<std::vector<double>> seeds;  ///< d(loss)/d(output)
  Result result;
  friend void PrintTo(const TorchFixture& fixture, std::ostream* out) { *out << fixture.case_name; }
};
/// Throws DataError when the file is absent or broken.
std::vector<TorchFixture> torch_fixtures();

}  // namespace joist
