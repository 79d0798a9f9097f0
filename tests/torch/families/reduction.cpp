// Sums, extremes, moments and norms over axes; running totals.
#include <joist/core/ops/axes.h>
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

// Over the axes of the argument `dim`, or over all where there are none.
template <class Function>
void add_over_axes(Table& table, const std::string& names, Function function) {
  table.add(names, [function](Call& c) {
    const Tensor x = in_dtype(c, c.tensor(0));
    const auto axes = c.axes(1, "dim");
    const bool keep = c.flag(2, "keepdim", false);
    if (!axes.empty()) return function(x, axes, keep);
    if (!keep) return function(x);
    return function(x, all_axes(x), true);
  });
}
#define JOIST_REDUCTION(name, function) \
  add_over_axes(table, name, [](const auto&... given) { return Tensor(function(given...)); })

// As above for functions of one axis at most.
template <class Function>
void add_over_axis(Table& table, const std::string& names, Function function) {
  table.add(names, [function](Call& c) -> Outputs {
    const Tensor x = in_dtype(c, c.tensor(0));
    if (!c.has(1, "dim")) return function(x);
    return function(x, c.axis(1, "dim"), c.flag(2, "keepdim", false));
  });
}

Outputs both(const Tensor& values) { return values; }
Outputs both(const ValuesIndices& pair) { return std::vector<Tensor>{pair.values, pair.indices}; }
Outputs both(const MinMax& pair) { return std::vector<Tensor>{pair.min, pair.max}; }
#define JOIST_EXTREME(name, function) \
  add_over_axis(table, name, [](const auto&... given) { return both(function(given...)); })

QuantileInterpolation interpolation_of(const std::string& name) {
  return name == "linear"     ? QuantileInterpolation::linear
         : name == "lower"    ? QuantileInterpolation::lower
         : name == "higher"   ? QuantileInterpolation::higher
         : name == "midpoint" ? QuantileInterpolation::midpoint
                              : QuantileInterpolation::nearest;
}

double correction_of(const Call& c) {
  if (c.has(-1, "unbiased")) return c.flag(-1, "unbiased", true) ? 1 : 0;
  return c.number(-1, "correction", 1);
}

void add_sums(Table& table) {
  JOIST_REDUCTION("sum", sum);
  JOIST_REDUCTION("mean", mean);
  JOIST_REDUCTION("nansum", nansum);
  JOIST_REDUCTION("nanmean", nanmean);
  JOIST_REDUCTION("amax", amax);
  JOIST_REDUCTION("amin", amin);
  JOIST_REDUCTION("any", any);
  JOIST_REDUCTION("all", all);
  JOIST_REDUCTION("count_nonzero", count_nonzero);
  JOIST_REDUCTION("logsumexp", logsumexp);
  add_over_axis(table, "prod", [](const Tensor& x, const auto&... given) {
    if (x.dtype() == Dtype::boolean) throw Unsupported("a product of truth values");
    return Outputs(prod(x, given...));
  });
  JOIST_EXTREME("max.reduction_with_dim max.reduction_no_dim", max);
  JOIST_EXTREME("min.reduction_with_dim min.reduction_no_dim", min);
  JOIST_EXTREME("argmax", argmax);
  JOIST_EXTREME("argmin", argmin);
  JOIST_EXTREME("aminmax", aminmax);
  JOIST_EXTREME("median", median);
  JOIST_EXTREME("nanmedian", nanmedian);
  add_over_axis(table, "mode", [](const Tensor& x, const auto&... given) {
    if (!is_floating(x.dtype())) throw Unsupported("ties");
    return both(mode(x, given...));
  });
}

// joist's quantiles pass no gradient to q.
Tensor position_of(const Call& c, const Tensor& x) {
  const Tensor q = c.operand(1, x, "q");
  if (q.requires_grad()) throw Unsupported("a gradient of q");
  return q;
}

void add_spread(Table& table) {
  const auto axes_of = [](const Call& c, const Tensor& x) {
    return c.axes(1, "dim").empty() ? all_axes(x) : c.axes(1, "dim");
  };
  table.add("var", [axes_of](Call& c) {
    const Tensor x = c.tensor(0);
    return var(x, axes_of(c, x), correction_of(c), c.flag(-1, "keepdim", false));
  });
  table.add("std", [axes_of](Call& c) {
    const Tensor x = c.tensor(0);
    return std(x, axes_of(c, x), correction_of(c), c.flag(-1, "keepdim", false));
  });
  table.add("var_mean", [axes_of](Call& c) {
    const Tensor x = c.tensor(0);
    const MeanAnd result = var_mean(x, axes_of(c, x), correction_of(c), c.flag(-1, "keepdim", false));
    return std::pair{result.spread, result.mean};
  });
  table.add("std_mean", [axes_of](Call& c) {
    const Tensor x = c.tensor(0);
    const MeanAnd result = std_mean(x, axes_of(c, x), correction_of(c), c.flag(-1, "keepdim", false));
    return std::pair{result.spread, result.mean};
  });
  table.add("var.unbiased", [](Call& c) { return var(c.tensor(0), c.flag(1, "unbiased", true) ? 1 : 0); });
  table.add("std.unbiased", [](Call& c) { return std(c.tensor(0), c.flag(1, "unbiased", true) ? 1 : 0); });
  table.add("var_mean.unbiased", [](Call& c) {
    const MeanAnd result = var_mean(c.tensor(0), all_axes(c.tensor(0)), c.flag(1, "unbiased", true) ? 1 : 0);
    return std::pair{result.spread, result.mean};
  });
  table.add("std_mean.unbiased", [](Call& c) {
    const MeanAnd result = std_mean(c.tensor(0), all_axes(c.tensor(0)), c.flag(1, "unbiased", true) ? 1 : 0);
    return std::pair{result.spread, result.mean};
  });
  table.add("cov", [](Call& c) {
    if (c.has(-1, "fweights") || c.has(-1, "aweights")) throw Unsupported("weights of observations");
    return cov(c.tensor(0), c.number(-1, "correction", 1));
  });
  table.add("corrcoef", [](Call& c) { return corrcoef(c.tensor(0)); });
  table.add("quantile", [](Call& c) {
    const Tensor x = c.tensor(0), q = position_of(c, x);
    const auto how = interpolation_of(c.text(-1, "interpolation", "linear"));
    if (!c.has(2, "dim")) return quantile(x, q, how);
    return quantile(x, q, c.axis(2, "dim"), c.flag(3, "keepdim", false), how);
  });
  table.add("nanquantile", [](Call& c) {
    const Tensor x = c.tensor(0), q = position_of(c, x);
    const auto how = interpolation_of(c.text(-1, "interpolation", "linear"));
    if (!c.has(2, "dim")) return nanquantile(x, q, how);
    return nanquantile(x, q, c.axis(2, "dim"), c.flag(3, "keepdim", false), how);
  });
}

void add_norms(Table& table) {
  table.add("linalg.vector_norm", [](Call& c) {
    const Tensor x = in_dtype(c, c.tensor(0));
    const double order = c.number(1, "ord", 2);
    const auto axes = c.axes(2, "dim");
    const bool keep = c.flag(3, "keepdim", false);
    if (axes.empty() && !keep) return vector_norm(x, order);
    return vector_norm(x, order, axes.empty() ? all_axes(x) : axes, keep);
  });
  table.add("norm norm.inf norm.fro norm.nuc", [](Call& c) {
    const Tensor x = c.tensor(0);
    const bool named = c.at(1, "p").kind == Value::Kind::text;
    const auto axes = c.has(2, "dim") ? c.axes(2, "dim") : all_axes(x);
    if (named && c.text(1, "p", "") == "nuc") return matrix_norm(x, "nuc");  // over the last axes, as in all samples
    return vector_norm(x, named ? 2 : c.number(1, "p", 2), axes, c.flag(3, "keepdim", false));
  });
  table.add("dist", [](Call& c) { return dist(c.tensor(0), c.tensor(1, "other"), c.number(2, "p", 2)); });
  table.add("renorm",
            [](Call& c) { return renorm(c.tensor(0), c.number(1, "p"), c.axis(2, "dim"), c.number(3, "maxnorm")); });
  table.add("nn.functional.normalize", [](Call& c) {
    return normalize(c.tensor(0), c.number(1, "p", 2), c.axis(2, "dim", 1), c.number(3, "eps", 1e-12));
  });
}

void add_scans(Table& table) {
  table.add("cumsum", [](Call& c) { return cumsum(in_dtype(c, c.tensor(0)), c.axis(1, "dim")); });
  table.add("cumprod", [](Call& c) { return cumprod(in_dtype(c, c.tensor(0)), c.axis(1, "dim")); });
  // PyTorch's float32 gradient loses digits in logarithms; joist's agrees with the one in double.
  table.add(
      "logcumsumexp", [](Call& c) { return logcumsumexp(c.tensor(0), c.axis(1, "dim")); }, 100);
  table.add("cummax", [](Call& c) { return both(cummax(c.tensor(0), c.axis(1, "dim"))); });
  table.add("cummin", [](Call& c) { return both(cummin(c.tensor(0), c.axis(1, "dim"))); });
  table.add("diff", [](Call& c) {
    return diff(c.tensor(0), c.axis(1, "n", 1), c.axis(2, "dim", -1), c.maybe(3, "prepend"), c.maybe(4, "append"));
  });
  table.add("trapezoid trapz", [](Call& c) {
    if (c.has(1, "x")) return trapezoid(c.tensor(0), c.tensor(1, "x"), c.axis(-1, "dim", -1));
    return trapezoid(c.tensor(0), c.number(-1, "dx", 1), c.axis(-1, "dim", -1));
  });
  table.add("cumulative_trapezoid", [](Call& c) {
    if (c.has(1, "x")) return cumulative_trapezoid(c.tensor(0), c.tensor(1, "x"), c.axis(-1, "dim", -1));
    return cumulative_trapezoid(c.tensor(0), c.number(-1, "dx", 1), c.axis(-1, "dim", -1));
  });
}

}  // namespace

void add_reduction(Table& table) {
  table.family("reduction");
  add_sums(table);
  add_spread(table);
  add_norms(table);
  table.family("scan");
  add_scans(table);
}

}  // namespace joist::torchdb
