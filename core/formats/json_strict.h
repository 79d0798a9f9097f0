// JSON from files that nobody vouches for: as a tree, with limits, and refusing a key that stands twice in an object
// (parsers differ in which one they take, so that two programs would see different files).
#pragma once

#include <joist/core/error.h>
#include <joist/core/text.h>

#include <set>
#include <string>
#include <vector>

namespace joist {

/// `Json` is nlohmann::json, which a public header may not include. Throws DataError naming `where` for text that is no
/// JSON object, lies deeper than 64 levels, or has a key twice. Takes about 100 times the memory of the text.
template <class Json>
Json parse_json_object(const std::string& where, const std::string& text) {
  const auto refuse = [&](const std::string& what) -> DataError {
    return DataError({.where = where,
                      .what = what,
                      .expected = "a JSON object with each key once",
                      .remedy = "get the file again from where it was made"});
  };
  constexpr int deepest = 64;
  std::vector<std::set<std::string>> keys;
  using Event = typename Json::parse_event_t;
  const auto watch = [&](int depth, Event event, Json& value) {
    if (depth > deepest) throw refuse("its JSON is nested more than 64 deep");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.template get<std::string>()).second)
      throw refuse("its JSON has the key \"" + printable(value.template get<std::string>()) + "\" twice in one object");
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, watch);
  } catch (const typename Json::exception& error) {
    throw refuse("is not valid JSON: " + printable(error.what()));
  }
  if (!json.is_object()) throw refuse("its JSON is no object");
  return json;
}

}  // namespace joist
