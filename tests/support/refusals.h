// Tables of wrong uses, a row each: the layer, how it is used wrongly, and what the error says.
// tests/rules/errors_test.py wants a row for every layer.
#pragma once

#include <joist/core/shape.h>
#include <joist/tests/support/expect_error.h>

#include <functional>
#include <string>
#include <vector>

namespace joist {

struct Refusal {
  std::string layer;
  std::string kind;
  std::function<void()> check;
};

/// `use` throws an `Expected` that holds all of `parts` and says where, what, what was expected and what to try.
template <class Expected, class Use>
Refusal refusal(const std::string& layer, const char* kind, Use use, const std::vector<std::string>& parts) {
  return {layer, kind, [use, parts] {
            expect_error<Expected>(
                [&] {
                  try {
                    static_cast<void>(use());
                  } catch (const Error& error) {
                    const Fault& fault = error.fault();
                    EXPECT_FALSE(fault.where.empty() || fault.what.empty() || fault.expected.empty() ||
                                 fault.remedy.empty())
                        << "an incomplete message:\n"
                        << error.what();
                    throw;
                  }
                },
                parts);
          }};
}

/// An input of another rank or with other lengths.
template <class Use>
Refusal wrong_shape(const std::string& layer, Use use, const std::vector<std::string>& parts) {
  return refusal<ShapeError>(layer, "shape", use, parts);
}
/// An input of another element type.
template <class Use>
Refusal wrong_dtype(const std::string& layer, Use use, const std::vector<std::string>& parts) {
  return refusal<DtypeError>(layer, "element type", use, parts);
}
/// An option that no input fits, refused when the layer is made, or called where it has no constructor.
template <class Expected = UsageError, class Use>
Refusal wrong_option(const std::string& layer, Use use, const std::vector<std::string>& parts) {
  return refusal<Expected>(layer, "option", use, parts);
}
/// Numbers that have no meaning: classes that do not exist, probabilities above 1.
template <class Use>
Refusal wrong_numbers(const std::string& layer, Use use, const std::vector<std::string>& parts) {
  return refusal<DataError>(layer, "numbers", use, parts);
}
/// No input at all: for layers that take every tensor.
template <class Use>
Refusal no_input(const std::string& layer, Use use) {
  return refusal<InternalError>(layer, "no input", use, {"an undefined tensor was read", "a tensor with a value"});
}

inline void expect_refusals(const std::vector<Refusal>& rows) {
  for (const Refusal& row : rows) {
    SCOPED_TRACE(row.layer + ", wrong " + row.kind);
    row.check();
  }
}

}  // namespace joist
