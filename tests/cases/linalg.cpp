#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {
namespace {

Tensor across(const Tensor& x) { return transpose(x, -2, -1); }
Tensor identity(const Tensor& x) { return to(eye(x.shape(-1), x.shape(-1), x.dtype()), x.device()); }
// Matrices that are far from singular, made of any: with a strong diagonal, symmetric, and positive definite.
Tensor regular(const Tensor& x) { return x * 0.25 + identity(x) * 2.0; }
Tensor definite(const Tensor& x) { return matmul(x, across(x)) * 0.25 + identity(x); }
// With singular values (eigenvalues) near 1.5, 2.5, …, far from each other.
Tensor graded(const Tensor& x) {
  const std::int64_t m = x.shape(-2), n = x.shape(-1);
  std::vector<double> values(static_cast<std::size_t>(m * n));
  for (std::int64_t i = 0; i < std::min(m, n); ++i)
    values[static_cast<std::size_t>(i * n + i)] = 1.5 + static_cast<double>(i);
  return x * 0.1 + to(to(tensor(values, {m, n}), x.dtype()), x.device());
}
Tensor symmetric(const Tensor& x) { return graded(x) + across(graded(x)); }
Tensor rows_of(const Tensor& s) { return reshape(s, s.shape().inserted(s.rank() - 1, 1)); }
// What of vectors does not depend on their signs.
Tensor projections(const Tensor& v, const Tensor& weights) { return matmul(v * rows_of(weights), across(v)); }

}  // namespace

Family linalg_cases() {
  Family family{"linalg", 2e-5, {}};
  auto& cases = family.cases;
  const auto call = [&](const std::string& name, std::vector<Input> inputs, auto function) -> Case& {
    cases.push_back({name, std::move(inputs), [function](auto t) { return function(t); }});
    return cases.back();
  };
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

  // ---- equations
  const auto solving = [&](const std::string& name, const Input& a, const Input& b) -> Case& {
    return call("solve_" + name, {a, b}, [](auto t) { return solve(regular(t[0]), t[1]); });
  };
  solving("plain", uniform({4, 4}), uniform({4, 3}));
  solving("one", uniform({1, 1}), uniform({1, 1}));
  solving("vector", uniform({5, 5}), uniform({5}));
  solving("vectors", uniform({3, 4, 4}), uniform({3, 4}));
  solving("batch", uniform({2, 3, 4, 4}), uniform({2, 3, 4, 2}));
  solving("broadcast_left", uniform({4, 4}), uniform({3, 4, 2}));
  solving("broadcast_right", uniform({3, 4, 4}), uniform({4, 2}));
  solving("spaced", in(Layout::spaced, uniform({4, 4})), in(Layout::transposed, uniform({4, 3})));
  solving("nothing", uniform({0, 0}), uniform({0, 3}));
  solving("no_batch", uniform({0, 3, 3}), uniform({0, 3, 2}));
  solving("no_columns", uniform({3, 3}), uniform({3, 0}));
  solving("frozen", constant(uniform({4, 4})), uniform({4, 3}));
  solving("large", uniform({5, 37, 37}, -1, 1), uniform({5, 37, 9})).large = true;
  call("solve_right", {uniform({2, 4, 4}), uniform({2, 3, 4})},
       [](auto t) { return solve(regular(t[0]), t[1], false); });
  call("solve_itself", {uniform({4, 4})}, [](auto t) { return solve(regular(t[0]), t[0]); });
  call("solve_permuted", {of_values({3, 3}, {0, 2, 1, 0, 0, 3, 4, 1, 0}), uniform({3, 2})},  // pivots are needed
       [](auto t) { return solve(t[0], t[1]); });
  for (const bool upper : {false, true})
    for (const bool unit : {false, true})
      for (const bool left : {false, true}) {
        const std::string name = std::string("solve_triangular") + (upper ? "_upper" : "_lower") +
                                 (unit ? "_unit" : "") + (left ? "" : "_right");
        call(name, {uniform({2, 4, 4}), uniform(left ? Shape{2, 4, 3} : Shape{2, 3, 4})}, [=](auto t) {
          return solve_triangular(regular(t[0]), t[1], {.upper = upper, .left = left, .unitriangular = unit});
        });
      }
  call("solve_triangular_large", {uniform({65, 65}, -0.5, 0.5), uniform({65, 33})}, [](auto t) {
    return solve_triangular(regular(t[0]), t[1], {.upper = true});
  }).large = true;
  const auto inverting = [&](const std::string& name, const Input& a) -> Case& {
    return call("inverse_" + name, {a}, [](auto t) { return inverse(regular(t[0])); });
  };
  inverting("plain", uniform({4, 4}));
  inverting("one", uniform({1, 1}));
  inverting("batch", in(Layout::transposed, uniform({3, 4, 4})));
  inverting("nothing", uniform({2, 0, 0}));
  inverting("large", uniform({41, 41}, -1, 1)).large = true;
  call("inv", {uniform({3, 3})}, [](auto t) { return inv(regular(t[0])); });

  // ---- determinants
  call("det_plain", {uniform({4, 4})}, [](auto t) { return det(regular(t[0])); });
  call("det_batch", {in(Layout::spaced, uniform({2, 3, 3}))}, [](auto t) { return det(t[0]); });
  call("det_one", {uniform({1, 1})}, [](auto t) { return det(t[0]); });
  call("det_nothing", {uniform({2, 0, 0})}, [](auto t) { return det(t[0]); });
  call("det_singular", {of_values({3, 3}, {1, 2, 3, 2, 4, 6, 1, 0, 1})}, [](auto t) { return det(t[0]); });
  call("det_negative", {of_values({2, 2}, {1, 2, 3, 4})}, [](auto t) { return det(t[0]); });
  call("slogdet", {uniform({3, 4, 4})}, [](auto t) {
    const auto [sign, logarithm] = slogdet(regular(t[0]) * -1.0);
    return std::vector{sign, logarithm};
  });
  call("slogdet_singular", {constant(of_values({2, 2, 2}, {1, 2, 2, 4, 0, 1, 1, 0}))}, [](auto t) {
    const auto [sign, logarithm] = slogdet(t[0]);
    return std::vector{sign, logarithm};
  }).differentiable = false;
  call("slogdet_large", {uniform({2, 51, 51}, -1, 1)}, [](auto t) { return slogdet(regular(t[0])).logabsdet; }).large =
      true;
  call("logdet", {uniform({2, 3, 3})}, [](auto t) { return logdet(definite(t[0])); });
  call("logdet_negative", {constant(of_values({3, 2, 2}, {1, 2, 3, 4, 1, 2, 2, 4, 2, 1, 1, 3}))}, [](auto t) {
    return logdet(t[0]);
  }).differentiable = false;

  // ---- Cholesky
  const auto factoring = [&](const std::string& name, const Input& a) -> Case& {
    return call("cholesky_" + name, {a}, [](auto t) { return cholesky(definite(t[0])); });
  };
  factoring("plain", uniform({4, 4}));
  factoring("one", uniform({1, 1}));
  factoring("batch", uniform({2, 3, 3, 5}));
  factoring("nothing", uniform({0, 0}));
  factoring("no_batch", uniform({0, 3, 3}));
  factoring("large", uniform({45, 45}, -1, 1)).large = true;
  call("cholesky_upper", {in(Layout::transposed, uniform({3, 4, 4}))},
       [](auto t) { return cholesky(definite(t[0]), true); });
  call("cholesky_reads_one_triangle", {constant(of_values({2, 2}, {4, nan, 2, 5}))}, [](auto t) {
    return std::vector{cholesky(t[0]), cholesky(across(t[0]), true)};
  });
  call("cholesky_solve", {uniform({2, 4, 3}), uniform({2, 4, 4})}, [](auto t) {
    const Tensor a = definite(t[1]);
    return std::vector{cholesky_solve(t[0], cholesky(a)), cholesky_solve(t[0], cholesky(a, true), true)};
  });
  call("cholesky_inverse", {uniform({4, 4})}, [](auto t) { return cholesky_inverse(cholesky(definite(t[0]))); });

  // ---- QR
  const auto orthogonal = [&](const std::string& name, const Input& a, bool complete = false) -> Case& {
    return call("qr_" + name, {a}, [complete](auto t) {
      const auto [q, r] = qr(graded(t[0]), complete);
      return std::vector{q, r};
    });
  };
  orthogonal("square", uniform({4, 4}));
  orthogonal("tall", uniform({6, 3}));
  orthogonal("wide", uniform({3, 6}));
  orthogonal("batch", in(Layout::spaced, uniform({2, 5, 3})));
  orthogonal("batch_wide", in(Layout::transposed, uniform({2, 3, 5})));
  orthogonal("row", uniform({1, 4}));
  orthogonal("column", uniform({4, 1}));
  orthogonal("complete_wide", uniform({3, 4}), true);
  orthogonal("complete_tall", constant(uniform({5, 3})), true);
  orthogonal("no_columns", uniform({3, 0}));
  orthogonal("complete_no_columns", constant(uniform({3, 0})), true);
  orthogonal("large", uniform({50, 35}, -1, 1)).large = true;
  call("qr_signs", {constant(of_values({3, 3}, {-2, 1, 0, 0, 3, 1, 0, 0, -4}))}, [](auto t) {
    return std::vector{qr(t[0]).q, qr(t[0]).r};
  });

  // ---- singular values
  const auto singular = [&](const std::string& name, const Input& a, bool full) -> Case& {
    return call("svd_" + name, {a}, [full](auto t) {
      const auto [u, s, vh] = svd(graded(t[0]), full);
      const std::int64_t k = s.shape(-1);
      const Tensor left = slice(u, -1, 0, k), right = slice(vh, -2, 0, k);
      return std::vector{s, matmul(left * rows_of(square(s)), right), projections(left, sqrt(s)),
                         projections(across(right), 1.0 + s)};
    });
  };
  singular("square", uniform({4, 4}), true);
  singular("tall", uniform({5, 3}), false);
  singular("wide", uniform({3, 5}), false);
  singular("full_tall", uniform({5, 3}), true);
  singular("full_wide", uniform({3, 5}), true);
  singular("batch", in(Layout::spaced, uniform({2, 2, 4, 3})), false);
  singular("one", uniform({1, 1}), true);
  singular("row", uniform({1, 4}), false);
  singular("column", in(Layout::transposed, uniform({4, 1})), false);
  singular("nothing", uniform({0, 3}), false);
  singular("large", uniform({3, 27, 19}, -1, 1), false).large = true;
  call("svd_rank_deficient", {constant(of_values({3, 3}, {1, 2, 3, 2, 4, 6, 3, 6, 9}))}, [](auto t) {
    const auto [u, s, vh] = svd(t[0]);
    return std::vector{s, matmul(u * rows_of(s), vh), matmul(u, across(u)), matmul(vh, across(vh))};
  });
  call("svd_of_zeros", {constant(of_values({4, 2}, {0, 0, 0, 0, 0, 0, 0, 0}))}, [](auto t) {
    const auto [u, s, vh] = svd(t[0]);
    return std::vector{s, matmul(u, across(u)), matmul(vh, across(vh))};
  });
  call("svd_full_is_orthogonal", {constant(uniform({2, 5, 2}))},
       [](auto t) { return std::vector{matmul(svd(t[0]).u, across(svd(t[0]).u))}; });
  call("svdvals", {uniform({2, 4, 3})}, [](auto t) { return svdvals(t[0]); });
  call("svdvals_large", {uniform({130, 61}, -1, 1)}, [](auto t) { return svdvals(t[0]); }).large = true;

  // ---- eigenvalues
  const auto eigen = [&](const std::string& name, const Input& a, bool upper = false) -> Case& {
    return call("eigh_" + name, {a}, [upper](auto t) {
      const auto [values, vectors] = eigh(symmetric(t[0]), upper);
      return std::vector{values, projections(vectors, square(values)), projections(vectors, sin(values))};
    });
  };
  eigen("plain", uniform({4, 4}));
  eigen("upper", uniform({4, 4}), true);
  eigen("one", uniform({1, 1}));
  eigen("two", uniform({2, 2}));
  eigen("batch", in(Layout::transposed, uniform({2, 3, 3})));
  eigen("nothing", uniform({2, 0, 0}));
  eigen("large", uniform({25, 25}, -1, 1)).large = true;
  call("eigh_vectors", {uniform({3, 3})}, [](auto t) { return abs(eigh(symmetric(t[0])).vectors); });
  call("eigh_reads_one_triangle", {constant(of_values({2, 2}, {1, nan, 2, 3}))}, [](auto t) {
    return std::vector{eigvalsh(t[0]), eigvalsh(across(t[0]), true)};
  });
  call("eigh_equal_values", {constant(of_values({3, 3}, {2, 0, 0, 0, 2, 0, 0, 0, 2}))}, [](auto t) {
    const auto [values, vectors] = eigh(t[0]);
    return std::vector{values, matmul(vectors, across(vectors))};
  });
  call("eigvalsh", {uniform({2, 5, 5})}, [](auto t) { return eigvalsh(symmetric(t[0])); });

  // ---- least squares and ranks
  const auto pseudo = [&](const std::string& name, const Input& a) -> Case& {
    return call("pinv_" + name, {a}, [](auto t) { return pinv(graded(t[0])); });
  };
  pseudo("square", uniform({3, 3}));
  pseudo("tall", uniform({5, 3}));
  pseudo("wide", uniform({2, 3, 5}));
  pseudo("nothing", uniform({0, 3}));
  pseudo("large", uniform({31, 23}, -1, 1)).large = true;
  call("pinv_of_low_rank", {uniform({4, 2}), uniform({2, 3})},
       [](auto t) { return pinv(matmul(graded(t[0]), graded(t[1])), {.rtol = 1e-3}); });
  call("pinv_of_zeros", {constant(of_values({2, 3}, {0, 0, 0, 0, 0, 0}))}, [](auto t) { return pinv(t[0]); });
  call("matrix_rank", {constant(of_values({3, 2, 3}, {1, 2, 3, 2, 4, 6, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}))},
       [](auto t) {
         return std::vector{matrix_rank(t[0]), matrix_rank(t[0], {.atol = 2}), matrix_rank(t[0], {.rtol = 1.5})};
       });
  call("lstsq_tall", {uniform({5, 3}), uniform({5, 2})}, [](auto t) {
    const auto result = lstsq(graded(t[0]), t[1]);
    return std::vector{result.solution, result.residuals, result.rank, result.singular_values};
  });
  call("lstsq_wide", {uniform({2, 3, 5}), uniform({3, 2})}, [](auto t) {
    const auto result = lstsq(graded(t[0]), t[1]);
    return std::vector{result.solution, result.residuals, result.rank};
  });
  call("lstsq_low_rank", {constant(of_values({3, 2}, {1, 2, 2, 4, 3, 6})), uniform({3, 1})}, [](auto t) {
    const auto result = lstsq(t[0], t[1]);
    return std::vector{result.solution, result.residuals, result.rank};
  });

  // ---- norms
  for (const std::string order : {"fro", "nuc"})
    call("matrix_norm_" + order, {uniform({2, 4, 3})}, [order](auto t) {
      return std::vector{matrix_norm(graded(t[0]), order), matrix_norm(graded(t[0]), order, true)};
    });
  for (const double order : {1.0, 2.0, infinity, -1.0, -2.0, -infinity}) {
    const std::string name = (order < 0 ? "minus_" : "") +
                             (std::isinf(order) ? "infinity" : std::to_string(static_cast<int>(std::abs(order))));
    call("matrix_norm_" + name, {uniform({2, 4, 3})}, [order](auto t) {
      return std::vector{matrix_norm(t[0], order), matrix_norm(t[0], order, true)};
    });
    call("cond_" + name, {uniform({3, 3})}, [order](auto t) { return cond(graded(t[0]), order); });
  }
  call("matrix_norm_of_zeros", {of_values({2, 2}, {0, 0, 0, 0})}, [](auto t) {
    return matrix_norm(t[0]);
  }).differentiable = false;
  call("matrix_norm_ties", {of_values({2, 3}, {1, -2, 0, -2, 1, 3})}, [](auto t) {
    return matrix_norm(t[0], 1.0);
  }).differentiable = false;
  call("cond_rectangular", {uniform({5, 3})}, [](auto t) { return cond(graded(t[0])); });

  // ---- powers
  for (const std::int64_t n : {-3, -1, 0, 1, 2, 5})
    call("matrix_power_" + std::string(n < 0 ? "minus_" : "") + std::to_string(std::abs(n)), {uniform({2, 3, 3})},
         [n](auto t) { return matrix_power(regular(t[0]), n); });
  call("matrix_exp", {uniform({2, 3, 3}, -0.5, 0.5)}, [](auto t) { return matrix_exp(t[0]); });
  call("matrix_exp_scaled", {uniform({3, 3})}, [](auto t) { return matrix_exp(t[0] * 3.0); });
  call("matrix_exp_nothing", {uniform({0, 0})}, [](auto t) { return matrix_exp(t[0]); });
  return family;
}

}  // namespace joist::cases
