// JSON files that are lists of records, read with errors that say which record and which key. Private to data/.
#pragma once

#include <joist/data/dataset.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace joist {

class JsonRecord;

/// A parsed JSON file in any encoding that read_text() knows.
class JsonFile {
 public:
  /// Throws DataError with the line and byte where the text stops being JSON, or says that it ends too early.
  explicit JsonFile(std::string path);
  ~JsonFile();

  const std::string& path() const { return path_; }

  /// Whether the file is an object with a list under `key`; an empty `key` asks whether the file itself is a list.
  bool has_list(const std::string& key) const;

  /// Calls `use` with the file as one record. Throws DataError where it is not an object.
  void with_root(const std::function<void(const JsonRecord&)>& use) const;

  /// The number of records in such a list; 0 where there is none.
  std::size_t count(const std::string& key) const;

  /// Calls `use` for each record of such a list. Throws DataError, which ends with `expected`, where there is no such
  /// list.
  void for_each(const std::string& key, const std::string& expected,
                const std::function<void(const JsonRecord&)>& use) const;

 private:
  struct Content;
  std::string path_;
  std::unique_ptr<Content> content_;
};

/// One object of a list. The getters throw DataError with where(), the key, its value and what was expected.
class JsonRecord {
 public:
  struct Value;
  static constexpr std::size_t whole = static_cast<std::size_t>(-1);  ///< index of the file as one record
  JsonRecord(const Value& value, const std::string& path, const std::string& list, std::size_t index);

  /// "file#list[index]", or "file" for the file as one record.
  std::string where() const;

  bool has(const char* key) const;
  std::int64_t integer(const char* key) const;
  double number(const char* key) const;
  std::string text(const char* key) const;
  Box box(const char* key) const;     ///< [x, y, width, height]
  bool flag(const char* key) const;   ///< true or not 0; false where absent
  int pixels(const char* key) const;  ///< a side of a picture; 0 where absent

  bool is_list(const char* key) const;
  bool is_object(const char* key) const;
  std::vector<double> numbers(const char* key) const;                    ///< [1, 2, …]
  std::vector<std::vector<double>> number_lists(const char* key) const;  ///< [[1, 2], [3], …]
  std::vector<std::string> texts(const char* key) const;                 ///< ["a", "b", …]
  std::vector<std::string> true_keys(const char* key) const;  ///< of {"a": true, "b": false}; empty where absent

  /// Calls `use` for each object of the list under `key`, or for the one object under it.
  void for_each(const char* key, const std::function<void(const JsonRecord&)>& use) const;
  void with(const char* key, const std::function<void(const JsonRecord&)>& use) const;

 private:
  [[noreturn]] void fail(const char* key, const std::string& expected) const;

  const Value& value_;
  const std::string& path_;
  const std::string& list_;
  std::size_t index_;
};

}  // namespace joist
