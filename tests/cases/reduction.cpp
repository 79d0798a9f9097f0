#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family reduction_cases() {
  Family family{"reduction", 2e-6, {}};
  auto& cases = family.cases;
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const std::vector<std::pair<const char*, Input>> inputs{
      {"", uniform({2, 3, 4, 5})},
      {"_channels_last", last({2, 3, 4, 5})},
      {"_channel_slice", in(Layout::channel_slice, uniform({2, 3, 4, 5}))},
      {"_transposed", in(Layout::transposed, uniform({2, 3, 4, 5}))},
      {"_spaced", in(Layout::spaced, uniform({2, 3, 4, 5}))},
      {"_large", last({5, 37, 21, 19})},
      {"_large_positive", uniform({5, 37, 21, 19}, 0, 1)},  // a running float32 total would lose digits
  };
  for (const auto& [suffix, x] : inputs) {
    const auto add = [&, input = x](const std::string& name, auto run) {
      cases.push_back({name + suffix, {input}, run, true, input.shape.elements() > 1000});
    };
    add("all", [](auto t) { return sum(t[0]); });
    add("mean", [](auto t) { return mean(t[0]); });
    add("first", [](auto t) { return sum(t[0], {0}); });
    add("channel", [](auto t) { return sum(t[0], {1}); });
    add("last", [](auto t) { return sum(t[0], {-1}); });
    add("last_kept", [](auto t) { return sum(t[0], {-1}, true); });
    add("space", [](auto t) { return mean(t[0], {2, 3}); });
    add("all_but_channel", [](auto t) { return sum(t[0], {0, 2, 3}); });
    add("outer", [](auto t) { return mean(t[0], {0, 3}, true); });
    add("nothing", [](auto t) { return sum(t[0], {}); });
  }
  cases.push_back({"scalar", {uniform({})}, [](auto t) { return sum(t[0]); }});
  cases.push_back({"empty", {uniform({0, 3})}, [](auto t) { return sum(t[0]); }});
  cases.push_back({"empty_axis", {uniform({3, 0})}, [](auto t) { return sum(t[0], {1}); }});
  cases.push_back({"empty_result", {uniform({3, 0})}, [](auto t) { return sum(t[0], {0}); }});
  cases.push_back({"vector", {uniform({129})}, [](auto t) { return mean(t[0]); }});
  cases.push_back({"large_vector", {uniform({300007}, 0, 1)}, [](auto t) { return sum(t[0]); }, true, true});
  cases.push_back({"large_rows", {uniform({300, 1003}, 0, 1)}, [](auto t) { return sum(t[0], {1}); }, true, true});
  cases.push_back({"large_columns", {uniform({1003, 300}, 0, 1)}, [](auto t) { return sum(t[0], {0}); }, true, true});
  return family;
}

}  // namespace joist::cases
