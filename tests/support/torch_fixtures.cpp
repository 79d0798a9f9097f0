#include <joist/tests/support/torch_fixtures.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

Values values_from(const nlohmann::json& json) {
  if (json.is_null()) return {};
  const auto lengths = json.at("shape").get<std::vector<std::int64_t>>();
  return {Shape(lengths), json.at("values").get<std::vector<double>>()};
}

std::vector<Values> list_from(const nlohmann::json& json) {
  std::vector<Values> list;
  for (const auto& item : json) list.push_back(values_from(item));
  return list;
}

}  // namespace

std::vector<TorchFixture> torch_fixtures() {
  std::set<std::string> names;  // in a fixed order
  for (const auto& entry : std::filesystem::directory_iterator(std::string(JOIST_SOURCE_DIR) + "/tests/fixtures"))
    if (const std::string name = entry.path().filename().string();
        name.starts_with("torch_") && name.ends_with(".json"))
      names.insert(entry.path().string());
  std::vector<TorchFixture> fixtures;
  for (const std::string& name : names) {
    std::ifstream file(name);
    try {
      for (const auto& json : nlohmann::json::parse(file))
        fixtures.push_back({json.at("case"),
                            list_from(json.at("inputs")),
                            json.at("seeds").get<std::vector<std::vector<double>>>(),
                            {list_from(json.at("outputs")), list_from(json.at("gradients"))}});
    } catch (const nlohmann::json::exception& error) {
      throw DataError({.where = name, .what = error.what(), .remedy = "tests/fixtures/make_torch_fixtures.py"});
    }
  }
  return fixtures;
}

}  // namespace joist
