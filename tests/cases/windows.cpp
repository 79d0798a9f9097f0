#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family windows_cases() {
  Family family{"windows", 1e-6, {}};
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run, bool large = false) {
    family.cases.push_back({name, std::move(inputs), run, true, large});
  };
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const auto padded = [&](const std::string& name, const Input& x, std::vector<std::int64_t> amounts, PadMode mode,
                          bool large = false) {
    add(
        "pad_" + name, {x},
        [amounts, mode](auto t) { return pad(t[0], std::span<const std::int64_t>(amounts), mode, 0.5); }, large);
  };
  padded("constant", uniform({2, 3, 4}), {1, 2}, PadMode::constant);
  padded("constant_all", uniform({2, 3, 4}), {1, 2, 0, 1, 2, 0}, PadMode::constant);
  padded("constant_crop", uniform({2, 5, 4}), {-1, 2, 1, -3}, PadMode::constant);
  padded("constant_crop_all", uniform({2, 5, 4}), {-2, -2}, PadMode::constant);
  padded("constant_nothing", uniform({2, 3}), {0, 0}, PadMode::constant);
  padded("constant_of_nothing", uniform({2, 0}), {1, 2}, PadMode::constant);
  padded("constant_vector", uniform({5}), {3, 1}, PadMode::constant);
  padded("constant_channels_last", last({2, 5, 3, 4}), {1, 0, 2, 1}, PadMode::constant);
  padded("constant_slice", in(Layout::channel_slice, uniform({2, 4, 3, 4})), {1, 1, 1, 1}, PadMode::constant);
  padded("constant_large", last({2, 17, 30, 31}), {1, 2, 3, 4}, PadMode::constant, true);
  for (const auto& [name, mode] : {std::pair("reflect", PadMode::reflect), std::pair("replicate", PadMode::replicate),
                                   std::pair("circular", PadMode::circular)}) {
    const std::string of = name;
    padded(of + "_line", uniform({2, 3, 5}), {3, 4}, mode);
    padded(of, uniform({1, 2, 4, 5}), {2, 1, 3, 2}, mode);
    padded(of + "_volume", uniform({1, 2, 3, 3, 2}), {1, 1, 2, 0, 1, 2}, mode);
    padded(of + "_channels_last", last({2, 5, 3, 4}), {1, 2, 0, 2}, mode);
    padded(of + "_spaced", in(Layout::spaced, uniform({2, 3, 4})), {2, 3}, mode);
    padded(of + "_no_batch", uniform({0, 2, 4, 5}), {1, 1, 1, 1}, mode);
    padded(of + "_large", last({2, 17, 30, 31}), {5, 6, 7, 8}, mode, true);
  }
  padded("replicate_far", uniform({1, 1, 2, 1}), {3, 3, 4, 0}, PadMode::replicate);
  padded("circular_whole", uniform({1, 1, 2, 3}), {3, 3, 2, 2}, PadMode::circular);

  const UnfoldOptions plain{.kernel = {2, 3}},
      all{.kernel = {3, 2}, .stride = {2, 1}, .padding = {2, 1}, .dilation = {1, 2}};
  for (const auto& [name, options] : {std::pair("plain", plain), std::pair("options", all)}) {
    const std::string of = name;
    const auto columns = [options = options](auto t) { return unfold(t[0], options); };
    add("unfold_" + of, {uniform({2, 3, 5, 6})}, columns);
    add("unfold_channels_last_" + of, {last({2, 3, 5, 6})}, columns);
    add("unfold_spaced_" + of, {in(Layout::spaced, uniform({2, 3, 5, 6}))}, columns);
    add("unfold_no_batch_" + of, {uniform({0, 3, 5, 6})}, columns);
    add("unfold_large_" + of, {last({2, 9, 40, 41})}, columns, true);
  }
  add("unfold_one", {uniform({1, 1, 1, 1})}, [](auto t) { return unfold(t[0], {}); });
  add("unfold_all_padding", {uniform({1, 2, 1, 1})}, [](auto t) {
    return unfold(t[0], {.kernel = {1, 1}, .padding = {2, 1}});
  });
  add("fold", {uniform({2, 18, 16})}, [plain](auto t) { return fold(t[0], 5, 6, plain); });
  add("fold_options", {uniform({2, 18, 24})}, [all](auto t) { return fold(t[0], 5, 6, all); });
  add("fold_spaced", {in(Layout::spaced, uniform({2, 18, 16}))}, [plain](auto t) { return fold(t[0], 5, 6, plain); });
  add(
      "fold_large", {uniform({2, 54, 39 * 39})}, [plain](auto t) { return fold(t[0], 40, 41, plain); }, true);

  add("pixel_shuffle", {uniform({2, 12, 2, 3})}, [](auto t) { return pixel_shuffle(t[0], 2); });
  add("pixel_shuffle_three", {uniform({9, 2, 1})}, [](auto t) { return pixel_shuffle(t[0], 3); });
  add("pixel_shuffle_channels_last", {last({2, 8, 2, 3})}, [](auto t) { return pixel_shuffle(t[0], 2); });
  add("pixel_unshuffle", {uniform({2, 3, 4, 6})}, [](auto t) { return pixel_unshuffle(t[0], 2); });
  add("pixel_unshuffle_channels_last", {last({2, 3, 4, 6})}, [](auto t) { return pixel_unshuffle(t[0], 2); });
  add("channel_shuffle", {uniform({2, 6, 2, 3})}, [](auto t) { return channel_shuffle(t[0], 3); });
  add("channel_shuffle_channels_last", {last({2, 6, 2, 3})}, [](auto t) { return channel_shuffle(t[0], 2); });
  return family;
}

}  // namespace joist::cases
