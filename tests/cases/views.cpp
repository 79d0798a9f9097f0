// Views, joins and turns.
#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family view_cases() {
  Family family{"views", 1e-6, {}};
  auto& cases = family.cases;
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run, bool large = false) {
    cases.push_back({name, std::move(inputs), run, true, large});
  };
  const std::vector<std::pair<const char*, Input>> inputs{
      {"", uniform({2, 4, 3, 5})},
      {"_channels_last", in(Layout::channels_last, uniform({2, 4, 3, 5}))},
      {"_spaced", in(Layout::spaced, uniform({2, 4, 3, 5}))},
      {"_transposed", in(Layout::transposed, uniform({2, 4, 3, 5}))},
      {"_ones", uniform({1, 1, 1, 1})},
  };
  for (const auto& [suffix, x] : inputs) {
    const auto one = [&, input = x](const std::string& name, auto run) { add(name + suffix, {input}, run); };
    one("select", [](auto t) { return select(t[0], 1, -1); });
    one("select_last", [](auto t) { return select(t[0], 3, 0); });
    one("narrow", [](auto t) { return narrow(t[0], 1, -1, 1); });
    one("unbind", [](auto t) { return unbind(t[0], 2); });
    one("split", [](auto t) { return split(t[0], 2, 3); });
    one("tensor_split", [](auto t) { return tensor_split(t[0], 3, 3); });
    one("tensor_split_at", [](auto t) {
      return tensor_split(t[0], std::vector<std::int64_t>{1, 3, -1, 2, 9}, 3);  // out of order and out of range
    });
    one("unflatten", [](auto t) { return unflatten(flatten(t[0], 0, -1), 0, {-1, t[0].shape(3)}); });
    one("ravel", [](auto t) { return ravel(t[0]); });
    one("squeeze", [](auto t) { return squeeze(t[0]); });
    one("unsqueeze", [](auto t) { return unsqueeze(unsqueeze(t[0], -1), 2); });
    one("movedim", [](auto t) { return movedim(t[0], std::vector{0, 2}, std::vector{-1, 0}); });
    one("movedim_one", [](auto t) { return movedim(t[0], -1, 1); });
    one("swapaxes", [](auto t) { return swapaxes(t[0], 0, -2); });
    one("permute_span", [](auto t) { return permute(t[0], std::vector{3, 1, 0, 2}); });
    one("unfold_axis", [](auto t) { return unfold_axis(t[0], 3, 1, 1); });
    one("diagonal", [](auto t) { return diagonal(t[0], 0, 1, 3); });
    one("diagonal_above", [](auto t) { return diagonal(t[0], 2, -1, 1); });
    one("diagonal_below", [](auto t) { return diagonal(t[0], -1, 0, 2); });
    one("diag_embed", [](auto t) { return diag_embed(t[0], 1, 0, -2); });
    one("tril", [](auto t) { return tril(t[0], -1); });
    one("triu", [](auto t) { return triu(t[0], 1); });
    one("flip", [](auto t) { return flip(t[0], {1, -1}); });
    one("fliplr", [](auto t) { return fliplr(t[0]); });
    one("flipud", [](auto t) { return flipud(t[0]); });
    one("rot90", [](auto t) { return std::vector{rot90(t[0]), rot90(t[0], 2, 1, 3), rot90(t[0], -1, 2, 1)}; });
    one("rot90_none", [](auto t) { return rot90(t[0], 4) * 2; });
    one("roll", [](auto t) { return roll(t[0], 2, 3); });
    one("roll_two", [](auto t) { return roll(t[0], std::vector<std::int64_t>{-1, 7}, std::vector{1, 2}); });
    one("roll_flat", [](auto t) { return roll(t[0], 17); });
    one("repeat", [](auto t) { return repeat(t[0], {2, 1, 3, 2}); });
    one("repeat_new_axes", [](auto t) { return repeat(t[0], {2, 1, 1, 2, 1}); });
    one("tile", [](auto t) { return tile(t[0], {2, 3}); });
    one("repeat_interleave", [](auto t) { return repeat_interleave(t[0], 3, -2); });
    one("repeat_interleave_flat", [](auto t) { return repeat_interleave(t[0], 2); });
    one("stack", [](auto t) { return stack({t[0], t[0], t[0] * 2}, -2); });
    one("expand_as", [](auto t) { return expand_as(slice(t[0], 1, 0, 1), t[0]); });
  }
  add("view", {uniform({2, 4, 3, 5})}, [](auto t) { return view(t[0], {8, -1}); });
  add("view_of_view", {in(Layout::transposed, uniform({2, 4, 3, 5}))}, [](auto t) { return view(t[0], {8, 3, 5}); });
  add("view_nothing", {uniform({2, 0, 3})}, [](auto t) { return view(t[0], {0, 6}); });
  add("squeeze_axis", {uniform({3, 1, 4, 1})}, [](auto t) { return std::vector{squeeze(t[0], 1), squeeze(t[0], 0)}; });
  add("squeeze_axes", {uniform({1, 3, 1, 4, 1})}, [](auto t) { return squeeze(t[0], std::vector{0, 1, -1}); });
  add("t", {uniform({3, 4}), uniform({5})}, [](auto t) { return std::vector{joist::t(t[0]), joist::t(t[1]) * 2}; });
  add("broadcast_to", {uniform({3, 1})}, [](auto t) { return broadcast_to(t[0], {2, 3, 4}); });
  add("expand_keep", {uniform({3, 1})}, [](auto t) { return expand(t[0], {2, -1, 4}); });
  add("broadcast_tensors", {uniform({3, 1}), uniform({4}), uniform({})}, [](auto t) { return broadcast_tensors(t); });
  add("split_sizes", {uniform({2, 7})}, [](auto t) { return split(t[0], std::vector<std::int64_t>{3, 0, 4}, 1); });
  add("split_some_unused", {uniform({2, 7})}, [](auto t) { return split(t[0], 3, 1)[1]; });
  add("split_nothing", {uniform({0, 3})}, [](auto t) { return split(t[0], 2); });
  add("unfold_axis_overlap", {uniform({3, 11})}, [](auto t) { return unfold_axis(t[0], 1, 5, 2); });
  add("unfold_axis_gaps", {uniform({11, 3})}, [](auto t) { return unfold_axis(t[0], 0, 2, 4); });
  add("unfold_axis_views", {in(Layout::spaced, uniform({3, 11}))}, [](auto t) { return unfold_axis(t[0], -1, 4, 3); });
  add("unfold_axis_whole", {uniform({4})}, [](auto t) { return unfold_axis(t[0], 0, 4, 1); });
  add("diag", {uniform({4}), uniform({3, 5})}, [](auto t) { return std::vector{diag(t[0], -2), diag(t[1], 1)}; });
  add("diagonal_outside", {uniform({3, 4})}, [](auto t) { return diagonal(t[0], 7); });
  add("diag_embed_batch", {uniform({2, 3})}, [](auto t) { return diag_embed(t[0], -1); });
  add("triangles_wide", {uniform({3, 7}), uniform({7, 3})}, [](auto t) {
    return std::vector{tril(t[0], 2), triu(t[0], -1), tril(t[1]), triu(t[1])};
  });
  add("cat", {uniform({2, 3}), uniform({2, 1})}, [](auto t) { return cat(t, 1); });
  add("concat_promoted", {uniform({2, 3}), integers({2, 2}, 9)}, [](auto t) { return concat(t, 1); });
  add("stack_scalars", {uniform({}), uniform({})}, [](auto t) { return stack(t); });
  add("hstack", {uniform({2, 3}), uniform({2, 1})}, [](auto t) { return hstack(t); });
  add("hstack_vectors", {uniform({2}), uniform({})}, [](auto t) { return hstack(t); });
  add("vstack", {uniform({3}), uniform({2, 3})}, [](auto t) { return vstack(t); });
  add("dstack", {uniform({3}), uniform({1, 3}), uniform({1, 3, 2})}, [](auto t) { return dstack(t); });
  add("repeat_none", {uniform({2, 3})}, [](auto t) { return repeat(t[0], {2, 0}); });
  add("repeat_interleave_counts", {uniform({2, 4, 2}), constant(of_values({4}, {2, 0, 1, 3}))},
      [](auto t) { return repeat_interleave(t[0], to(t[1], Dtype::int64), 1); });
  add("flip_empty", {uniform({0, 3})}, [](auto t) { return flip(t[0], {0, 1}); });
  add("roll_empty", {uniform({0, 3})}, [](auto t) { return roll(t[0], 2, 0); });
  add("flip_integers", {integers({3, 4}, 50)}, [](auto t) { return flip(t[0], {0}); });
  add(
      "large_flip", {uniform({301, 211})},
      [](auto t) {
        return flip(t[0], {0, 1});
      },
      true);
  add(
      "large_roll", {uniform({301, 211})}, [](auto t) { return roll(t[0], 100, 0); }, true);
  add(
      "large_unfold_axis", {uniform({30, 2001})}, [](auto t) { return unfold_axis(t[0], 1, 7, 2); }, true);
  add(
      "large_repeat", {uniform({67, 101})},
      [](auto t) {
        return repeat(t[0], {3, 5});
      },
      true);
  return family;
}

}  // namespace joist::cases
