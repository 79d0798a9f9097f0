// The dispatcher: the name of a function in PyTorch's database -> how joist computes a sample of it.
#pragma once

#include <joist/tests/torch/call.h>

#include <functional>
#include <map>
#include <string>

namespace joist::torchdb {

struct Entry {
  std::string family{};
  std::function<Outputs(Call&)> run{};
  double slack = 1;  ///< factor of the tolerance, with its reason beside the entry
};

class Table {
 public:
  /// The entries added from here on belong to this family.
  void family(const std::string& name) { family_ = name; }
  /// `names`: one or several, separated by blanks.
  template <class Run>
  void add(const std::string& names, Run run, double slack = 1) {
    for (std::size_t first = 0; first < names.size();) {
      const std::size_t end = std::min(names.find(' ', first), names.size());
      entries_[names.substr(first, end - first)] = {family_, [run](Call& c) { return Outputs(run(c)); }, slack};
      first = end + 1;
    }
  }
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::string family_{};
  std::map<std::string, Entry> entries_{};
};

/// All families; each function stands in families/NAME.cpp.
Table make_table();

}  // namespace joist::torchdb
