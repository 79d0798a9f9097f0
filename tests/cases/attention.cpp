#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {
namespace {

constexpr double never = -std::numeric_limits<double>::infinity();

struct Sizes {
  std::int64_t batch = 2, heads = 2, queries = 5, keys = 5, width = 4, key_heads = 0, value_width = 0;
};

std::vector<Input> operands(const Sizes& n) {
  const std::int64_t key_heads = n.key_heads ? n.key_heads : n.heads;
  return {uniform({n.batch, n.heads, n.queries, n.width}), uniform({n.batch, key_heads, n.keys, n.width}),
          uniform({n.batch, key_heads, n.keys, n.value_width ? n.value_width : n.width})};
}

Case plain(const std::string& name, const Sizes& n, const AttentionOptions& options = {}) {
  return {name, operands(n), [options](auto t) { return scaled_dot_product_attention(t[0], t[1], t[2], options); }};
}

// A mask as a fourth input, added.
Case added(const std::string& name, const Sizes& n, const Shape& mask, const AttentionOptions& options = {}) {
  Case one{name, operands(n),
           [options](auto t) { return scaled_dot_product_attention(t[0], t[1], t[2], options, t[3]); }};
  one.inputs.push_back(uniform(mask));
  return one;
}

// A mask of choices: about three of four may be seen.
Case chosen(const std::string& name, const Sizes& n, const Shape& mask, const AttentionOptions& options = {}) {
  Case one{name, operands(n),
           [options](auto t) { return scaled_dot_product_attention(t[0], t[1], t[2], options, gt(t[3], -1)); }};
  one.inputs.push_back(constant(uniform(mask)));
  return one;
}

Case with_slopes(const std::string& name, const Sizes& n, const AttentionOptions& options) {
  return {name, operands(n), [options](auto t) {
            const Tensor& q = t[0];
            return scaled_dot_product_attention(q, t[1], t[2], options, {},
                                                alibi_slopes(q.shape(1), q.dtype(), q.device()));
          }};
}

Case large(Case one) {
  one.large = true;
  return one;
}
Case arranged(Case one, Layout layout) {
  for (std::size_t i = 0; i < 3; ++i) one.inputs[i].layout = layout;
  return one;
}
Case frozen(Case one, std::size_t input) {
  one.inputs[input].gradient = false;
  one.name += "_frozen_" + std::to_string(input);
  return one;
}

// A single weight is 1 whatever the scores: their gradients are 0 but for rounding.
Case only_values(Case one) {
  one.inputs[0].gradient = one.inputs[1].gradient = false;
  return one;
}

constexpr RandomKey key{.seed = 7, .stream = Stream::dropout, .step = 3, .call = 2};

void add_masks(std::vector<Case>& cases) {
  const Sizes n{.batch = 2, .heads = 3, .queries = 4, .keys = 5};
  int number = 0;
  for (const Shape& mask : {Shape{2, 3, 4, 5},
                            {1, 3, 4, 5},
                            {2, 1, 4, 5},
                            {2, 1, 1, 5},
                            {2, 3, 4, 1},
                            {1, 1, 4, 5},
                            {3, 4, 5},
                            {3, 1, 1},
                            {4, 5},
                            {1, 5},
                            {4, 1},
                            {5},
                            {1}}) {
    const std::string tail = "mask_" + std::to_string(number++) + "_rank_" + std::to_string(mask.rank());
    cases.push_back(added("added_" + tail, n, mask));
    // A number for all keys of a row changes nothing: its gradient is 0 but for rounding.
    cases.back().inputs[3].gradient = mask[-1] > 1;
    cases.push_back(chosen("chosen_" + tail, n, mask));
  }
  cases.push_back(added("added_mask_causal", n, {4, 5}, {.causal = true}));
  cases.push_back(chosen("chosen_mask_grouped", {.heads = 4, .key_heads = 2}, {2, 1, 1, 5}));
  cases.push_back(arranged(added("added_mask_spaced", n, {2, 3, 4, 5}), Layout::spaced));
  cases.back().inputs[3].layout = Layout::transposed;
  cases.push_back(frozen(added("added_mask", n, {2, 3, 4, 5}), 3));

  // Rows that see nothing, by choice, by -infinity, by the causal rule.
  Case blind{"blind_rows", operands({}),
             [](auto t) { return scaled_dot_product_attention(t[0], t[1], t[2], {}, gt(t[3], 0)); }};
  std::vector<double> choices(25, 1);
  for (std::size_t j = 0; j < 5; ++j) choices[5 + j] = choices[20 + j] = 0;
  choices[3] = choices[12] = 0;
  blind.inputs.push_back(constant(of_values({5, 5}, choices)));
  cases.push_back(blind);
  blind.name = "blind_rows_added";
  blind.run = [](auto t) { return scaled_dot_product_attention(t[0], t[1], t[2], {}, t[3]); };
  for (double& choice : blind.inputs[3].values) choice = choice > 0 ? 0.5 : never;
  cases.push_back(blind);
  cases.push_back(plain("blind_rows_causal", {.queries = 6, .keys = 3}, {.causal = true, .align_end = true}));
}

void add_large(std::vector<Case>& cases) {
  const Sizes odd{.batch = 1, .heads = 3, .queries = 157, .keys = 301, .width = 24, .value_width = 40};
  cases.push_back(large(plain("large", odd)));
  cases.push_back(large(plain("large_causal", odd, {.causal = true, .align_end = true})));
  cases.push_back(large(plain("large_window", odd, {.causal = true, .align_end = true, .window = 33})));
  cases.push_back(large(plain("large_dropout", odd, {.dropout = 0.3, .key = key})));
  cases.push_back(large(added("large_added_mask", odd, {157, 301}, {.window = 70})));
  cases.push_back(large(chosen("large_chosen_mask", odd, {3, 157, 301})));
  cases.push_back(large(with_slopes("large_slopes", odd, {.causal = true})));
  cases.push_back(large(
      plain("large_heads", {.batch = 2, .heads = 4, .queries = 131, .keys = 131, .width = 64}, {.causal = true})));
  cases.push_back(
      large(plain("large_grouped", {.batch = 1, .heads = 6, .queries = 97, .keys = 140, .width = 33, .key_heads = 2},
                  {.causal = true})));
  cases.push_back(large(plain("large_one_query", {.batch = 1, .heads = 2, .queries = 1, .keys = 515, .width = 19},
                              {.causal = true, .align_end = true})));
  cases.push_back(large(arranged(plain("large_spaced", odd), Layout::spaced)));
}

void add_positions(std::vector<Case>& cases) {
  const auto rotary = [&](const std::string& name, const Input& x, const RotaryOptions& options) {
    cases.push_back({"rotary_embedding_" + name, {x}, [options](auto t) { return rotary_embedding(t[0], options); }});
  };
  rotary("halves", uniform({2, 3, 5, 6}), {});
  rotary("interleaved", uniform({2, 3, 5, 6}), {.interleaved = true});
  rotary("options", uniform({2, 5, 8}), {.base = 500, .offset = 7, .width = 4, .scale = 0.5});
  rotary("interleaved_part", in(Layout::transposed, uniform({5, 8})), {.offset = 3, .width = 6, .interleaved = true});
  rotary("no_rows", uniform({2, 0, 4}), {});
  cases.push_back({"rotary_embedding_tables", {uniform({2, 2, 3, 4}), uniform({3, 2}), uniform({3, 2})}, [](auto t) {
                     return rotary_embedding(t[0], t[1], t[2]);
                   }});
  cases.push_back({"sinusoidal_positions", {uniform({6, 5})}, [](auto t) {
                     return t[0] * sinusoidal_positions(6, 5, 10000, t[0].dtype(), t[0].device());
                   }});
  cases.push_back(
      {"alibi_slopes", {uniform({12})}, [](auto t) { return t[0] * alibi_slopes(12, t[0].dtype(), t[0].device()); }});
}

}  // namespace

Family attention_cases() {
  Family family{"attention", 5e-6, {}};
  auto& cases = family.cases;
  cases.push_back(plain("plain", {}));
  cases.push_back(plain("cross", {.queries = 3, .keys = 7, .width = 5, .value_width = 3}));
  cases.push_back(plain("scale", {}, {.scale = 0.2}));
  cases.push_back(plain("scale_negative", {}, {.scale = -0.7}));
  cases.push_back(plain("causal", {}, {.causal = true}));
  cases.push_back(plain("causal_more_keys", {.queries = 3, .keys = 7}, {.causal = true}));
  cases.push_back(plain("causal_end", {.queries = 3, .keys = 7}, {.causal = true, .align_end = true}));
  cases.push_back(plain("causal_more_queries", {.queries = 7, .keys = 3}, {.causal = true}));
  cases.push_back(plain("window", {.queries = 7, .keys = 9}, {.window = 2}));
  cases.push_back(plain("window_causal", {.queries = 7, .keys = 7}, {.causal = true, .window = 3}));
  cases.push_back(plain("window_end", {.queries = 3, .keys = 9}, {.align_end = true, .window = 2}));
  cases.push_back(only_values(plain("window_one", {}, {.window = 1})));
  cases.push_back(plain("grouped", {.heads = 6, .key_heads = 2}));
  cases.push_back(plain("one_key_head", {.heads = 3, .key_heads = 1}, {.causal = true}));
  cases.push_back(with_slopes("slopes", {.heads = 3}, {}));
  cases.push_back(with_slopes("slopes_causal_end", {.queries = 3, .keys = 6}, {.causal = true, .align_end = true}));
  cases.push_back(plain("dropout", {}, {.dropout = 0.4, .key = key}));
  cases.push_back(plain("dropout_causal", {.queries = 6, .keys = 6}, {.causal = true, .dropout = 0.2, .key = key}));
  cases.push_back(only_values(plain("length_one", {.queries = 1, .keys = 1})));
  cases.push_back(only_values(plain("one_key", {.queries = 4, .keys = 1})));
  cases.push_back(plain("width_one", {.width = 1}));
  cases.push_back(plain("no_queries", {.queries = 0}));
  cases.push_back(plain("no_keys", {.keys = 0}));
  cases.push_back(plain("no_batch", {.batch = 0}));
  for (std::size_t i = 0; i < 3; ++i) cases.push_back(frozen(plain("plain", {}), i));
  for (const auto& [name, layout] : {std::pair{"spaced", Layout::spaced},
                                     {"transposed", Layout::transposed},
                                     {"channel_slice", Layout::channel_slice},
                                     {"channels_last", Layout::channels_last}})
    cases.push_back(arranged(plain(name, {}), layout));
  cases.push_back({"rank_three",
                   {uniform({2, 3, 4}), uniform({2, 5, 4}), uniform({2, 5, 3}), uniform({2, 3, 5})},
                   [](auto t) { return scaled_dot_product_attention(t[0], t[1], t[2], {}, t[3]); }});
  cases.push_back({"rank_two", {uniform({3, 4}), uniform({5, 4}), uniform({5, 4})}, [](auto t) {
                     return scaled_dot_product_attention(t[0], t[1], t[2]);
                   }});
  cases.push_back({"same_tensor", {uniform({1, 2, 5, 4})}, [](auto t) {
                     return scaled_dot_product_attention(t[0], t[0], t[0], {.causal = true});
                   }});
  cases.push_back({"split_heads", {uniform({2, 5, 6})}, [](auto t) {
                     const Tensor heads = transpose(reshape(t[0], {2, 5, 3, 2}), 1, 2);
                     return reshape(transpose(scaled_dot_product_attention(heads, heads, heads), 1, 2), {2, 5, 6});
                   }});
  for (const bool causal : {false, true})
    cases.push_back({causal ? "joined_causal" : "joined", {uniform({2, 5, 24})}, [causal](auto t) {
                       return joined_attention(t[0], 2, {.causal = causal});
                     }});
  // Scores near 300, exact in float32; the logarithm kept for backward is not, hence no gradients.
  const auto far = [](std::int64_t rows) {
    return constant(Input{.shape = {1, 1, rows, 4}, .low = 10, .high = 20, .kind = Kind::coarse});
  };
  cases.push_back({"far", {far(3), far(5), constant(uniform({1, 1, 5, 4}))}, [](auto t) {
                     return scaled_dot_product_attention(t[0], t[1], t[2], {.scale = 0.25});
                   }});
  add_masks(cases);
  add_large(cases);
  for (Case& one : cases) one.name = "scaled_dot_product_attention_" + one.name;
  add_positions(cases);
  return family;
}

}  // namespace joist::cases
