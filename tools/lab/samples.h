// Data of the laboratory's problems: rows of numbers with what they should give.
#pragma once

#include <joist/core/array.h>

#include <cstdint>
#include <string>

namespace joist::lab {

struct Samples {
  Array inputs{};   ///< float32 [n, features] or [n, 1, height, width]
  Array classes{};  ///< int64 [n]
  std::int64_t count() const { return inputs.shape(0); }
};
struct DataSplit {
  Samples train{}, test{};
  std::int64_t classes = 0;
};

/// `data` is "fashion-mnist" (Debian's package dataset-fashion-mnist), "blobs" or "spirals" (made up, the same for
/// every seed), a folder in MNIST's naming, or a CSV file whose last column is a class (any text) and whose others are
/// numbers; every fifth row of it is held apart and columns are standardized. Read once per process. At most `most`
/// training samples, 0: all. Throws DataError for a file that is none of these, naming the line.
const DataSplit& load_samples(const std::string& data, std::int64_t most);

}  // namespace joist::lab
