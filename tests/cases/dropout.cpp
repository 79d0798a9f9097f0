#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family dropout_cases() {
  Family family{"dropout", 1e-6, {}};
  const auto drop = [&](const std::string& name, const Input& x, double probability,
                        const RandomKey& key = {.seed = 7}) -> Case& {
    return family.cases.emplace_back(
        Case{name, {x}, [probability, key](auto t) { return dropout(t[0], probability, key); }});
  };
  drop("half", uniform({67}), 0.5);
  drop("tenth", uniform({9, 7}), 0.1);
  drop("most", uniform({9, 7}), 0.9);
  drop("never", uniform({9, 7}), 0);
  drop("key", uniform({9, 7}), 0.5, {.seed = 1ULL << 40, .stream = Stream::dropout, .step = 9, .draw = 2, .call = 3});
  // Which elements are dropped follows their logical place, wherever they lie.
  drop("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 0.5);
  drop("channel_slice", in(Layout::channel_slice, uniform({2, 5, 3, 4})), 0.5);
  drop("spaced", in(Layout::spaced, uniform({5, 7})), 0.5);
  drop("transposed", in(Layout::transposed, uniform({5, 7})), 0.5);
  drop("empty", uniform({0, 7}), 0.5);
  drop("large", uniform({70001}), 0.3).large = true;
  drop("large_channels_last", in(Layout::channels_last, uniform({2, 37, 21, 23})), 0.3).large = true;
  return family;
}

}  // namespace joist::cases
