// The one batch that a benchmark trains on: made up, or from a file so that other programs see the same.
#pragma once

#include <joist/layers/detection/loss.h>
#include <joist/tools/training/model.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

struct BenchmarkBatch {
  Array inputs{};   ///< float32 [batch, channel, size, size] in channels-last order, or tokens int64 [batch, length]
  Array targets{};  ///< int64 [batch] of classifiers, [batch · length] of sequence models
  std::vector<std::vector<TrueBox>> truth{};  ///< of detectors, one list per picture

  /// Pictures of uniform noise, tokens, labels and 8 boxes per picture; always the same ones.
  static BenchmarkBatch made_up(TaskKind task, std::int64_t batch, std::int64_t channels, std::int64_t size,
                                std::int64_t classes);
  /// From an HDF5 file with the arrays
  ///   inputs   float32 [batch, channel, size, size], or int64 [batch, length]
  ///   targets  int64 [batch] (classifiers), [batch, length] (sequence models), [batch, boxes] (classes of the boxes)
  ///   boxes    float32 [batch, boxes, 4] (detectors): x1, y1, x2, y2 in pixels
  /// Throws DataError where they are missing, have other shapes or types, or hold numbers out of range.
  static BenchmarkBatch read(const std::string& path, TaskKind task, std::int64_t channels, std::int64_t classes);

  std::int64_t batch() const { return inputs.shape(0); }
  std::int64_t size() const { return inputs.shape(-1); }
};

}  // namespace joist
