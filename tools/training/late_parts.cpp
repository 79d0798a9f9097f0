#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/layers/freeze.h>
#include <joist/tools/training/late_parts.h>

#include <algorithm>

#include <fmt/format.h>

namespace joist {
namespace {

std::string layer_of(const std::string& name) { return name.substr(0, name.rfind('.') + 1); }

}  // namespace

std::vector<Field> buffers_beside(std::span<const Field> fields, const std::vector<std::string>& parameters) {
  std::vector<Field> buffers;
  for (const Field& field : fields)
    if (!field.trainable && std::any_of(parameters.begin(), parameters.end(), [&](const std::string& name) {
          return layer_of(name) == layer_of(field.name);
        }))
      buffers.push_back(field);
  return buffers;
}

LateParts::LateParts(const std::string& unfreeze, std::span<const Field> fields) {
  const std::vector<PartNumber> parts = part_numbers(unfreeze, "--unfreeze", 1, "PATTERN=SHARE");
  for (const PartNumber& part : parts) {
    std::vector<std::string> names = parts_named("--unfreeze", fields, part.pattern);
    // The first pattern that fits decides.
    std::erase_if(names, [&](const std::string& name) { return number_of(parts, name) != &part; });
    Stage stage{.pattern = part.pattern, .share = part.number, .buffers = buffers_beside(fields, names)};
    for (const Field& field : fields)
      if (std::find(names.begin(), names.end(), field.name) != names.end()) {
        field.tensor.set_requires_grad(true);
        stage.parameters.push_back(field.tensor);
      }
    stages_.push_back(std::move(stage));
  }
}

bool LateParts::holds(const Field& field) const {
  return std::any_of(stages_.begin(), stages_.end(), [&](const Stage& stage) {
    return std::any_of(stage.parameters.begin(), stage.parameters.end(),
                       [&](const Tensor& tensor) { return tensor.state() == field.tensor.state(); }) ||
           std::any_of(stage.buffers.begin(), stage.buffers.end(),
                       [&](const Field& buffer) { return buffer.name == field.name; });
  });
}

void LateParts::set(Stage& stage, std::int64_t since, Optimizer& optimizer) {
  stage.since = since;
  for (const Tensor& parameter : stage.parameters) parameter.set_requires_grad(!stage.waits());
  for (GroupSettings& group : optimizer.groups())
    if (group.name.find(" from ") != group.name.npos && share_of(group.name) == stage.share) group.since = since;
}

void LateParts::hold(Optimizer& optimizer) {
  if (empty()) return;
  if (!optimizer.joins_late())
    throw UsageError({.where = "--unfreeze",
                      .what = "the optimizer " + optimizer.kind() + " knows no parts that begin later than others",
                      .expected = "one that updates every number by its own gradient",
                      .remedy = "--optimizer adamw or sgd"});
  for (Stage& stage : stages_) set(stage, GroupSettings::never, optimizer);
  const std::vector<FlatParameters::Slice>& slices = optimizer.parameters().slices();
  if (std::none_of(slices.begin(), slices.end(),
                   [](const FlatParameters::Slice& slice) { return slice.tensor.requires_grad(); }) &&
      std::none_of(stages_.begin(), stages_.end(), [](const Stage& stage) { return stage.share == 0; }))
    throw UsageError({.where = "--unfreeze",
                      .what = "nothing learns at the beginning of the run",
                      .expected = "some of the model that is neither frozen nor waits, such as the head"});
}

std::vector<std::string> LateParts::begin(double progress, Optimizer& optimizer) {
  std::vector<std::string> lines;
  for (Stage& stage : stages_) {
    if (!stage.waits() || progress < stage.share) continue;
    set(stage, optimizer.steps(), optimizer);
    lines.push_back(fmt::format("{} learns from here on", stage.pattern));
  }
  return lines;
}

void LateParts::keep_buffers() {
  for (Stage& stage : stages_) {
    stage.kept.clear();
    for (const Field& field : stage.buffers) stage.kept.push_back(copy_of(field.tensor.value()));
  }
}

void LateParts::restore_buffers() {
  for (const Stage& stage : stages_)
    for (std::size_t i = 0; stage.waits() && i < stage.kept.size(); ++i)
      kernels(stage.kept[i]).elementwise.copy(stage.kept[i], {stage.buffers[i].tensor.value(), false});
}

std::vector<std::int64_t> LateParts::state() const {
  std::vector<std::int64_t> state;
  for (const Stage& stage : stages_) state.push_back(stage.waits() ? -1 : stage.since);
  return state;
}

void LateParts::load(const std::vector<std::int64_t>& state, Optimizer& optimizer) {
  if (state.size() != stages_.size())
    throw DataError({.where = "--unfreeze",
                     .what = fmt::format("the checkpoint knows of {} parts that begin late", state.size()),
                     .expected = fmt::format("{}", stages_.size())});
  for (std::size_t i = 0; i < state.size(); ++i)
    set(stages_[i], state[i] < 0 ? GroupSettings::never : state[i], optimizer);
}

}  // namespace joist
