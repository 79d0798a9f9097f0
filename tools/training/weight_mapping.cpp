#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/core/transfer.h>
#include <joist/layers/freeze.h>
#include <joist/tools/training/weight_mapping.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace joist {
namespace {

// What each star of a pattern matched; nothing when the name does not fit. Tries the shortest runs first.
bool capture(std::string_view pattern, std::string_view name, std::vector<std::string>& stars) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] != '*')
    return !name.empty() && pattern[0] == name[0] && capture(pattern.substr(1), name.substr(1), stars);
  const bool deep = pattern.starts_with("**");
  const std::string_view rest = pattern.substr(deep ? 2 : 1);
  for (std::size_t length = 0; length <= name.size(); ++length) {
    if (length > 0 && !deep && name[length - 1] == '.') return false;
    stars.emplace_back(name.substr(0, length));
    if (capture(rest, name.substr(length), stars)) return true;
    stars.pop_back();
  }
  return false;
}

struct Rule {
  std::string from, to;
};

std::vector<Rule> parse(const std::vector<std::string>& texts) {
  std::vector<Rule> rules;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos || equals == 0)
      throw UsageError({.where = "--map", .what = "\"" + text + "\"", .expected = "FROM=TO, such as backbone.**=**"});
    rules.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return rules;
}

std::string renamed(const std::string& name, const std::vector<Rule>& rules) {
  for (const auto& [from, to] : rules) {
    std::vector<std::string> stars;
    if (!capture(from, name, stars)) continue;
    std::string result;
    std::size_t star = 0;
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] != '*') {
        result += to[i];
        continue;
      }
      if (star < stars.size()) result += stars[star++];
      if (to.substr(i).starts_with("**")) ++i;
    }
    return result;
  }
  return name;
}

// What stands before the names: the beginning, up to a dot or slash, without which most names are the model's.
std::string common_beginning(const std::vector<std::string>& names, const std::set<std::string>& wanted) {
  std::map<std::string, int> counts;
  for (const std::string& name : names)
    for (std::size_t end = 0; end != name.npos;) {
      if (wanted.contains(name.substr(end))) ++counts[name.substr(0, end)];
      const std::size_t next = name.find_first_of("./", end);
      end = next == name.npos ? next : next + 1;
    }
  const auto best = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second < b.second : a.first.size() > b.first.size();
  });
  return best == counts.end() ? std::string() : best->first;
}

std::string role(const std::string& name) { return name.substr(name.find_last_of("./") + 1); }

std::string kind_of(const Shape& shape, const std::string& name) {
  const std::string last = role(name);
  const bool statistics = last == "running_mean" || last == "running_var";
  return shape.text() + (statistics ? last : last == "bias" ? "bias" : "");
}

bool any_matches(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return names_part(pattern, name); });
}

bool fits(const Field& field, const StoredArray& array) {
  const Dtype dtype = field.tensor.dtype();
  return array.shape == field.tensor.shape() &&
         (array.dtype == dtype || (is_floating(dtype) && is_floating(array.dtype)));
}

bool differs_in_classes(const Field& field, const StoredArray& array) {
  const Shape& own = field.tensor.shape();
  return own.rank() >= 1 && own.rank() == array.shape.rank() && own[0] != array.shape[0] &&
         own.without(0) == array.shape.without(0);
}

// A head has one number of classes: anything else of another length is another model.
bool same_classes(const Field& field, const StoredArray& array,
                  std::optional<std::pair<std::int64_t, std::int64_t>>& classes) {
  const std::pair seen(field.tensor.shape(0), array.shape[0]);
  if (!classes) classes = seen;
  return *classes == seen;
}

}  // namespace

WeightMapping map_weights(std::span<const Field> fields, const StoredArchive& stored, const MappingOptions& options) {
  const std::vector<Rule> rules = parse(options.rules);
  std::vector<std::string> names;
  for (const StoredArray& array : stored.arrays) names.push_back(renamed(array.name, rules));
  std::set<std::string> wanted;
  for (const Field& field : fields) wanted.insert(field.name);
  const std::string beginning = common_beginning(names, wanted);

  WeightMapping mapping;
  std::map<std::string, std::size_t> offered;
  std::vector<bool> left_out(names.size(), false);
  for (std::size_t i = 0; i < names.size(); ++i) {
    left_out[i] = names[i].empty() || !names[i].starts_with(beginning);
    if (!left_out[i]) offered.emplace(names[i].substr(beginning.size()), i);
  }
  // Beside the weights, a training checkpoint holds its optimizer's state. It is left out, but only where the weights
  // stand in a group of their own.
  if (beginning.find('/') == beginning.npos)
    for (std::size_t i = 0; i < names.size(); ++i) left_out[i] = names[i].empty();

  std::vector<bool> taken(names.size(), false);
  std::optional<std::pair<std::int64_t, std::int64_t>> classes;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields[i];
    const auto found = offered.find(field.name);
    if (found != offered.end()) taken[found->second] = true;
    if (any_matches(options.fresh, field.name)) {
      mapping.fresh.push_back(field.name);
    } else if (found == offered.end()) {
      open.push_back(i);
    } else if (const StoredArray& array = stored.arrays[found->second]; fits(field, array)) {
      mapping.pairs.push_back({found->second, i});
    } else if (options.fresh_head && differs_in_classes(field, array) && same_classes(field, array, classes)) {
      mapping.fresh.push_back(field.name);
      mapping.head.push_back(field.name);
    } else {
      mapping.misshaped.push_back(fmt::format("{} {} {} (model: {} {})", field.name, name_of(array.dtype),
                                              array.shape.text(), name_of(field.tensor.dtype()),
                                              field.tensor.shape().text()));
    }
  }
  // By shape, in order, where there are as many of a shape on both sides.
  std::map<std::string, std::vector<std::size_t>> arrays_of, fields_of_kind;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!taken[i] && !left_out[i] && !names[i].ends_with("num_batches_tracked"))
      arrays_of[kind_of(stored.arrays[i].shape, names[i])].push_back(i);
  for (const std::size_t i : open) fields_of_kind[kind_of(fields[i].tensor.shape(), fields[i].name)].push_back(i);
  std::set<std::size_t> told;
  for (const auto& [kind, those] : fields_of_kind) {
    const auto found = arrays_of.find(kind);
    if (found == arrays_of.end() || found->second.size() != those.size()) continue;
    for (std::size_t i = 0; i < those.size(); ++i)
      if (fits(fields[those[i]], stored.arrays[found->second[i]])) {
        mapping.by_shape.push_back({found->second[i], those[i]});
        if (!options.by_shape) continue;
        mapping.pairs.push_back(mapping.by_shape.back());
        told.insert(those[i]);
        taken[found->second[i]] = true;
      }
  }
  for (const std::size_t i : open)
    if (!told.contains(i)) mapping.missing.push_back(fields[i].name);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!taken[i] && !left_out[i] && !names[i].ends_with("num_batches_tracked"))
      mapping.unexpected.push_back(stored.arrays[i].name);
  std::sort(mapping.by_shape.begin(), mapping.by_shape.end(),
            [](const auto& a, const auto& b) { return a.field < b.field; });
  return mapping;
}

std::vector<std::string> load_mapped(std::span<const Field> fields, const StoredArchive& stored,
                                     const MappingOptions& options, const std::string& where) {
  const WeightMapping mapping = map_weights(fields, stored, options);
  const auto proposal = [&] {
    std::string text;
    for (const auto& pair : mapping.by_shape)
      text += fmt::format("\n    {} -> {} {}", stored.arrays[pair.array].name, fields[pair.field].name,
                          fields[pair.field].tensor.shape().text());
    return text;
  };
  if (!mapping.complete()) {
    std::string what = fmt::format(
        "the weights are not those of this model: {} fit, {} missing, {} unexpected, {} of "
        "another shape",
        mapping.pairs.size(), mapping.missing.size(), mapping.unexpected.size(), mapping.misshaped.size());
    if (!mapping.missing.empty()) what += fmt::format("\n  missing: {}", fmt::join(mapping.missing, ", "));
    if (!mapping.unexpected.empty()) what += fmt::format("\n  unexpected: {}", fmt::join(mapping.unexpected, ", "));
    if (!mapping.misshaped.empty()) what += fmt::format("\n  other shape: {}", fmt::join(mapping.misshaped, ", "));
    if (!options.by_shape && !mapping.by_shape.empty())
      what += "\n  by shape and order these would go together:" + proposal();
    throw DataError({.where = where,
                     .what = what,
                     .remedy = "--map FROM=TO renames, --map FROM= leaves out, --map shape takes what the shapes tell, "
                               "--fresh PATTERN starts those parts anew"});
  }
  std::vector<std::pair<std::size_t, Array>> arrays;  // all are read before the first is written
  std::map<std::string, Array> loaded;
  for (const auto& pair : mapping.pairs) {
    const StoredArray& stored_array = stored.arrays[pair.array];
    Array& array = loaded[stored_array.tied_to.empty() ? stored_array.name : stored_array.tied_to];
    if (!array.defined()) array = stored_array.load();
    arrays.emplace_back(pair.field, array);
  }
  for (const auto& [field, array] : arrays) {
    const Array& to = fields[field].tensor.value();
    kernels(to).elementwise.copy(on_device(array, to.device()), {to, false});  // converts the type too
    to.bump_version();
  }
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{}: {} of {} arrays taken", where, mapping.pairs.size(), stored.arrays.size()));
  if (!mapping.head.empty())
    lines.push_back(fmt::format("other classes: begun anew: {}", fmt::join(mapping.head, ", ")));
  if (mapping.fresh.size() > mapping.head.size())
    lines.push_back(fmt::format("{} fields begun anew as asked", mapping.fresh.size() - mapping.head.size()));
  if (options.by_shape && !mapping.by_shape.empty()) lines.push_back("taken by shape and order:" + proposal());
  return lines;
}

}  // namespace joist
