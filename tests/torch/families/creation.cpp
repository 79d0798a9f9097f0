// New tensors and conversions between element types. Of random ones only shape and type are compared.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

Dtype dtype_or(const Args& args, Dtype otherwise) { return args.dtype().value_or(otherwise); }

void add_constant(Table& table) {
  table.add("zeros", [](Call& c) {
    place_only(c);
    return zeros(c.shape(0, "size"), dtype_or(c, Dtype::float32));
  });
  table.add("ones", [](Call& c) {
    place_only(c);
    return ones(c.shape(0, "size"), dtype_or(c, Dtype::float32));
  });
  table.add("empty", [](Call& c) {
    place_only(c);
    return empty(c.shape(0, "size"), dtype_or(c, Dtype::float32));
  });
  table.add("full", [](Call& c) {
    place_only(c);
    return full(c.shape(0, "size"), c.number(1, "fill_value"), dtype_or(c, Dtype::float32));
  });
  table.add("scalar_tensor", [](Call& c) {
    place_only(c);
    return full({}, c.number(0, "s"), dtype_or(c, Dtype::float32));
  });
  table.add("zeros_like", [](Call& c) {
    place_only(c);
    return in_dtype(c, zeros_like(c.tensor(0)));
  });
  table.add("ones_like", [](Call& c) {
    place_only(c);
    return in_dtype(c, ones_like(c.tensor(0)));
  });
  table.add("full_like", [](Call& c) {
    place_only(c);
    return full_like(in_dtype(c, c.tensor(0)), c.number(1, "fill_value"));
  });
  table.add("new_zeros", [](Call& c) {
    place_only(c);
    return zeros(c.shape(1, "size"), dtype_or(c, c.tensor(0).dtype()));
  });
  table.add("new_ones", [](Call& c) {
    place_only(c);
    return ones(c.shape(1, "size"), dtype_or(c, c.tensor(0).dtype()));
  });
  table.add("empty_like", [](Call& c) {
    place_only(c);
    return empty(c.tensor(0).shape(), dtype_or(c, c.tensor(0).dtype()));
  });
  table.add("new_empty", [](Call& c) {
    place_only(c);
    return empty(c.shape(1, "size"), dtype_or(c, c.tensor(0).dtype()));
  });
  table.add("new_full", [](Call& c) {
    place_only(c);
    return full(c.shape(1, "size"), c.number(2, "fill_value"), dtype_or(c, c.tensor(0).dtype()));
  });
}

void add_counting(Table& table) {
  table.add("arange", [](Call& c) {
    place_only(c);
    bool integers = true;
    for (int i = 0; i < 3; ++i) integers = integers && c.at(i, i == 1 ? "end" : "").kind != Value::Kind::number;
    const Dtype dtype = dtype_or(c, integers ? Dtype::int64 : Dtype::float32);
    if (c.count() == 1 && !c.has(-1, "end")) return arange(0, c.number(0, "end"), 1, dtype);
    return arange(c.number(0, "start"), c.number(1, "end"), c.number(2, "step", 1), dtype);
  });
  table.add("linspace linspace.tensor_overload", [](Call& c) {
    place_only(c);
    return linspace(c.number(0, "start"), c.number(1, "end"), c.integer(2, "steps"), dtype_or(c, Dtype::float32));
  });
  table.add("logspace logspace.tensor_overload", [](Call& c) {
    place_only(c);
    return logspace(c.number(0, "start"), c.number(1, "end"), c.integer(2, "steps"), c.number(3, "base", 10),
                    dtype_or(c, Dtype::float32));
  });
  table.add("eye", [](Call& c) {
    place_only(c);
    return eye(c.integer(0, "n"), c.integer(1, "m", -1), dtype_or(c, Dtype::float32));
  });
  table.add("tril_indices", [](Call& c) {
    place_only(c);
    (void)c.dtype();
    return tril_indices(c.integer(0, "row"), c.integer(1, "col"), c.integer(2, "offset", 0));
  });
  table.add("triu_indices", [](Call& c) {
    place_only(c);
    (void)c.dtype();
    return triu_indices(c.integer(0, "row"), c.integer(1, "col"), c.integer(2, "offset", 0));
  });
  table.add("meshgrid.variadic_tensors meshgrid.list_of_tensors",
            [](Call& c) { return meshgrid(c.rest_of_tensors(0), c.text(-1, "indexing", "ij") == "xy"); });
}

void add_random(Table& table) {
  table.add("randn", [](Call& c) {
    place_only(c);
    return randn(c.shape(0, "size"), 0, 1, dtype_or(c, Dtype::float32));
  });
  table.add("randn_like", [](Call& c) {
    place_only(c);
    return randn(c.tensor(0).shape(), 0, 1, dtype_or(c, c.tensor(0).dtype()));
  });
  table.add("rand_like", [](Call& c) {
    place_only(c);
    return rand(c.tensor(0).shape(), 0, 1, dtype_or(c, c.tensor(0).dtype()));
  });
  table.add("randint", [](Call& c) {
    place_only(c);
    const bool from_zero = c.count() == 2;
    return in_dtype(c, randint(from_zero ? 0 : c.integer(0, "low"), c.integer(from_zero ? 0 : 1, "high"),
                               c.shape(from_zero ? 1 : 2, "size")));
  });
  table.add("randint_like", [](Call& c) {
    place_only(c);
    const bool from_zero = c.count() == 2;
    const Tensor drawn =
        randint(from_zero ? 0 : c.integer(1, "low"), c.integer(from_zero ? 1 : 2, "high"), c.tensor(0).shape());
    return to(drawn, dtype_or(c, c.tensor(0).dtype()));
  });
  table.add("uniform", [](Call& c) {
    return rand(c.tensor(0).shape(), c.number(1, "from"), c.number(2, "to"), c.tensor(0).dtype());
  });
  table.add("normal.in_place", [](Call& c) {
    return randn(c.tensor(0).shape(), c.number(1, "mean"), c.number(2, "std"), c.tensor(0).dtype());
  });
  table.add("exponential",
            [](Call& c) { return exponential(c.tensor(0).shape(), c.number(1, "lambd"), c.tensor(0).dtype()); });
  table.add("bernoulli", [](Call& c) {
    place_only(c);
    return bernoulli(c.tensor(0));
  });
  table.add("multinomial", [](Call& c) {
    place_only(c);
    return multinomial(c.tensor(0), c.integer(1, "num_samples"), c.flag(2, "replacement", false));
  });
}

void add_casts(Table& table) {
  const std::pair<const char*, Dtype> names[] = {
      {"double", Dtype::float64},    {"float", Dtype::float32}, {"half", Dtype::float16},
      {"bfloat16", Dtype::bfloat16}, {"long", Dtype::int64},    {"int", Dtype::int32},
      {"char", Dtype::int8},         {"byte", Dtype::uint8},    {"bool", Dtype::boolean}};
  for (const auto& [name, dtype] : names)
    table.add(name, [dtype = dtype](Call& c) {
      place_only(c);
      return to(c.tensor(0), dtype);
    });
  table.add("to", [](Call& c) {
    place_only(c);
    const Tensor x = c.tensor(0);
    for (int i = 1; i < c.count(); ++i) (void)c.at(i);
    for (int i = 1; i < c.count(); ++i) {  // a device, a type or another tensor; then whether to wait and to copy
      if (c.at(i).kind == Value::Kind::dtype) return to(x, *c.dtype(i));
      if (c.at(i).kind == Value::Kind::tensor) return to(x, c.tensor(i).dtype());
    }
    return x;
  });
  table.add("item", [](Call& c) { return c.tensor(0).item(); });
}

}  // namespace

void add_creation(Table& table) {
  table.family("creation");
  add_constant(table);
  add_counting(table);
  add_random(table);
  add_casts(table);
}

}  // namespace joist::torchdb
