// IDX files, the form of MNIST and Fashion-MNIST; plain or compressed with gzip.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// Bytes with a shape, the last axis fastest.
struct IdxArray {
  std::vector<std::int64_t> shape{};
  std::vector<std::uint8_t> values{};
};

/// Reads an IDX file of bytes. Throws DataError if the file is damaged, is not as long as its header says (checked
/// before memory is taken, as far as the file's size tells), or holds another type than unsigned bytes.
IdxArray read_idx(const std::string& path);

/// Grey pictures with a class each.
struct IdxSet {
  std::int64_t count = 0;
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> pixels{};  ///< [count, height, width]
  std::vector<std::uint8_t> labels{};  ///< [count]
};

/// Reads "train" or "t10k" from a folder in MNIST's naming: <split>-images-idx3-ubyte and <split>-labels-idx1-ubyte,
/// each with or without ".gz". Throws DataError also where the two files do not fit together.
IdxSet read_idx_set(const std::string& folder, const std::string& split);

}  // namespace joist
