// The folder of tests/fixtures/make_language_fixtures.py: the committed one, or JOIST_LANGUAGE_FIXTURES.
#pragma once

#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/tensor.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace joist {

inline std::filesystem::path language_fixtures() {
  const char* given = std::getenv("JOIST_LANGUAGE_FIXTURES");
  return given ? given : std::filesystem::path(JOIST_SOURCE_DIR) / "tests/fixtures/language/models";
}

/// The largest difference as a share of the largest value of `wanted`, or of `least` where that is larger.
inline double relative_difference(const Array& seen, const Array& wanted, double least = 1e-12) {
  if (seen.shape() != wanted.shape()) return std::nan("");
  const std::vector<float> a = seen.to_vector<float>(), b = wanted.to_vector<float>();
  double difference = 0, scale = least;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return std::nan("");
    difference = std::max<double>(difference, std::abs(a[i] - b[i]));
    scale = std::max<double>(scale, std::abs(b[i]));
  }
  return difference / scale;
}

}  // namespace joist
