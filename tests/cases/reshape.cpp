#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family reshape_cases() {
  Family family{"reshape", 1e-6, {}};
  auto& cases = family.cases;
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run) {
    cases.push_back({name, std::move(inputs), run});
  };
  const std::vector<std::pair<const char*, Input>> inputs{
      {"", uniform({2, 4, 3, 5})},
      {"_channels_last", in(Layout::channels_last, uniform({2, 4, 3, 5}))},
      {"_channel_slice", in(Layout::channel_slice, uniform({2, 4, 3, 5}))},
      {"_transposed", in(Layout::transposed, uniform({2, 4, 3, 5}))},
      {"_spaced", in(Layout::spaced, uniform({2, 4, 3, 5}))},
  };
  for (const auto& [suffix, x] : inputs) {
    add(std::string("reshape") + suffix, {x}, [](auto t) { return reshape(t[0], {6, -1, 2}); });
    add(std::string("reshape_split") + suffix, {x}, [](auto t) { return reshape(t[0], {2, 2, 2, 3, 5}); });
    add(std::string("reshape_merge") + suffix, {x}, [](auto t) { return reshape(t[0], {2, 4, 15}); });
    add(std::string("flatten") + suffix, {x}, [](auto t) { return flatten(t[0]); });
    add(std::string("flatten_middle") + suffix, {x}, [](auto t) { return flatten(t[0], 1, 2); });
    add(std::string("permute") + suffix, {x}, [](auto t) { return permute(t[0], {0, 2, 3, 1}); });
    add(std::string("permute_negative") + suffix, {x}, [](auto t) { return permute(t[0], {-1, 0, 2, 1}); });
    add(std::string("transpose") + suffix, {x}, [](auto t) { return transpose(t[0], 1, -1); });
    add(std::string("slice") + suffix, {x}, [](auto t) { return slice(t[0], 1, 1, 3); });
    add(std::string("slice_step") + suffix, {x}, [](auto t) { return slice(t[0], -1, 1, 5, 3); });
    add(std::string("slice_negative") + suffix, {x}, [](auto t) { return slice(t[0], 3, -4, -1); });
    add(std::string("slice_nothing") + suffix, {x}, [](auto t) { return slice(t[0], 2, 1, 1); });
    add(std::string("chunk") + suffix, {x}, [](auto t) { return chunk(t[0], 2, 1); });
    add(std::string("chunk_rest") + suffix, {x}, [](auto t) { return chunk(t[0], 3, 3); });
    add(std::string("contiguous") + suffix, {x}, [](auto t) { return contiguous(t[0]); });
    add(std::string("channels_last") + suffix, {x}, [](auto t) { return contiguous(t[0], Order::channels_last); });
    for (int axis = 0; axis < 4; ++axis)
      add("concat_" + std::to_string(axis) + suffix, {x, uniform(x.shape.with(axis, 3)), x},
          [axis](auto t) { return concat(t, axis); });
    add(std::string("concat_itself") + suffix, {x}, [](auto t) { return concat({t[0], t[0]}, 1); });
  }
  add("reshape_same", {uniform({2, 3})}, [](auto t) { return reshape(t[0], {2, 3}); });
  add("reshape_scalar", {uniform({1, 1})}, [](auto t) { return reshape(t[0], {}); });
  add("reshape_empty", {uniform({0, 3})}, [](auto t) { return reshape(t[0], {3, 0, 2}); });
  add("reshape_ones", {in(Layout::channels_last, uniform({2, 3, 1, 1}))}, [](auto t) { return reshape(t[0], {2, 3}); });
  add("chunk_part_unused", {uniform({2, 6})}, [](auto t) { return chunk(t[0], 3, 1)[1]; });
  add("concat_one", {uniform({2, 3})}, [](auto t) { return concat(t, 1); });
  add("concat_empty_part", {uniform({2, 3}), uniform({2, 0}), uniform({2, 1})}, [](auto t) { return concat(t, -1); });
  add("concat_frozen_part", {uniform({2, 3}), constant(uniform({2, 2}))}, [](auto t) { return concat(t, 1); });
  add("expand", {uniform({3, 1, 2})}, [](auto t) { return expand(t[0], {4, 3, 5, 2}); });
  add("expand_scalar", {uniform({})}, [](auto t) { return expand(t[0], {3, 2}); });
  add("expand_nothing", {uniform({3, 2})}, [](auto t) { return expand(t[0], {3, 2}); });
  add("expand_empty", {uniform({1, 2})}, [](auto t) { return expand(t[0], {0, 2}); });
  return family;
}

}  // namespace joist::cases
