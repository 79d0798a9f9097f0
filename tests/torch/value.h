// What a sample of PyTorch's test database is made of, and the file that holds them (written by fixture_writer.py).
#pragma once

#include <joist/core/tensor.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace joist::torchdb {

/// One Python value. The letters are the file's.
struct Value {
  enum class Kind : char {
    nothing = 'N',
    flag = 'B',
    integer = 'I',
    number = 'F',
    text = 'S',
    dtype = 'Y',
    opaque = 'X',
    ellipsis = 'E',
    slice = 'C',
    list = 'L',
    dict = 'D',
    tensor = 'T'
  };

  Kind kind = Kind::nothing;
  bool flag = false;
  bool complex = false;  ///< of a tensor: the last axis holds real and imaginary part
  bool wanted = false;   ///< of a tensor: its gradient is compared
  std::int64_t integer = 0;
  double number = 0;
  std::string text{};
  std::vector<Value> items{};       ///< of a list or dict; start, stop, step of a slice
  std::vector<std::string> keys{};  ///< of a dict, one for each item
  Tensor tensor{};
  mutable bool seen = false;  ///< an entry looked at it

  bool none() const { return kind == Kind::nothing; }
  /// The item under a key; nothing when there is none.
  const Value& operator[](const std::string& key) const;
};

/// A short description for messages: "[2, 3] float64", "0.5", "[1, 2]".
std::string text_of(const Value& value);

/// All tensors in a value, depth first.
void collect_tensors(const Value& value, std::vector<const Value*>& found);

/// Reads one record after the other. Throws DataError for a broken file.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& file);
  /// False at the end of the file.
  bool next(Value& record);

 private:
  template <class T>
  T take();
  std::string take_text();
  Value take_value();
  Value take_tensor();

  std::string name_;
  std::ifstream file_;
  std::vector<char> body_{};
  std::size_t at_ = 0;
};

}  // namespace joist::torchdb
