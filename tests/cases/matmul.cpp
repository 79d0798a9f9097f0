#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family matmul_cases() {
  Family family{"matmul", 3e-6, {}};
  auto& cases = family.cases;
  const auto product = [&](const std::string& name, const Input& a, const Input& b) -> Case& {
    cases.push_back({name, {a, b}, [](auto x) { return matmul(x[0], x[1]); }});
    return cases.back();
  };
  product("plain", uniform({3, 4}), uniform({4, 5}));
  product("one", uniform({1, 1}), uniform({1, 1}));
  product("row", uniform({1, 9}), uniform({9, 7}));
  product("column", uniform({9, 7}), uniform({7, 1}));
  product("odd", uniform({17, 13}), uniform({13, 9}));
  product("left_transposed", in(Layout::transposed, uniform({6, 5})), uniform({5, 7}));
  product("right_transposed", uniform({6, 5}), in(Layout::transposed, uniform({5, 7})));
  product("both_transposed", in(Layout::transposed, uniform({6, 5})), in(Layout::transposed, uniform({5, 7})));
  product("spaced", in(Layout::spaced, uniform({6, 5})), in(Layout::spaced, uniform({5, 7})));
  product("no_depth", uniform({3, 0}), uniform({0, 4}));
  product("no_rows", uniform({0, 3}), uniform({3, 4}));
  product("no_columns", uniform({2, 3}), uniform({3, 0}));
  product("batch", uniform({3, 4, 5}), uniform({3, 5, 2}));
  product("batch_transposed", in(Layout::transposed, uniform({3, 4, 5})), in(Layout::transposed, uniform({3, 5, 2})));
  product("batch_broadcast_left", uniform({1, 4, 5}), uniform({3, 5, 2}));
  product("batch_broadcast_right", uniform({3, 4, 5}), uniform({1, 5, 2}));
  product("batch_broadcast_both", uniform({2, 1, 3, 4}), uniform({1, 3, 4, 2}));
  product("batch_and_matrix", uniform({2, 3, 4}), uniform({4, 5}));
  product("matrix_and_batch", uniform({3, 4}), uniform({2, 4, 5}));
  product("no_batch", uniform({0, 3, 4}), uniform({0, 4, 5}));
  product("frozen_left", constant(uniform({3, 4})), uniform({4, 5}));
  product("frozen_right", uniform({3, 4}), constant(uniform({4, 5})));
  product("large", uniform({130, 97}), uniform({97, 131})).large = true;
  product("large_deep", uniform({9, 2050}), uniform({2050, 17})).large = true;
  product("large_batch", uniform({9, 33, 65}), in(Layout::transposed, uniform({9, 65, 31}))).large = true;
  cases.push_back({"itself", {uniform({5, 4})}, [](auto x) { return matmul(x[0], transpose(x[0], 0, 1)); }});

  const auto layer = [&](const std::string& name, const Input& x, const Input& weight) -> Case& {
    const Input bias = uniform({weight.shape[0]});
    cases.push_back({name, {x, weight, bias}, [](auto t) { return linear(t[0], t[1], t[2]); }});
    return cases.back();
  };
  layer("linear", uniform({4, 3}), uniform({5, 3}));
  layer("linear_vector", uniform({3}), uniform({5, 3}));
  layer("linear_rank_three", uniform({2, 4, 3}), uniform({5, 3}));
  layer("linear_no_rows", uniform({0, 3}), uniform({5, 3}));
  layer("linear_spaced", in(Layout::spaced, uniform({4, 3})), in(Layout::transposed, uniform({5, 3})));
  layer("linear_large", uniform({67, 129}), uniform({100, 129})).large = true;
  cases.push_back({"linear_no_bias", {uniform({4, 3}), uniform({5, 3})}, [](auto x) { return linear(x[0], x[1]); }});
  cases.push_back({"linear_only_bias",
                   {constant(uniform({4, 3})), constant(uniform({5, 3})), uniform({5})},
                   [](auto x) { return linear(x[0], x[1], x[2]); }});

  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run) {
    cases.push_back({name, std::move(inputs), run});
  };
  product("vectors", uniform({5}), uniform({5}));
  product("vector_matrix", uniform({5}), uniform({5, 3}));
  product("matrix_vector", uniform({3, 5}), uniform({5}));
  product("vector_batch", uniform({4}), uniform({3, 4, 2}));
  product("batch_vector", uniform({2, 3, 4}), uniform({4}));
  product("vectors_empty", uniform({0}), uniform({0}));
  product("integers", integers({2, 3, 4}, 9), integers({4, 2}, 9));
  add("mm", {uniform({3, 4}), uniform({4, 2})}, [](auto t) { return mm(t[0], t[1]); });
  add("bmm", {uniform({2, 3, 4}), uniform({2, 4, 2})}, [](auto t) { return bmm(t[0], t[1]); });
  add("mv", {uniform({3, 4}), uniform({4})}, [](auto t) { return mv(t[0], t[1]); });
  add("dot", {uniform({7}), uniform({7})}, [](auto t) { return std::vector{dot(t[0], t[1]), vdot(t[0], t[0])}; });
  add("outer", {uniform({3}), uniform({4})}, [](auto t) { return outer(t[0], t[1]); });
  add("inner", {uniform({2, 3, 4}), uniform({5, 4}), uniform({})}, [](auto t) {
    return std::vector{inner(t[0], t[1]), inner(t[1], t[2])};
  });
  add("bilinear", {uniform({2, 3, 4}), uniform({2, 3, 5}), uniform({6, 4, 5}), uniform({6})},
      [](auto t) { return bilinear(t[0], t[1], t[2], t[3]); });
  add("bilinear_vectors", {uniform({4}), uniform({5}), uniform({2, 4, 5})},
      [](auto t) { return bilinear(t[0], t[1], t[2]); });
  add("addmm", {uniform({2}), uniform({3, 4}), uniform({4, 2})},
      [](auto t) { return addmm(t[0], t[1], t[2], 0.5, -2); });
  add("addmm_no_input",
      {constant(of_values({1}, {std::numeric_limits<double>::quiet_NaN()})), uniform({3, 4}), uniform({4, 2})},
      [](auto t) { return addmm(t[0], t[1], t[2], 0); });
  add("baddbmm", {uniform({3, 2}), uniform({2, 3, 4}), uniform({2, 4, 2})},
      [](auto t) { return baddbmm(t[0], t[1], t[2], 0.5, -2); });
  add("addbmm", {uniform({3, 2}), uniform({2, 3, 4}), uniform({2, 4, 2})},
      [](auto t) { return addbmm(t[0], t[1], t[2], 0.5, -2); });
  add("addmv", {uniform({3}), uniform({3, 4}), uniform({4})}, [](auto t) { return addmv(t[0], t[1], t[2], 2, 0.5); });
  add("addr", {uniform({3, 4}), uniform({3}), uniform({4})}, [](auto t) { return addr(t[0], t[1], t[2], 2, 0.5); });
  add("tensordot", {uniform({2, 3, 4}), uniform({4, 5, 3})}, [](auto t) {
    return tensordot(t[0], t[1], std::vector{1, -1}, std::vector{2, 0});
  });
  add("tensordot_count", {uniform({2, 3, 4}), uniform({3, 4, 2})}, [](auto t) {
    return std::vector{tensordot(t[0], t[1]), tensordot(t[0], t[1], 0)};
  });
  add("multi_dot", {uniform({2, 6}), uniform({6, 3}), uniform({3, 7}), uniform({7, 2})},
      [](auto t) { return multi_dot(t); });
  add("chain_matmul", {uniform({6}), uniform({6, 3}), uniform({3})}, [](auto t) { return chain_matmul(t); });
  add("matrix_power", {uniform({2, 3, 3}, -1, 1)}, [](auto t) {
    return std::vector{matrix_power(t[0], 5), matrix_power(t[0], 0), matrix_power(t[0], 1) * 2};
  });
  add("kron", {uniform({2, 3}), uniform({3, 2}), uniform({4})}, [](auto t) {
    return std::vector{kron(t[0], t[1]), kron(t[0], t[2])};
  });
  add("trace", {uniform({3, 5})}, [](auto t) { return trace(t[0]); });
  add("cross", {uniform({4, 3}), uniform({3}), uniform({3, 4})}, [](auto t) {
    return std::vector{cross(t[0], t[1]), cross(t[2], transpose(t[0], 0, 1), 0)};
  });
  add("vander", {uniform({4})}, [](auto t) {
    return std::vector{vander(t[0]), vander(t[0], 3, true), vander(t[0], 1), vander(t[0], 0)};
  });
  add("block_diag", {uniform({2, 3}), uniform({2}), uniform({}), uniform({0, 2})},
      [](auto t) { return block_diag(t); });
  add("cartesian_prod", {uniform({2}), uniform({3}), uniform({2})}, [](auto t) {
    return std::vector{cartesian_prod(t), cartesian_prod(t.subspan(0, 1)) * 2};
  });
  add("combinations", {uniform({4})}, [](auto t) {
    return std::vector{combinations(t[0]), combinations(t[0], 3), combinations(t[0], 2, true), combinations(t[0], 5)};
  });

  const auto sums = [&](const std::string& name, const std::string& equation, std::vector<Input> inputs) {
    add("einsum_" + name, std::move(inputs), [equation](auto t) { return einsum(equation, t); });
  };
  sums("matrices", "ij,jk->ik", {uniform({3, 4}), uniform({4, 2})});
  sums("implicit", "ij,jk", {uniform({3, 4}), uniform({4, 2})});
  sums("implicit_order", "ba", {uniform({3, 4})});
  sums("batch", "bij,bjk->bki", {uniform({2, 3, 4}), uniform({2, 4, 2})});
  sums("three", "ij,jk,kl->il", {uniform({3, 4}), uniform({4, 2}), uniform({2, 3})});
  sums("trace", "ii", {uniform({4, 4})});
  sums("diagonal", "ii->i", {uniform({4, 4})});
  sums("diagonal_batch", "bii,bi->b", {uniform({2, 4, 4}), uniform({2, 4})});
  sums("all", "ij->", {uniform({3, 4})});
  sums("outer", "i,j->ji", {uniform({3}), uniform({4})});
  sums("elementwise", "ij,ij->ij", {uniform({3, 4}), uniform({3, 4})});
  sums("dots", "...ij,...jk->...ik", {uniform({2, 1, 3, 4}), uniform({5, 4, 2})});
  sums("dots_implicit", "...i,i", {uniform({2, 3, 4}), uniform({4})});
  sums("dots_summed", "i...->i", {uniform({2, 3, 4})});
  sums("attention", "bhqd, bhkd -> bhqk", {uniform({2, 2, 3, 4}), uniform({2, 2, 5, 4})});
  sums("summed_alone", "ijk,jl->il", {uniform({2, 3, 4}), uniform({3, 5})});
  sums("scalar", ",ij->ij", {uniform({}), uniform({3, 4})});
  sums("broadcast_one", "ij,jk->ik", {uniform({3, 1}), uniform({4, 2})});
  sums("bilinear", "bn,anm,bm->ba", {uniform({2, 3}), uniform({5, 3, 4}), uniform({2, 4})});
  sums("views", "ij,kj->ik", {in(Layout::transposed, uniform({3, 4})), in(Layout::spaced, uniform({2, 4}))});
  add("einsum_itself", {uniform({3, 4})}, [](auto t) { return einsum("ij,ij->i", {t[0], t[0]}); });

  const double far = std::numeric_limits<double>::infinity();
  for (const auto& [name, p] :
       {std::pair{"", 2.0}, std::pair{"_one", 1.0}, std::pair{"_three", 3.0}, std::pair{"_infinite", far}}) {
    add(std::string("cdist") + name, {uniform({2, 3, 4}), uniform({5, 4})},
        [p = p](auto t) { return cdist(t[0], t[1], p); });
    add(std::string("pdist") + name, {uniform({5, 3})}, [p = p](auto t) { return pdist(t[0], p); });
    add(std::string("pairwise_distance") + name, {uniform({5, 3}), uniform({3})}, [p = p](auto t) {
      return std::vector{pairwise_distance(t[0], t[1], p), pairwise_distance(t[0], t[1], p, 1e-3, true)};
    });
  }
  cases.push_back({"cdist_itself", {uniform({4, 3})}, [](auto t) { return cdist(t[0], t[0]); }, false});
  add("pdist_single", {uniform({1, 3})}, [](auto t) { return pdist(t[0]); });
  add("cosine_similarity", {uniform({2, 5, 3}), uniform({5, 1})}, [](auto t) {
    return std::vector{cosine_similarity(t[0], t[1]), cosine_similarity(t[0], t[1], -1, 0.5)};
  });
  add("cosine_similarity_zero", {constant(of_values({2, 3}, {0, 0, 0, 1, 2, 2})), uniform({3})},
      [](auto t) { return cosine_similarity(t[0], t[1]); });
  return family;
}

}  // namespace joist::cases
