// torch_database: every sample of PyTorch's test database through joist, compared with PyTorch's results.
//
//   torch_database DATABASE.bin UNSUPPORTED.json [--only PATTERN] [--dtype NAME] [--show N] [--perturb] [--summary
//   FILE]
//
// Exit code 1: a sample failed, an unsupported or refused one has no reason in UNSUPPORTED.json, or an entry met no
// sample.
#include <joist/tests/torch/compare.h>

#include <iostream>
#include <map>
#include <optional>

#include <fmt/core.h>
#include <fnmatch.h>
#include <nlohmann/json.hpp>

namespace joist::torchdb {
namespace {

struct Options {
  std::string database{}, reasons{}, only = "*", dtype = "*", summary{};
  int show = 2;
  bool perturb = false;
};

struct Counts {
  std::int64_t passed = 0, unsupported = 0, failed = 0;
  std::int64_t total() const { return passed + unsupported + failed; }
  void add(Verdict::Kind kind) {
    ++(kind == Verdict::passed ? passed : kind == Verdict::failed ? failed : unsupported);
  }
};

bool fits(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

// Why functions and samples are not supported, by pattern.
class Reasons {
 public:
  explicit Reasons(const std::string& file) {
    std::ifstream stream(file);
    try {
      list_ = nlohmann::json::parse(stream);
    } catch (const nlohmann::json::exception& error) {
      throw DataError({.where = file, .what = error.what()});
    }
  }
  std::optional<std::string> function(const std::string& name) const {
    for (const auto& one : list_.at("functions"))
      if (fits(one.at("name"), name)) return one.at("reason");
    return std::nullopt;
  }
  std::optional<std::string> sample(const std::string& name, const std::string& message) const {
    for (const auto& one : list_.at("samples"))
      if (fits(one.at("name"), name) && message.find(one.at("message").get<std::string>()) != std::string::npos)
        return one.at("reason");
    return std::nullopt;
  }

 private:
  nlohmann::json list_{};
};

void print_row(const std::string& name, const Counts& counts) {
  std::cout << fmt::format("{:<28} {:>8} {:>12} {:>8}\n", name, counts.passed, counts.unsupported, counts.failed);
}

class Comparison {
 public:
  Comparison(const Options& options, Table table)
      : options_(options), table_(std::move(table)), reasons_(options.reasons) {}

  int run() {
    Reader reader(options_.database);
    Value record;
    while (reader.next(record)) {
      const std::string &name = record["name"].text, &dtype = record["dtype"].text;
      if (fits(options_.only, name) && fits(options_.dtype, dtype)) check(record, name, dtype);
    }
    return report();
  }

 private:
  void check(const Value& record, const std::string& name, const std::string& dtype) {
    const auto entry = table_.entries().find(name);
    if (entry == table_.entries().end()) {
      ++absent_[name];
      return;
    }
    Verdict verdict = check_sample(record, entry->second, options_.perturb);
    if (verdict.kind == Verdict::unsupported || verdict.kind == Verdict::refused)
      verdict.kind = reasons_.sample(name, verdict.message) ? Verdict::unsupported : Verdict::failed;
    functions_[name].add(verdict.kind);
    families_[entry->second.family].add(verdict.kind);
    if (verdict.kind == Verdict::failed && shown_[name]++ < options_.show)
      std::cout << fmt::format("FAILED {} {} {}: {}\n    {} | {}\n", name, dtype, record["index"].integer,
                               verdict.message, text_of(record["args"]) + " " + text_of(record["kwargs"]),
                               text_of(record["inputs"]) + " " + text_of(record["input_kwargs"]));
  }

  int report() const {
    std::cout << fmt::format("\n{:<28} {:>8} {:>12} {:>8}\n", "family", "passed", "unsupported", "failed");
    Counts all;
    for (const auto& [name, counts] : families_) {
      print_row(name, counts);
      all.passed += counts.passed;
      all.unsupported += counts.unsupported;
      all.failed += counts.failed;
    }
    print_row("total", all);
    std::int64_t absent = 0, clean = 0;
    bool good = all.failed == 0;
    for (const auto& [name, count] : absent_) {
      absent += count;
      if (reasons_.function(name)) continue;
      good = false;
      std::cout << fmt::format("no entry and no reason: {} ({} samples)\n", name, count);
    }
    for (const auto& [name, counts] : functions_) clean += counts.failed == 0;
    for (const auto& [name, entry] : table_.entries())
      if (fits(options_.only, name) && options_.dtype == "*" && !functions_.contains(name)) {
        good = false;
        std::cout << "an entry without samples: " << name << "\n";
      }
    std::cout << fmt::format(
        "{} functions with an entry ({} without a failure), {} without ({} samples)\n"
        "unsupported samples of functions with an entry: {:.1f} %\n",
        functions_.size(), clean, absent_.size(), absent,
        100.0 * static_cast<double>(all.unsupported) / static_cast<double>(std::max<std::int64_t>(1, all.total())));
    if (!options_.summary.empty()) write_summary();
    return good ? 0 : 1;
  }

  void write_summary() const {
    nlohmann::json json;
    for (const auto& [name, counts] : functions_)
      json["functions"][name] = {{"family", table_.entries().at(name).family},
                                 {"passed", counts.passed},
                                 {"unsupported", counts.unsupported},
                                 {"failed", counts.failed}};
    for (const auto& [name, count] : absent_)
      json["without_entry"][name] = {{"samples", count}, {"reason", reasons_.function(name).value_or("")}};
    std::ofstream(options_.summary) << json.dump(1) << "\n";
  }

  Options options_;
  Table table_;
  Reasons reasons_;
  std::map<std::string, Counts> functions_{}, families_{};
  std::map<std::string, std::int64_t> absent_{};
  std::map<std::string, int> shown_{};
};

Options options_from(int argc, char** argv) {
  Options options;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] {
      if (i + 1 >= argc) throw UsageError({.where = word, .what = "needs a value"});
      return std::string(argv[++i]);
    };
    if (word == "--only") {
      options.only = value();
    } else if (word == "--dtype") {
      options.dtype = value();
    } else if (word == "--show") {
      options.show = std::stoi(value());
    } else if (word == "--summary") {
      options.summary = value();
    } else if (word == "--perturb") {
      options.perturb = true;
    } else {
      files.push_back(word);
    }
  }
  if (files.size() != 2) throw UsageError({.where = "torch_database", .what = "DATABASE.bin UNSUPPORTED.json wanted"});
  options.database = files[0];
  options.reasons = files[1];
  return options;
}

}  // namespace
}  // namespace joist::torchdb

int main(int argc, char** argv) {
  try {
    return joist::torchdb::Comparison(joist::torchdb::options_from(argc, argv), joist::torchdb::make_table()).run();
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
