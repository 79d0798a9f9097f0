// Taking and placing by index or mask; sorting, searching, counting.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

Outputs both(const ValuesIndices& pair) { return std::vector<Tensor>{pair.values, pair.indices}; }

ScatterReduction reduce_of(const std::string& name) {
  return name == "sum" || name == "add"         ? ScatterReduction::sum
         : name == "prod" || name == "multiply" ? ScatterReduction::prod
         : name == "mean"                       ? ScatterReduction::mean
         : name == "amax"                       ? ScatterReduction::amax
                                                : ScatterReduction::amin;
}

void add_slices(Table& table) {
  table.add("index_select", [](Call& c) { return index_select(c.tensor(0), c.axis(1, "dim"), c.tensor(2, "index")); });
  table.add("index_add", [](Call& c) {
    return index_add(c.tensor(0), c.axis(1, "dim"), c.tensor(2, "index"), c.tensor(3, "source"),
                     c.number(-1, "alpha", 1));
  });
  table.add("index_copy", [](Call& c) {
    return index_copy(c.tensor(0), c.axis(1, "dim"), c.tensor(2, "index"), c.tensor(3, "source"));
  });
  table.add("index_fill", [](Call& c) {
    if (!c.is_number(3, "value") && c.tensor(3, "value").requires_grad()) throw Unsupported("a value with a gradient");
    return index_fill(c.tensor(0), c.axis(1, "dim"), c.tensor(2, "index"), c.number(3, "value"));
  });
  table.add("gather", [](Call& c) { return gather(c.tensor(0), c.axis(1, "dim"), c.tensor(2, "index")); });
  table.add("scatter", [](Call& c) {
    const Tensor x = c.tensor(0), index = c.tensor(2, "index");
    if (c.has(-1, "reduce") && c.is_number(3, "value")) throw Unsupported("a number to be combined");
    if (c.has(-1, "reduce"))
      return scatter_reduce(x, c.axis(1, "dim"), index, c.tensor(3, "src"), reduce_of(c.text(-1, "reduce", "")));
    if (c.is_number(3, "value")) return scatter(x, c.axis(1, "dim"), index, c.number(3, "value"));
    return scatter(x, c.axis(1, "dim"), index, c.tensor(3, "src"));
  });
  table.add("scatter_add", [](Call& c) {
    return scatter_add(c.tensor(0), c.axis(1, "dim"), c.tensor(2, "index"), c.tensor(3, "src"));
  });
  table.add("scatter_reduce.sum scatter_reduce.prod scatter_reduce.mean scatter_reduce.amin scatter_reduce.amax",
            [](Call& c) {
              return scatter_reduce(c.tensor(0), c.axis(1, "dim"), c.tensor(2, "index"), c.tensor(3, "src"),
                                    reduce_of(c.text(4, "reduce", "")), c.flag(-1, "include_self", true));
            });
  table.add("take", [](Call& c) { return take(c.tensor(0), c.tensor(1, "index")); });
  table.add("put", [](Call& c) {
    return put(c.tensor(0), c.tensor(1, "index"), c.tensor(2, "source"), c.flag(3, "accumulate", false));
  });
  table.add("take_along_dim", [](Call& c) {
    if (!c.has(2, "dim")) return take(ravel(c.tensor(0)), ravel(c.tensor(1, "indices")));
    return take_along_dim(c.tensor(0), c.tensor(1, "indices"), c.axis(2, "dim"));
  });
  table.add("index_put", [](Call& c) {
    return index_put(c.tensor(0), c.tensors(1, "indices"), c.tensor(2, "values"), c.flag(3, "accumulate", false));
  });
  table.add("__getitem__", [](Call& c) {
    const Value& what = c.at(1);
    if (what.kind == Value::Kind::tensor) return index(c.tensor(0), {what.tensor});
    throw Unsupported("Python's subscript: slice(), select() and index() are functions of their own");
  });
}

void add_masks(Table& table) {
  table.add("masked_select", [](Call& c) { return masked_select(c.tensor(0), c.tensor(1, "mask")); });
  table.add("masked_scatter",
            [](Call& c) { return masked_scatter(c.tensor(0), c.tensor(1, "mask"), c.tensor(2, "source")); });
  table.add("nonzero", [](Call& c) -> Outputs {
    if (c.flag(-1, "as_tuple", false)) return nonzero_columns(c.tensor(0));
    return nonzero(c.tensor(0));
  });
  table.add("argwhere", [](Call& c) { return argwhere(c.tensor(0)); });
}

// Which of equal numbers PyTorch takes is arbitrary unless it is told to be stable; joist always is.
void refuse_ties(const Call& c, bool stable) {
  if (!stable && !is_floating(c.tensor(0).dtype())) throw Unsupported("ties");
}

void add_order(Table& table) {
  table.add("sort", [](Call& c) {
    refuse_ties(c, c.flag(-1, "stable", false));
    return both(sort(c.tensor(0), c.axis(1, "dim", -1), c.flag(2, "descending", false)));
  });
  table.add("argsort", [](Call& c) {
    refuse_ties(c, c.flag(-1, "stable", false));
    return argsort(c.tensor(0), c.axis(1, "dim", -1), c.flag(2, "descending", false));
  });
  table.add("msort", [](Call& c) { return msort(c.tensor(0)); });
  table.add("topk", [](Call& c) {
    refuse_ties(c, false);
    return both(topk(c.tensor(0), c.integer(1, "k"), c.axis(2, "dim", -1), c.flag(3, "largest", true),
                     c.flag(4, "sorted", true)));
  });
  table.add("kthvalue", [](Call& c) {
    refuse_ties(c, false);
    return both(kthvalue(c.tensor(0), c.integer(1, "k"), c.axis(2, "dim", -1), c.flag(3, "keepdim", false)));
  });
  table.add("searchsorted", [](Call& c) {
    const bool right = c.flag(-1, "right", false) || c.text(-1, "side", "left") == "right";
    Tensor sequence = c.tensor(0);
    if (c.has(-1, "sorter")) sequence = gather(sequence, -1, c.tensor(-1, "sorter"));
    const Tensor found = c.is_number(1, "input") ? searchsorted(sequence, c.number(1, "input"), right)
                                                 : searchsorted(sequence, c.tensor(1, "input"), right);
    return c.flag(-1, "out_int32", false) ? to(found, Dtype::int32) : found;
  });
  table.add("bucketize", [](Call& c) {
    const Tensor found = bucketize(c.tensor(0), c.tensor(1, "boundaries"), c.flag(-1, "right", false));
    return c.flag(-1, "out_int32", false) ? to(found, Dtype::int32) : found;
  });
  const auto parts = [](const Call& c, const Unique& found) {
    std::vector<Tensor> list{found.values};
    if (c.flag(-1, "return_inverse", false)) list.push_back(found.inverse);
    if (c.flag(-1, "return_counts", false)) list.push_back(found.counts);
    return list;
  };
  table.add("unique", [parts](Call& c) {
    (void)c.at(-1, "sorted");  // always so
    return parts(c, c.has(-1, "dim") ? unique(c.tensor(0), c.axis(-1, "dim")) : unique(c.tensor(0)));
  });
  table.add("unique_consecutive", [parts](Call& c) {
    return parts(
        c, c.has(-1, "dim") ? unique_consecutive(c.tensor(0), c.axis(-1, "dim")) : unique_consecutive(c.tensor(0)));
  });
  table.add("isin",
            [](Call& c) { return isin(c.tensor(0), c.tensor(1, "test_elements"), c.flag(-1, "invert", false)); });
}

void add_counting(Table& table) {
  table.add("bincount",
            [](Call& c) { return bincount(c.tensor(0), c.maybe(1, "weights"), c.integer(2, "minlength", 0)); });
  table.add("histc", [](Call& c) {
    return histc(c.tensor(0), c.integer(1, "bins", 100), c.number(2, "min", 0), c.number(3, "max", 0));
  });
  table.add("histogram", [](Call& c) {
    const auto range = c.numbers(-1, "range");
    const Tensor weight = c.maybe(-1, "weight");
    const bool density = c.flag(-1, "density", false);
    const Histogram found = c.is_number(1, "bins")
                                ? histogram(c.tensor(0), c.integer(1, "bins"), range.empty() ? 0 : range.at(0),
                                            range.empty() ? 0 : range.at(1), weight, density)
                                : histogram(c.tensor(0), c.tensor(1, "bins"), weight, density);
    return std::pair{found.counts, found.edges};
  });
}

}  // namespace

void add_indexing(Table& table) {
  table.family("indexing");
  add_slices(table);
  add_masks(table);
  table.family("sorting");
  add_order(table);
  add_counting(table);
}

}  // namespace joist::torchdb
