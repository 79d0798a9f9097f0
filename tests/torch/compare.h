// One sample: run it through its entry and compare results, state and gradients with PyTorch's.
#pragma once

#include <joist/tests/torch/table.h>

namespace joist::torchdb {

struct Verdict {
  /// refused: by another of joist's typed errors, which counts as unsupported where a reason is on file.
  enum Kind { passed, unsupported, refused, failed } kind = passed;
  std::string message{};
};

/// perturb: the results are falsified first, so that every sample with numbers must fail.
Verdict check_sample(const Value& record, const Entry& entry, bool perturb);

}  // namespace joist::torchdb
