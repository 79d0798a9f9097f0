#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family resize_cases() {
  Family family{"resize", 1e-6, {}};
  const auto nearest = [&](const std::string& name, const Input& x, std::int64_t height, std::int64_t width) -> Case& {
    return family.cases.emplace_back(
        Case{name, {x}, [height, width](auto t) { return interpolate(t[0], height, width); }});
  };
  nearest("double", uniform({2, 3, 4, 3}), 8, 6);
  nearest("half", uniform({2, 3, 4, 6}), 2, 3);
  nearest("same", uniform({2, 3, 4, 3}), 4, 3);
  nearest("odd_up", uniform({1, 2, 5, 3}), 7, 10);
  nearest("odd_down", uniform({1, 2, 7, 10}), 5, 3);
  nearest("one_pixel", uniform({2, 3, 1, 1}), 4, 5);
  nearest("to_one_pixel", uniform({2, 3, 4, 5}), 1, 1);
  nearest("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 6, 8);
  nearest("channels_last_odd", in(Layout::channels_last, uniform({2, 5, 3, 4})), 5, 3);
  nearest("channel_slice", in(Layout::channel_slice, uniform({2, 5, 3, 4})), 6, 8);
  nearest("spaced", in(Layout::spaced, uniform({2, 5, 3, 4})), 6, 8);
  nearest("no_batch", uniform({0, 3, 4, 5}), 8, 10);
  nearest("large", in(Layout::channels_last, uniform({2, 37, 20, 19})), 40, 38).large = true;
  nearest("large_row_major", uniform({2, 37, 20, 19}), 40, 38).large = true;
  return family;
}

}  // namespace joist::cases
