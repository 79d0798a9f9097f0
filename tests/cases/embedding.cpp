#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

Input index(const Shape& shape, std::vector<double> values) {
  return {.shape = shape, .kind = Kind::integers, .gradient = false, .values = std::move(values)};
}

}  // namespace

Family embedding_cases() {
  Family family{"embedding", 2e-6, {}};
  auto& cases = family.cases;
  const auto table = [&](const std::string& name, const Input& rows, const Input& weight,
                         const EmbeddingOptions& options = {}, bool differentiable = true) {
    cases.push_back({"embedding_" + name,
                     {weight, rows},
                     [options](auto t) { return embedding(t[1], t[0], options); },
                     differentiable});
  };
  table("rows", integers({2, 3}, 5), uniform({5, 4}));
  table("one", integers({}, 5), uniform({5, 4}));
  table("none", integers({0, 3}, 5), uniform({5, 4}));
  table("transposed", integers({4}, 5), in(Layout::transposed, uniform({5, 4})));
  table("padding", index({5}, {1, 3, 1, 0, 3}), uniform({4, 3}), {.padding_index = 1}, false);
  table("padding_from_end", index({2, 2}, {1, 3, 3, 0}), uniform({4, 3}), {.padding_index = -1}, false);
  table("max_norm", index({5}, {1, 3, 1, 0, 3}), uniform({4, 6}), {.max_norm = 1}, false);
  table("max_norm_one", index({5}, {1, 3, 1, 0, 3}), uniform({4, 6}), {.max_norm = 1.5, .norm_type = 1}, false);
  table("large", integers({301}, 57), uniform({57, 67}));
  cases.back().large = true;

  for (const auto& [name, mode] :
       {std::pair{"sum", BagMode::sum}, {"mean", BagMode::mean}, {"max", BagMode::maximum}}) {
    const std::string prefix = std::string("embedding_bag_") + name;
    const auto bag = [&](const std::string& tail, const Input& rows, const EmbeddingBagOptions& options) {
      cases.push_back({prefix + tail, {uniform({6, 3}), rows}, [options](auto t) {
                         return embedding_bag(t[1], t[0], {}, options);
                       }});
    };
    bag("", integers({4, 5}, 6), {.mode = mode});
    bag("_one_each", integers({4, 1}, 6), {.mode = mode});
    bag("_no_bags", integers({0, 5}, 6), {.mode = mode});
    bag("_padding", index({3, 3}, {1, 2, 2, 2, 2, 2, 0, 4, 2}), {.mode = mode, .padding_index = 2});
    cases.push_back({prefix + "_offsets",
                     {uniform({6, 3}), integers({7}, 6), index({4}, {0, 2, 2, 6})},
                     [mode](auto t) { return embedding_bag(t[1], t[0], t[2], {.mode = mode}); }});
    cases.push_back(
        {prefix + "_last_offset", {uniform({6, 3}), integers({7}, 6), index({4}, {0, 2, 2, 7})}, [mode](auto t) {
           return embedding_bag(t[1], t[0], t[2], {.mode = mode, .include_last_offset = true});
         }});
  }
  cases.push_back({"embedding_bag_weights", {uniform({6, 3}), integers({4, 5}, 6), uniform({4, 5})}, [](auto t) {
                     return embedding_bag(t[1], t[0], {}, {.mode = BagMode::sum}, t[2]);
                   }});
  cases.push_back(
      {"embedding_bag_weights_offsets",
       {uniform({6, 3}), index({5}, {5, 1, 1, 0, 3}), index({3}, {0, 1, 5}), uniform({5})},
       [](auto t) { return embedding_bag(t[1], t[0], t[2], {.mode = BagMode::sum, .padding_index = 0}, t[3]); }});
  return family;
}

}  // namespace joist::cases
