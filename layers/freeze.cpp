#include <joist/core/text.h>
#include <joist/layers/freeze.h>

#include <set>

namespace joist {
namespace {

// From position i of the pattern and j of the name; braces are gone.
bool fits(std::string_view pattern, std::string_view name) {
  std::size_t i = 0, j = 0;
  std::size_t star = std::string_view::npos, from = 0, next = 0;  // the last star: where to go on, and its reach
  bool dots = false;
  std::size_t wide = std::string_view::npos,
              wide_from = 0;  // the last `**`, which a later `*` may have to fall back to
  while (true) {
    if (i < pattern.size() && pattern[i] == '*') {
      const bool both = i + 1 < pattern.size() && pattern[i + 1] == '*';
      next = i + (both ? 2 : 1);
      star = i, from = j, dots = both;
      if (both) wide = next, wide_from = j;
      i = next;
      continue;
    }
    if (i == pattern.size() && j == name.size()) return true;
    if (i < pattern.size() && j < name.size() && (pattern[i] == name[j] || (pattern[i] == '?' && name[j] != '.'))) {
      ++i, ++j;
      continue;
    }
    if (star != std::string_view::npos && from < name.size() && (dots || name[from] != '.')) {
      j = ++from, i = next;
      if (dots) wide_from = from;
      continue;
    }
    if (wide != std::string_view::npos && wide_from < name.size()) {
      j = ++wide_from, i = next = wide;
      star = wide, from = j, dots = true;
      continue;
    }
    return false;
  }
}

std::vector<std::string> set_wanted(const char* where, const std::vector<Field>& fields, std::string_view pattern,
                                    bool wanted) {
  std::vector<std::string> found = parts_named(where, fields, pattern);
  for (const Field& field : fields)
    if (field.trainable && names_part(pattern, field.name)) field.tensor.set_requires_grad(wanted);
  return found;
}

// The parameter or layer that a name was meant to be.
std::string nearest_part(std::span<const Field> fields, std::string_view pattern) {
  std::set<std::string> names;
  for (const Field& field : fields)
    for (std::size_t end = field.name.size(); field.trainable && end != field.name.npos && end > 0;
         end = field.name.rfind('.', end - 1))
      names.insert(field.name.substr(0, end));
  return nearest_name(std::string(pattern), {names.begin(), names.end()});
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t open = pattern.find('{');
  const std::size_t close = open == std::string_view::npos ? open : pattern.find('}', open);
  if (close == std::string_view::npos) return fits(pattern, name);
  std::string_view choices = pattern.substr(open + 1, close - open - 1);
  while (true) {
    const std::size_t comma = choices.find(',');
    const std::string one = std::string(pattern.substr(0, open)) + std::string(choices.substr(0, comma)) +
                            std::string(pattern.substr(close + 1));
    if (matches(one, name)) return true;
    if (comma == std::string_view::npos) return false;
    choices.remove_prefix(comma + 1);
  }
}

bool names_part(std::string_view pattern, std::string_view name) {
  return matches(pattern, name) || matches(std::string(pattern) + ".**", name);
}

std::vector<std::string> parts_named(const std::string& where, std::span<const Field> fields,
                                     std::string_view pattern) {
  std::vector<std::string> found;
  std::string known;
  for (const Field& field : fields) {
    if (!field.trainable) continue;
    known += (known.empty() ? "" : ", ") + field.name;
    if (names_part(pattern, field.name)) found.push_back(field.name);
  }
  if (!found.empty()) return found;
  if (known.size() > 400) known = known.substr(0, 400) + " …";
  const std::string near = nearest_part(fields, pattern);
  throw UsageError({.where = where,
                    .what = "no parameter fits \"" + std::string(pattern) + "\"",
                    .expected = "a pattern for " + known,
                    .remedy = (near.empty() ? "" : "did you mean \"" + near + "\"? ") +
                              std::string("* stands for any characters but dots, ** for any")});
}

std::vector<std::string> freeze(const std::vector<Field>& fields, std::string_view pattern) {
  return set_wanted("freeze", fields, pattern, false);
}
std::vector<std::string> unfreeze(const std::vector<Field>& fields, std::string_view pattern) {
  return set_wanted("unfreeze", fields, pattern, true);
}

}  // namespace joist
