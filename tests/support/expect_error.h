// What tests/errors ask of an error: its type, and that its message names the rule and the values.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace joist {

/// Fails unless `run` throws an `Expected` whose message holds all of `parts`.
template <class Expected, class Run>
void expect_error(Run&& run, const std::vector<std::string>& parts) {
  try {
    static_cast<void>(run());
  } catch (const Expected& error) {
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << "no \"" << part << "\" in\n"
                                                                         << error.what();
    return;
  } catch (const std::exception& error) {
    FAIL() << "another kind of error: " << error.what();
  }
  FAIL() << "nothing was thrown; wanted " << parts[0];
}

}  // namespace joist
