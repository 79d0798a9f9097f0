#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family indexing_cases() {
  Family family{"indexing", 1e-6, {}};
  const auto rows = [&](const std::string& name, const Input& x, const Input& index) -> Case& {
    return family.cases.emplace_back(Case{name, {x, index}, [](auto t) { return index_select(t[0], t[1].value()); }});
  };
  rows("repeated", uniform({5, 3}), integers({17}, 5));
  rows("some", uniform({9, 3}), integers({4}, 9));
  rows("values", uniform({7}), integers({20}, 7));
  rows("blocks", uniform({4, 2, 3, 2}), integers({6}, 4));
  rows("none", uniform({4, 3}), integers({0}, 4));
  rows("no_columns", uniform({4, 0}), integers({3}, 4));
  rows("spaced", in(Layout::spaced, uniform({5, 3})), integers({11}, 5));
  rows("transposed", in(Layout::transposed, uniform({5, 3})), integers({11}, 5));
  rows("channels_last", in(Layout::channels_last, uniform({4, 2, 3, 2})), integers({6}, 4));
  rows("large", uniform({301, 67}), integers({2003}, 301)).large = true;
  return family;
}

}  // namespace joist::cases
