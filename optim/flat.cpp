#include <joist/core/kernels.h>
#include <joist/core/tensor_state.h>
#include <joist/core/transfer.h>
#include <joist/optim/flat.h>

#include <algorithm>

namespace joist {
namespace {

constexpr std::int64_t alignment = 64;  // bytes: a cache line, and the widest register

/// What goes into one group, before there is a buffer.
struct Collected {
  ParameterGroup group;
  std::vector<const Field*> fields;
};

void require_same_kind(const Field& field, const Field& first) {
  const Tensor& a = field.tensor;
  const Tensor& b = first.tensor;
  if (a.dtype() != b.dtype())
    throw DtypeError(
        {.where = field.name,
         .what = std::string(name_of(a.dtype())) + " beside " + std::string(name_of(b.dtype())) + " of " + first.name,
         .expected = "one dtype for all trainable parameters"});
  if (a.device() != b.device())
    throw InternalError({.where = field.name,
                         .what = "on " + a.device().text() + ", " + first.name + " on " + b.device().text(),
                         .expected = "all parameters on one device"});
}

std::vector<Collected> collect(std::span<const Field> fields, const Grouping& grouping) {
  std::vector<Collected> groups;
  std::vector<const TensorState*> seen;
  const Field* first = nullptr;
  for (const Field& field : fields) {
    if (!field.trainable || !field.tensor.requires_grad()) continue;
    if (std::find(seen.begin(), seen.end(), field.tensor.state()) != seen.end()) continue;
    seen.push_back(field.tensor.state());
    if (!first) first = &field;
    require_same_kind(field, *first);
    ParameterGroup group = grouping(field);
    auto place =
        std::find_if(groups.begin(), groups.end(), [&](const Collected& c) { return c.group.name == group.name; });
    if (place == groups.end()) place = groups.insert(groups.end(), {std::move(group), {}});
    place->fields.push_back(&field);
  }
  if (groups.empty())
    throw UsageError({.where = "optimizer",
                      .what = "the model has no trainable parameter",
                      .remedy = "declare weights as Parameter, and freeze fewer of them"});
  return groups;
}

}  // namespace

ParameterGroup by_kind(const Field& field) {
  const std::string_view last = std::string_view(field.name).substr(field.name.rfind('.') + 1);  // npos + 1 is 0
  if (last == "bias") return {"bias", false};
  if (field.tensor.rank() <= 1) return {"norm", false};
  return {"weight", true};
}

ParameterGroup together(const Field&) { return {"all", true}; }

FlatParameters::FlatParameters(std::span<const Field> fields, const Grouping& grouping) {
  const std::vector<Collected> collected = collect(fields, grouping);
  const Tensor& any = collected.front().fields.front()->tensor;
  const std::int64_t step = alignment / static_cast<std::int64_t>(size_of(any.dtype()));

  std::int64_t next = 0;
  for (const Collected& one : collected) {
    groups_.push_back(
        {.name = one.group.name, .decay = one.group.decay, .to_start = one.group.to_start, .first = next});
    for (const Field* field : one.fields) {
      const std::int64_t elements = field->tensor.value().elements();
      slices_.push_back({field->name, field->tensor, next, elements});
      count_ += elements;
      next += (elements + step - 1) / step * step;
    }
  }

  const auto& table = kernels(any.value());
  values_ = Array::empty({next}, any.dtype(), any.device());
  gradients_ = Array::empty({next}, any.dtype(), any.device());
  table.elementwise.fill(0, values_);
  table.elementwise.fill(0, gradients_);
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const std::int64_t end = i + 1 < groups_.size() ? groups_[i + 1].first : next;
    groups_[i].values = values_.sliced(0, groups_[i].first, end);
    groups_[i].gradients = gradients_.sliced(0, groups_[i].first, end);
  }
  for (const Slice& slice : slices_) {
    const Array place = part(values_, slice);
    table.elementwise.copy(slice.tensor.value(), {place, false});
    // The gradient's place first: part() reads the strides of the value, which stay the same.
    slice.tensor.place_gradient(part(gradients_, slice));
    slice.tensor.place_value(place);
  }
}

FlatParameters::FlatParameters(const FlatParameters& whole, std::int64_t first, std::int64_t last)
    : values_(whole.values_.sliced(0, first, last)), gradients_(whole.gradients_.sliced(0, first, last)) {
  const auto within = [&](std::int64_t element) { return std::clamp(element, first, last) - first; };
  for (const Group& group : whole.groups_) {
    const std::int64_t begin = within(group.first), end = within(group.first + group.values.elements());
    groups_.push_back({.name = group.name,
                       .decay = group.decay,
                       .to_start = group.to_start,
                       .values = values_.sliced(0, begin, end),
                       .gradients = gradients_.sliced(0, begin, end),
                       .first = begin});
  }
  for (const Slice& slice : whole.slices_) {
    const std::int64_t begin = within(slice.first), end = within(slice.first + slice.elements);
    if (begin == end) continue;
    const Tensor piece(values_.sliced(0, begin, end), true);
    piece.place_gradient(gradients_.sliced(0, begin, end));
    slices_.push_back({slice.name, piece, begin, end - begin});
    count_ += end - begin;
  }
}

bool FlatParameters::holds(const Tensor& tensor) const noexcept {
  return std::any_of(slices_.begin(), slices_.end(),
                     [&](const Slice& slice) { return slice.tensor.state() == tensor.state(); });
}

Array FlatParameters::part(const Array& buffer, const Slice& slice) const {
  const Array& value = slice.tensor.value();
  return buffer.strided(value.shape(), value.is_dense() ? value.strides() : row_major(value.shape()), slice.first);
}

Array FlatParameters::zeros() const {
  Array buffer = Array::like(values_);
  kernels(buffer).elementwise.fill(0, buffer);
  return buffer;
}

std::vector<NamedState> FlatParameters::parts(const Array& buffer, const std::string& prefix) const {
  std::vector<NamedState> named;
  for (const Slice& slice : slices_) named.push_back({prefix + slice.name, part(buffer, slice)});
  return named;
}

void FlatParameters::assign_parts(const Array& buffer, const std::string& prefix,
                                  std::span<const NamedState> from) const {
  std::vector<const Array*> sources;
  for (const Slice& slice : slices_) {
    const std::string name = prefix + slice.name;
    const auto found =
        std::find_if(from.begin(), from.end(), [&](const NamedState& state) { return state.name == name; });
    if (found == from.end())
      throw DataError(
          {.where = name, .what = "missing from the optimizer's state", .expected = slice.tensor.shape().text()});
    if (found->array.shape() != slice.tensor.shape())
      throw DataError(
          {.where = name, .what = "shape " + found->array.shape().text(), .expected = slice.tensor.shape().text()});
    sources.push_back(&found->array);
  }
  const auto& copy = kernels(buffer).elementwise.copy;
  for (std::size_t i = 0; i < slices_.size(); ++i)
    copy(on_device(*sources[i], buffer.device()), {part(buffer, slices_[i]), false});
}

void FlatParameters::complete_gradients() {
  const auto& fill = kernels(gradients_).elementwise.fill;
  for (const Slice& slice : slices_)
    if (!slice.tensor.gradient().defined()) fill(0, part(gradients_, slice));
}

void FlatParameters::gradients_written() const {
  for (const Slice& slice : slices_) slice.tensor.shared_state()->has_gradient = true;
}

void FlatParameters::clear_gradients() {
  for (const Slice& slice : slices_) slice.tensor.clear_gradient();
}

}  // namespace joist
