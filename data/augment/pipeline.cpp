#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/operation.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace joist {
namespace {

// Random numbers of an operation: by its name and how often that came before, beyond the calls of the Augmenter.
std::uint32_t call_of(const std::string& name, std::uint32_t occurrence) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return (hash + occurrence * 0x9E3779B9U) | 0x80000000U;
}

const AugmentOperation* find(const std::string& name) {
  for (const AugmentOperation& operation : augment_operations())
    if (name == operation.name) return &operation;
  return nullptr;
}

[[noreturn]] void refuse_name(const AugmentOp& op) {
  std::vector<std::string> names;
  for (const AugmentOperation& operation : augment_operations()) names.emplace_back(operation.name);
  const std::string near = nearest_name(op.op, names);
  throw UsageError(
      {.where = op.where.empty() ? "augmentation" : op.where,
       .what = "there is no operation \"" + op.op + "\"",
       .remedy = near.empty() ? "`joist data preview --operations` lists them" : "did you mean \"" + near + "\"?"});
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

void check_setting(const AugmentOperation& operation, const AugmentOp& op, const std::string& name, double value) {
  static const AugmentParameter probability{"p", 1, 0, 1, ""};
  const AugmentParameter* found = name == "p" ? &probability : nullptr;
  std::vector<std::string> names{"p"};
  for (const AugmentParameter& parameter : operation.parameters) {
    names.emplace_back(parameter.name);
    if (name == parameter.name) found = &parameter;
  }
  const std::string where = (op.where.empty() ? "augmentation" : op.where) + ": " + op.op;
  if (!found) {
    std::string listed;
    for (const std::string& one : names) listed += (listed.empty() ? "" : ", ") + one;
    throw UsageError({.where = where, .what = "has no setting \"" + name + "\"", .expected = listed});
  }
  if (value >= found->least && value <= found->most) return;  // false for NaN too
  throw UsageError({.where = where,
                    .what = name + " is " + number(value),
                    .expected = number(found->least) + " to " + number(found->most)});
}

void check_op(const AugmentOp& op, int depth) {
  const AugmentOperation* operation = find(op.op);
  if (!operation) refuse_name(op);
  for (const auto& [name, value] : op.settings) check_setting(*operation, op, name, value);
  const bool is_choice = operation->kind == AugmentOperation::Kind::choice;
  const std::string where = (op.where.empty() ? "augmentation" : op.where) + ": " + op.op;
  if (is_choice == op.of.empty()) {
    throw UsageError({.where = where,
                      .what = is_choice ? "has nothing to choose among" : "takes no operations below it",
                      .remedy = is_choice ? "of = [{op = \"rain\"}, {op = \"fog\"}]" : "leave \"of\" out"});
  }
  if (depth > 3) throw UsageError({.where = where, .what = "choices lie more than three deep"});
  for (const AugmentOp& below : op.of) {
    check_op(below, depth + 1);
    if (find(below.op)->kind == AugmentOperation::Kind::mix) {
      throw UsageError({.where = where,
                        .what = below.op + " cannot be one of several",
                        .remedy = "give it an entry of the list with a probability p"});
    }
  }
}

std::string settings_text(const AugmentOp& op) {
  std::string text;
  for (const auto& [name, value] : op.settings) text += ", " + name + " = " + number(value);
  return text;
}

std::string inline_text(const AugmentOp& op) {
  std::string text = "{op = \"" + op.op + "\"" + settings_text(op);
  for (std::size_t i = 0; i < op.of.size(); ++i) text += (i == 0 ? ", of = [" : ", ") + inline_text(op.of[i]);
  return text + (op.of.empty() ? "}" : "]}");
}

}  // namespace

AugmentSettings::AugmentSettings(const AugmentOperation& operation, const AugmentOp& op) : operation_(&operation) {
  for (const AugmentParameter& parameter : operation.parameters) {
    double value = parameter.value;
    for (const auto& [name, given] : op.settings)
      if (name == parameter.name) value = given;
    values_.push_back(value);
  }
}

double AugmentSettings::operator[](std::string_view name) const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (name == operation_->parameters[i].name) return values_[i];
  throw InternalError({.where = operation_->name, .what = "has no parameter " + std::string(name)});
}

const std::vector<AugmentOperation>& augment_operations() {
  static const std::vector<AugmentOperation> all = [] {
    std::vector<AugmentOperation> list;
    for (const auto& family :
         {geometry_operations(), crop_operations(), mixing_operations(), background_operations(),
          occlusion_operations(), colour_operations(), filter_operations(), weather_operations(), policy_operations()})
      list.insert(list.end(), family.begin(), family.end());
    return list;
  }();
  return all;
}

void check(const AugmentList& list) {
  for (const AugmentOp& op : list) check_op(op, 0);
}

std::string to_toml(const AugmentList& list) {
  std::string text;
  for (const AugmentOp& op : list) {
    text += (text.empty() ? "" : "\n") + std::string("[[augment]]\nop = \"") + op.op + "\"\n";
    for (const auto& [name, value] : op.settings) text += name + " = " + number(value) + "\n";
    for (std::size_t i = 0; i < op.of.size(); ++i) text += (i == 0 ? "of = [\n  " : ",\n  ") + inline_text(op.of[i]);
    if (!op.of.empty()) text += "\n]\n";
  }
  return text;
}

struct Pipeline::Impl {
  struct Step {
    const AugmentOperation* operation;
    AugmentSettings settings;
    double p;
    std::uint32_t call;
    std::vector<Step> of{};
    int most = 1;  // of a choice: how many of them
  };

  Impl(PipelineOptions given, int side) : options(std::move(given)), size(side) {
    check(options.list);
    if (size < 1) {
      throw UsageError(
          {.where = "augmentation", .what = "size " + std::to_string(size), .expected = "at least 1 pixel"});
    }
    std::vector<std::pair<std::string, std::uint32_t>> seen;
    for (const AugmentOp& op : options.list) steps.push_back(step_of(op, false, seen));
  }

  Step step_of(const AugmentOp& op, bool is_chosen, std::vector<std::pair<std::string, std::uint32_t>>& seen) {
    const AugmentOperation* operation = find(op.op);
    auto counter = std::find_if(seen.begin(), seen.end(), [&](const auto& one) { return one.first == op.op; });
    if (counter == seen.end()) counter = seen.insert(seen.end(), {op.op, 0});
    Step step{operation, AugmentSettings(*operation, op), is_chosen ? 1 : operation->p,
              call_of(op.op, counter->second++)};
    for (const auto& [name, value] : op.settings)
      if (name == "p") step.p = value;
    for (const AugmentOp& below : op.of) step.of.push_back(step_of(below, true, seen));
    if (operation->kind == AugmentOperation::Kind::choice)
      step.most = operation->parameters.empty() ? 1 : step.settings.whole("count");
    return step;
  }

  struct Call {
    const ExamplePool& pool;
    std::uint64_t seed;
    std::uint32_t epoch;
    std::size_t sample;
    std::uint32_t salt;  // of an "other" picture, so that it differs from its own turn in the epoch
    bool is_other = false;
  };

  void load(Example& example, const Call& call) {
    const auto loaded = call.pool.load(call.sample, example.boxes);
    example.picture = *loaded;
    example.shapes = call.pool.shapes(call.sample);
  }

  void run(const Step& step, Example& example, Example& spare, const Call& call, std::size_t before) {
    if (call.is_other && step.operation->kind == AugmentOperation::Kind::mix) return;
    Random random(
        {call.seed, Stream::augment, call.epoch, static_cast<std::uint32_t>(call.sample), step.call ^ call.salt});
    if (!random.chance(static_cast<float>(step.p))) return;
    if (step.operation->kind == AugmentOperation::Kind::choice) {
      std::vector<std::size_t> order(step.of.size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
      const std::size_t count = std::min(order.size(), static_cast<std::size_t>(step.most));
      for (std::size_t i = 0; i < count; ++i) {
        std::swap(order[i], order[i + random.below(order.size() - i)]);
        run(step.of[order[i]], example, spare, call, before);
      }
      return;
    }
    AugmentScene scene{.example = example,
                       .spare = spare,
                       .random = random,
                       .pool = call.pool,
                       .size = size,
                       .sample = call.sample,
                       .keep = options.keep,
                       .mirrored_keypoints = options.mirrored_keypoints,
                       .backgrounds = options.backgrounds,
                       .other = [&]() -> const Example& {
                         const Call next{call.pool,      call.seed, call.epoch, random.below(call.pool.size()),
                                         step.call | 1U, true};
                         load(second, next);
                         for (std::size_t i = 0; i < before; ++i) run(steps[i], second, second_spare, next, i);
                         fit_to_square(second, size, second_spare);
                         return second;
                       }};
    step.operation->apply(scene, step.settings);
  }

  void run_all(Example& example, const Call& call) {
    for (std::size_t i = 0; i < steps.size(); ++i) run(steps[i], example, first_spare, call, i);
  }

  PipelineOptions options;
  int size;
  std::vector<Step> steps{};
  Example first{}, first_spare{}, second{}, second_spare{};
};

Pipeline::Pipeline(PipelineOptions options, int size) : impl_(std::make_unique<Impl>(std::move(options), size)) {}
Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

const Example& Pipeline::operator()(const ExamplePool& pool, std::uint64_t seed, std::uint32_t epoch,
                                    std::size_t sample) {
  const Impl::Call call{pool, seed, epoch, sample, 0};
  impl_->load(impl_->first, call);
  impl_->run_all(impl_->first, call);
  fit_to_square(impl_->first, impl_->size, impl_->first_spare);
  return impl_->first;
}

void Pipeline::apply(Example& example, const ExamplePool& pool, std::uint64_t seed, std::uint32_t epoch,
                     std::size_t sample) {
  impl_->run_all(example, {pool, seed, epoch, sample, 0});
}

}  // namespace joist
