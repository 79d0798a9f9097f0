// Wrong calls of views, indexing, order, scans, reductions and products: the typed error, thrown before any work, whose
// message holds the rule, the values and what was expected.
#include <joist/core/ops.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

Tensor numbers(const Shape& shape) { return ones(shape); }
Tensor places(const std::vector<std::int64_t>& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())});
}

// Whether `call` throws an E whose message holds all of `parts`.
template <class E, class Call>
testing::AssertionResult throws(const Call& call, const std::vector<std::string>& parts) {
  try {
    call();
  } catch (const E& error) {
    for (const std::string& part : parts)
      if (std::string(error.what()).find(part) == std::string::npos)
        return testing::AssertionFailure() << "no \"" << part << "\" in: " << error.what();
    return testing::AssertionSuccess();
  } catch (const std::exception& error) {
    return testing::AssertionFailure() << "another kind of error: " << error.what();
  }
  return testing::AssertionFailure() << "no error";
}

TEST(ViewErrors, NameShapesAndRules) {
  const Tensor x = numbers({2, 3, 4});
  EXPECT_TRUE(throws<ShapeError>([&] { view(transpose(x, 0, 2), {24}); }, {"view", "without a copy", "use reshape"}));
  EXPECT_TRUE(throws<ShapeError>([&] { view(x, {5, -1}); }, {"view", "[2, 3, 4] to [5, -1]", "24 elements"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reshape(x, {-1, -1}); }, {"two lengths of -1", "at most one"}));
  EXPECT_TRUE(throws<ShapeError>([&] { unflatten(x, 2, {3, -1}); }, {"unflatten", "[2, 3, 4]", "[3, -1]", "is 4"}));
  EXPECT_TRUE(throws<ShapeError>([&] { squeeze(x, 3); }, {"axis 3 of shape [2, 3, 4]", "-3 to 2"}));
  EXPECT_TRUE(throws<ShapeError>([&] { unsqueeze(x, 4); }, {"axis 4"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        movedim(x, std::vector{0, 0}, std::vector{1, 2});
      },
      {"movedim", "axis 0 stands twice"}));
  EXPECT_TRUE(throws<ShapeError>([&] { movedim(x, std::vector{0}, std::vector{1, 2}); }, {"1 axes to 2 places"}));
  EXPECT_TRUE(throws<ShapeError>([&] { t(x); }, {"[2, 3, 4]", "at most two axes", "transpose"}));
  EXPECT_TRUE(throws<ShapeError>([&] { permute(x, {0, 0, 1}); }, {"permute", "axis 0 stands twice"}));
  EXPECT_TRUE(throws<ShapeError>([&] { narrow(x, 1, 2, 2); }, {"narrow", "2 elements from 2", "[2, 3, 4]"}));
  EXPECT_TRUE(throws<DataError>([&] { select(x, 1, 3); }, {"select", "index 3", "[2, 3, 4]", "-3 to 2"}));
  EXPECT_TRUE(throws<ShapeError>([&] { split(x, 0, 1); }, {"split", "parts of 0", "at least 1"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        split(x, std::vector<std::int64_t>{1, 3}, 1);
      },
      {"add up to 4", "[2, 3, 4]", "add up to 3"}));
  EXPECT_TRUE(throws<ShapeError>([&] { chunk(x, 0, 1); }, {"chunk", "0 chunks"}));
  EXPECT_TRUE(throws<ShapeError>([&] { tensor_split(x, 0, 1); }, {"tensor_split", "0 sections"}));
  EXPECT_TRUE(throws<ShapeError>([&] { unfold_axis(x, 1, 4, 1); }, {"unfold_axis", "windows of 4", "at most 3"}));
  EXPECT_TRUE(throws<ShapeError>([&] { diagonal(x, 0, 1, -2); }, {"diagonal", "axes 1 and -2", "one axis"}));
  EXPECT_TRUE(throws<ShapeError>([&] { diag(x); }, {"diag", "[2, 3, 4]", "a vector or a matrix"}));
  EXPECT_TRUE(throws<ShapeError>([&] { tril(numbers({3})); }, {"tril", "[3]", "at least two axes"}));
  EXPECT_TRUE(throws<ShapeError>([&] { expand(x, {-1, 2, 3, 4}); }, {"expand", "[-1, 2, 3, 4]", "that the input has"}));
  EXPECT_TRUE(throws<ShapeError>([&] { expand(x, {2, 5, 4}); }, {"expand", "[2, 3, 4] to [2, 5, 4]"}));
}

TEST(JoinErrors, NameShapesAndRules) {
  const Tensor x = numbers({2, 3}), y = numbers({2, 4});
  EXPECT_TRUE(throws<ShapeError>([&] { concat({x, y}, 0); }, {"concat", "[2, 3] and [2, 4]", "all other axes"}));
  EXPECT_TRUE(throws<ShapeError>([&] { concat(std::span<const Tensor>{}, 0); }, {"concat", "no tensors"}));
  EXPECT_TRUE(throws<ShapeError>([&] { stack({x, y}); }, {"stack", "[2, 3] and [2, 4]", "one shape", "concat"}));
  EXPECT_TRUE(throws<ShapeError>([&] { repeat(x, {2}); }, {"repeat", "[2] for shape [2, 3]", "tile"}));
  EXPECT_TRUE(throws<UsageError>([&] { repeat(x, {2, -1}); }, {"repeat", "-1", "at least 0"}));
  EXPECT_TRUE(throws<ShapeError>([&] { repeat_interleave(x, places({1, 2}), 1); }, {"[2]", "[2, 3]", "[3] or [1]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { flip(x, {0, -2}); }, {"flip", "-2 stands twice"}));
  EXPECT_TRUE(throws<ShapeError>([&] { rot90(x, 1, 1, -1); }, {"rot90", "two different axes"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        roll(x, std::vector<std::int64_t>{1, 2}, std::vector{0});
      },
      {"2 shifts for 1 axes"}));
}

TEST(IndexErrors, NameIndexAndRange) {
  const Tensor x = numbers({3, 4});
  EXPECT_TRUE(throws<DataError>([&] { index_select(x, 1, places({0, 4})); }, {"index 4 at position 1", "0 to"}));
  EXPECT_TRUE(throws<DataError>([&] { index_select(x, 0, places({-1})); }, {"index -1", "0 to 2"}));
  EXPECT_TRUE(throws<DtypeError>([&] { index_select(x, 0, ones({2})); }, {"float32", "int64", "to(index"}));
  EXPECT_TRUE(throws<DataError>(
      [&] {
        gather(x, 1, zeros({3, 1}, Dtype::int64) + 4.0);
      },
      {"index 4 at position [0, 0]", "[3, 4]"}));
  EXPECT_TRUE(throws<DataError>([&] { gather(x, 1, zeros({3, 1}, Dtype::int64) - 1.0); }, {"gather", "index -1"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        gather(x, 1, zeros({4, 1}, Dtype::int64));
      },
      {"input [3, 4], index [4, 1]", "take_along_dim"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        scatter_add(x, 1, zeros({3, 4}, Dtype::int64), ones({3, 2}));
      },
      {"scatter_add", "index [3, 4], source [3, 2]", "no longer than the source"}));
  EXPECT_TRUE(throws<DtypeError>(
      [&] {
        scatter(x, 1, zeros({3, 4}, Dtype::int64), zeros({3, 4}, Dtype::int64));
      },
      {"scatter", "one element type"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        index_add(x, 0, places({0, 1}), ones({2, 3}));
      },
      {"index_add", "[2, 3]", "m positions"}));
  EXPECT_TRUE(throws<DataError>([&] { index_add(x, 0, places({-1}), ones({1, 4})); }, {"index_add", "index -1"}));
  EXPECT_TRUE(throws<DataError>([&] { index_copy(x, 0, places({3}), ones({1, 4})); }, {"index_copy", "index 3"}));
  EXPECT_TRUE(throws<DataError>([&] { index_fill(x, 0, places({-4}), 1); }, {"index_fill", "index -4", "-3 to 2"}));
  EXPECT_TRUE(throws<DataError>([&] { take(x, places({12})); }, {"take", "index 12", "-12 to 11"}));
  EXPECT_TRUE(throws<ShapeError>([&] { put(x, places({1}), ones({2})); }, {"put", "index [1], source [2]"}));
  EXPECT_TRUE(
      throws<ShapeError>([&] { take_along_dim(x, places({1}), 0); }, {"take_along_dim", "[1]", "as many axes"}));
  EXPECT_TRUE(throws<ShapeError>([&] { index(x, {places({1}), places({1}), places({1})}); }, {"3 indices", "1 to 2"}));
  EXPECT_TRUE(throws<ShapeError>([&] { index(x, {gt(ones({2}), 0)}); }, {"mask [2]", "[3, 4]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { index_put(x, {places({0, 1})}, ones({3, 4})); },
                                 {"index_put", "[2, 4] and [3, 4] do not broadcast"}));
  EXPECT_TRUE(
      throws<DtypeError>([&] { index_put(x, {places({0})}, zeros({4}, Dtype::int64)); }, {"int64 values for float32"}));
  EXPECT_TRUE(throws<DtypeError>([&] { masked_select(x, x); }, {"masked_select", "float32", "bool", "ne(mask, 0)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { masked_scatter(x, gt(x, 0), ones({3})); }, {"[3] for 12 elements"}));
  EXPECT_TRUE(throws<ShapeError>([&] { masked_fill(x, gt(x, 0), ones({2})); }, {"masked_fill", "[2]", "where"}));
}

TEST(OrderErrors, NameValuesAndRange) {
  const Tensor x = numbers({3, 4});
  EXPECT_TRUE(throws<UsageError>([&] { topk(x, 5); }, {"topk", "k 5", "[3, 4]", "0 to 4"}));
  EXPECT_TRUE(throws<UsageError>([&] { kthvalue(x, 0); }, {"kthvalue", "k 0", "1 to 4"}));
  EXPECT_TRUE(throws<ShapeError>([&] { sort(x, 2); }, {"axis 2 of shape [3, 4]"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        searchsorted(x, ones({2, 4}));
      },
      {"searchsorted", "sequence [3, 4], values [2, 4]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { bucketize(x, x); }, {"bucketize", "[3, 4]", "a vector"}));
  EXPECT_TRUE(throws<DataError>([&] { bincount(places({1, -2})); }, {"bincount", "-2", "at least 0"}));
  EXPECT_TRUE(throws<ShapeError>([&] { bincount(x); }, {"bincount", "float32", "a vector of integers"}));
  EXPECT_TRUE(throws<ShapeError>([&] { bincount(places({1}), ones({2})); }, {"input [1], weights [2]"}));
  EXPECT_TRUE(throws<UsageError>([&] { histc(x, 0); }, {"histc", "0 bins"}));
  EXPECT_TRUE(throws<UsageError>([&] { histc(x, 3, 2, 1); }, {"histc", "2.0", "1.0", "ascending"}));
  EXPECT_TRUE(throws<ShapeError>([&] { histogram(x, ones({1})); }, {"histogram", "edges of shape [1]"}));
  EXPECT_TRUE(throws<DtypeError>([&] { histc(places({1})); }, {"histc", "int64", "floating"}));
  EXPECT_TRUE(throws<UsageError>([&] { diff(x, -1); }, {"diff", "order -1"}));
  EXPECT_TRUE(throws<ShapeError>([&] { trapezoid(x, ones({3}), 1); }, {"trapezoid", "places [3] for values [3, 4]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { cumsum(x, 2); }, {"axis 2"}));
}

TEST(ReductionErrors, NameAxesAndTypes) {
  const Tensor x = numbers({3, 4}), none = numbers({0, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { sum(x, {0, -2}); }, {"sum", "axis -2 stands twice"}));
  EXPECT_TRUE(throws<DtypeError>([&] { mean(places({1, 2})); }, {"mean", "int64", "floating", "to(x"}));
  EXPECT_TRUE(throws<ShapeError>([&] { max(none, 0); }, {"max", "[0, 3]", "at least one element"}));
  EXPECT_TRUE(throws<ShapeError>([&] { amin(none); }, {"amin", "[0, 3]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { argmax(none); }, {"argmax", "[0]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { median(none, 0); }, {"median", "[0, 3]", "at least one"}));
  EXPECT_TRUE(throws<ShapeError>([&] { mode(none, 0); }, {"mode", "[0, 3]", "at least one"}));
  EXPECT_TRUE(throws<ShapeError>([&] { quantile(none, 0.5); }, {"quantile", "at least one"}));
  EXPECT_TRUE(throws<UsageError>([&] { quantile(x, 1.5); }, {"quantile", "1.5", "0 to 1"}));
  EXPECT_TRUE(throws<DtypeError>([&] { quantile(x, zeros({1}, Dtype::float64)); }, {"quantile", "float64", "float32"}));
  EXPECT_TRUE(throws<DtypeError>([&] { var(places({1})); }, {"var", "int64"}));
  EXPECT_TRUE(throws<DtypeError>([&] { norm(places({1})); }, {"vector_norm", "int64"}));
  EXPECT_TRUE(throws<ShapeError>([&] { norm(none, -1); }, {"vector_norm", "-1", "[0, 3]"}));
  EXPECT_TRUE(throws<UsageError>([&] { renorm(x, 0, 0, 1); }, {"renorm", "p above 0"}));
  EXPECT_TRUE(throws<ShapeError>([&] { renorm(ones({3}), 2, 0, 1); }, {"renorm", "at least two axes"}));
  EXPECT_TRUE(throws<ShapeError>([&] { cov(numbers({2, 3, 4})); }, {"cov", "[2, 3, 4]"}));
}

TEST(ProductErrors, NameBothShapes) {
  const Tensor a = numbers({2, 3}), b = numbers({2, 4});
  EXPECT_TRUE(throws<ShapeError>([&] { matmul(a, b); }, {"matmul", "[2, 3] · [2, 4]", "equal inner lengths"}));
  EXPECT_TRUE(throws<ShapeError>([&] { matmul(ones({4}), a); }, {"matmul", "[4] · [2, 3]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { matmul(ones({}), a); }, {"matmul", "[] · [2, 3]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { mm(a, ones({3})); }, {"mm", "[3]", "[m, k] and [k, n]"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        bmm(numbers({1, 2, 3}), numbers({2, 3, 4}));
      },
      {"bmm", "equal batches", "matmul"}));
  EXPECT_TRUE(throws<ShapeError>([&] { dot(a, b); }, {"dot", "two vectors"}));
  EXPECT_TRUE(throws<ShapeError>([&] { addmm(numbers({5}), a, numbers({3, 4})); }, {"addmm", "[5]", "[2, 4]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { bilinear(a, b, numbers({5, 3, 3})); }, {"bilinear", "[5, 3, 3]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { tensordot(a, b, 1); }, {"tensordot", "[2, 3] and [2, 4]"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        multi_dot(std::vector{a, b});
      },
      {"multi_dot", "matrix 1", "[2, 4] behind [2, 3]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { matrix_power(a, 2); }, {"matrix_power", "[2, 3]", "[..., n, n]"}));
  EXPECT_TRUE(throws<UnsupportedError>([&] { matrix_power(numbers({2, 2}), -1); }, {"unsupported", "-1", "inverse"}));
  EXPECT_TRUE(throws<UnsupportedError>([&] { kron(numbers({1, 1, 1, 1, 1}), a); }, {"unsupported", "5 axes"}));
  EXPECT_TRUE(throws<ShapeError>([&] { cross(a, b); }, {"cross"}));
  EXPECT_TRUE(throws<ShapeError>([&] { cross(b, b); }, {"cross", "[2, 4]", "length 3"}));
  EXPECT_TRUE(throws<ShapeError>([&] { cdist(a, b); }, {"cdist", "[2, 3] and [2, 4]"}));
  EXPECT_TRUE(throws<UsageError>([&] { pdist(a, -1); }, {"pdist", "p -1"}));
  EXPECT_TRUE(throws<ShapeError>([&] { trace(ones({3})); }, {"trace", "a matrix"}));
  EXPECT_TRUE(throws<ShapeError>([&] { vander(a); }, {"vander", "a vector"}));
}

TEST(EinsumErrors, NameTheEquation) {
  const Tensor a = numbers({2, 3}), b = numbers({2, 4});
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        einsum("ij,jk->ik", {a, b});
      },
      {"label 'j'", "3 and 2", "ij,jk->ik", "[2, 4]"}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("ij->ik", {a}); }, {"label 'k' in the result only"}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("ij->ii", {a}); }, {"label 'i' twice"}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("ijk->i", {a}); }, {"\"ijk\" for operand [2, 3]"}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("i->i", {a}); }, {"\"i\" for operand [2, 3]", "\"...\""}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("ij", {a, b}); }, {"2 operands for 1 terms"}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("ij,jk", {a}); }, {"than the 1 given"}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("i1->i", {a}); }, {"operand [2, 3]"}));
  EXPECT_TRUE(throws<UsageError>([&] { einsum("ii->i", {a}); }, {"label 'i'", "lengths 2 and 3"}));
}

}  // namespace
}  // namespace joist
