// A checkpoint that was opened and checked, and whose arrays are read only when they are wanted.
#pragma once

#include <joist/core/formats/archive.h>
#include <joist/core/formats/elements.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace joist {

struct StoredArray {
  std::string name{};
  Shape shape{};
  Dtype dtype = Dtype::float32;
  std::string stored_as{};        ///< type in the file where that is another one: "int16", "Q8_0"
  std::string tied_to{};          ///< name of an earlier array that is the same memory; "" when there is none
  std::function<Array()> load{};  ///< reads it from the file: one copy. Throws what Input throws.
};

struct StoredArchive {
  std::string format{};  ///< "safetensors", "PyTorch zip", …
  std::vector<StoredArray> arrays{};
  std::map<std::string, std::string> attributes{};
  std::vector<Skipped> skipped{};
  bool foreign = true;
};

/// Reads everything: all or nothing. Tied arrays share memory.
Archive load(const StoredArchive& stored);
/// Reads only the arrays of these names, in the archive's order; names that are not there are left out.
Archive load(const StoredArchive& stored, const std::set<std::string>& names);

/// What was read already, as if it were still to be read. Arrays that share memory are tied.
StoredArchive stored(Archive archive, std::string format);

/// The list of a file being opened: refuses names that cannot be written, and says why.
class StoredBuilder {
 public:
  /// `file_bytes`: size of the file. All arrays together may not come to more than 64 MiB + 32 times that.
  StoredBuilder(std::string where, std::string format, std::uint64_t file_bytes)
      : where_(std::move(where)), left_((std::uint64_t{64} << 20U) + 32 * file_bytes) {
    result_.format = std::move(format);
  }

  /// An array that lies in one piece. Checks that it lies inside the input and that the name is new.
  void add(const std::string& name, const std::vector<std::uint64_t>& shape, Element element, const Input& input,
           std::uint64_t offset, bool big_endian = false);
  /// Any other array.
  void add(StoredArray array);
  void attribute(const std::string& name, std::string text);
  void skip(const std::string& name, const std::string& why);
  StoredArchive finish() { return std::move(result_); }

 private:
  std::string where_;
  std::uint64_t left_;
  StoredArchive result_{};
  std::set<std::string> names_{};
};

}  // namespace joist
