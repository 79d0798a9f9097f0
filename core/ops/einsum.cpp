// einsum: operands are joined from left to right. For two operands every label is one of four kinds: kept in both
// (batch), kept in one (rows, columns), summed over both (depth). One batched matrix product does them all.
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

namespace joist {
namespace {

// Letters are labels; the axes of an ellipsis are labelled 0, 1, … counted from the last one.
using Label = char;
using Labels = std::string;
bool is_ellipsis(Label label) { return label < static_cast<Label>(Shape::max_rank); }

struct Term {
  Tensor x{};
  Labels labels{};  // one per axis, all different
};

[[noreturn]] void refuse(std::string_view equation, const std::string& what, const std::string& expected) {
  throw UsageError({.where = "einsum", .what = what + " in \"" + std::string(equation) + "\"", .expected = expected});
}

std::string without_spaces(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c != ' ') result += c;
  return result;
}

// The labels of one operand; its ellipsis stands for `hidden` axes.
Labels labels_of(std::string_view equation, std::string_view text, int hidden) {
  Labels labels;
  bool seen = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(text[i])) != 0) {
      labels += text[i];
    } else if (text.substr(i, 3) == "..." && !std::exchange(seen, true)) {
      for (int axis = hidden - 1; axis >= 0; --axis) labels += static_cast<Label>(axis);
      i += 2;
    } else {
      refuse(equation, std::string("the character '") + text[i] + "'", "letters and at most one \"...\" per operand");
    }
  }
  return labels;
}

int letters_in(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return std::isalpha(c) != 0; }));
}

// Repeated labels become the diagonal of their axes.
Term with_diagonals(std::string_view equation, Term term) {
  for (std::size_t i = 0; i < term.labels.size(); ++i) {
    std::size_t j = 0;
    while ((j = term.labels.find(term.labels[i], i + 1)) != Labels::npos) {
      const int first = static_cast<int>(i), second = static_cast<int>(j);
      if (term.x.shape(first) != term.x.shape(second))
        refuse(equation,
               std::string("the label '") + term.labels[i] + "' for lengths " + std::to_string(term.x.shape(first)) +
                   " and " + std::to_string(term.x.shape(second)) + " of operand " + term.x.shape().text(),
               "equal lengths");
      term.x = movedim(diagonal(term.x, 0, first, second), -1, first);
      term.labels.erase(j, 1);
    }
  }
  return term;
}

// Sums over the axes whose labels nobody wants any more.
Term summed(Term term, const Labels& wanted) {
  std::vector<int> axes;
  Labels left;
  for (std::size_t i = 0; i < term.labels.size(); ++i) {
    if (wanted.find(term.labels[i]) == Labels::npos) {
      axes.push_back(static_cast<int>(i));
    } else {
      left += term.labels[i];
    }
  }
  return axes.empty() ? term : Term{sum(term.x, axes), left};
}

// The term with its axes in the order of `order`; labels that it has not got become axes of length 1.
Tensor arranged(const Term& term, const Labels& order) {
  std::vector<int> axes;
  Labels missing;
  for (const Label label : order) {
    const std::size_t at = term.labels.find(label);
    if (at != Labels::npos) axes.push_back(static_cast<int>(at));
  }
  Tensor x = permute(term.x, axes);
  for (std::size_t i = 0; i < order.size(); ++i)
    if (term.labels.find(order[i]) == Labels::npos) x = unsqueeze(x, static_cast<int>(i));
  return x;
}

Term joined(Term a, Term b, const Labels& wanted) {
  a = summed(a, wanted + b.labels);
  b = summed(b, wanted + a.labels);
  Labels batch, rows, depth, columns;
  const auto length = [](const Term& term, Label label) {
    return term.x.shape(static_cast<int>(term.labels.find(label)));
  };
  // A length of 1 broadcasts, so such axes are no part of a sum over both.
  for (Labels::size_type i = 0; i < a.labels.size();) {
    const Label label = a.labels[i];
    const bool shared = b.labels.find(label) != Labels::npos, kept = wanted.find(label) != Labels::npos;
    if (shared && !kept && length(a, label) != length(b, label)) {
      Term& one = length(a, label) == 1 ? a : b;
      Term& other = length(a, label) == 1 ? b : a;
      one = {squeeze(one.x, static_cast<int>(one.labels.find(label))),
             Labels(one.labels).erase(one.labels.find(label), 1)};
      other = {sum(other.x, static_cast<int>(other.labels.find(label))),
               Labels(other.labels).erase(other.labels.find(label), 1)};
      continue;
    }
    (shared ? kept ? batch : depth : rows) += label;
    ++i;
  }
  for (const Label label : b.labels)
    if (a.labels.find(label) == Labels::npos) columns += label;

  std::vector<std::int64_t> lengths;
  std::int64_t row_count = 1, depth_count = 1, column_count = 1;
  Shape batch_a = Shape::filled(static_cast<int>(batch.size()), 1), batch_b = batch_a;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch_a[static_cast<int>(i)] = length(a, batch[i]);
    batch_b[static_cast<int>(i)] = length(b, batch[i]);
  }
  for (const Label label : rows) row_count *= length(a, label);
  for (const Label label : depth) depth_count *= length(a, label);
  for (const Label label : columns) column_count *= length(b, label);
  const Shape both = broadcast(batch_a, batch_b, "einsum");
  lengths.assign(both.begin(), both.end());
  for (const Label label : rows) lengths.push_back(length(a, label));
  for (const Label label : columns) lengths.push_back(length(b, label));

  const auto matrices = [&](const Tensor& x, const Shape& own, std::int64_t m, std::int64_t n) {
    // The batch as one axis.
    std::vector<std::int64_t> whole(both.begin(), both.end());
    for (int axis = own.rank(); axis < x.rank(); ++axis) whole.push_back(x.shape(axis));
    return reshape(own == both ? x : expand(x, Shape(whole)), {both.elements(), m, n});
  };
  const Tensor left = matrices(arranged(a, batch + rows + depth), batch_a, row_count, depth_count);
  const Tensor right = matrices(arranged(b, batch + depth + columns), batch_b, depth_count, column_count);
  const Tensor y = depth.empty() ? left * right : matmul(left, right);
  return {reshape(y, Shape(lengths)), batch + rows + columns};
}

}  // namespace

Tensor einsum(std::string_view given, std::span<const Tensor> operands) {
  const std::string equation = without_spaces(given);
  const std::size_t arrow = equation.find("->");
  const std::string_view inputs = std::string_view(equation).substr(0, arrow);
  std::vector<Term> terms;
  std::map<Label, std::int64_t> lengths;
  std::map<Label, int> times;
  std::size_t begin = 0;
  int hidden_axes = 0;
  for (std::size_t i = 0;; ++i) {
    const std::size_t end = std::min(inputs.find(',', begin), inputs.size());
    const std::string_view text = inputs.substr(begin, end - begin);
    if (i >= operands.size())
      refuse(given, "more operands named than the " + std::to_string(operands.size()) + " given", "one term each");
    const bool dots = text.find("...") != std::string_view::npos;
    const int hidden = operands[i].rank() - letters_in(text);
    if (hidden < 0 || (hidden > 0 && !dots))
      refuse(given, "\"" + std::string(text) + "\" for operand " + operands[i].shape().text(),
             "a letter for each of its axes, or \"...\"");
    if (dots) hidden_axes = std::max(hidden_axes, hidden);
    Term term{operands[i], labels_of(given, text, hidden)};
    for (const Label label : term.labels) ++times[label];
    term = with_diagonals(given, term);
    for (std::size_t k = 0; k < term.labels.size(); ++k) {
      std::int64_t& length = lengths.try_emplace(term.labels[k], 1).first->second;
      const std::int64_t own = term.x.shape(static_cast<int>(k));
      if (own != length && own != 1 && length != 1) {
        const bool dotted = is_ellipsis(term.labels[k]);
        throw ShapeError(
            {.where = "einsum",
             .what = (dotted ? std::string("an axis of \"...\"") : std::string("the label '") + term.labels[k] + "'") +
                     " has lengths " + std::to_string(length) + " and " + std::to_string(own) + " in \"" +
                     std::string(given) + "\", operand " + operands[i].shape().text(),
             .expected = "one length for each label"});
      }
      length = length == 1 ? own : length;
    }
    terms.push_back(std::move(term));
    if (end == inputs.size()) break;
    begin = end + 1;
  }
  if (terms.size() != operands.size())
    refuse(given, std::to_string(operands.size()) + " operands for " + std::to_string(terms.size()) + " terms",
           "one term each");

  Labels result;
  if (arrow != std::string::npos) {
    result = labels_of(given, std::string_view(equation).substr(arrow + 2), hidden_axes);
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (result.find(result[i], i + 1) != Labels::npos)
        refuse(given, std::string("the label '") + result[i] + "' twice in the result", "different labels");
      if (!lengths.contains(result[i]))
        refuse(given, std::string("the label '") + result[i] + "' in the result only", "labels of the operands");
    }
  } else {
    for (int axis = hidden_axes - 1; axis >= 0; --axis) result += static_cast<Label>(axis);
    for (const auto& [label, count] : times)
      if (!is_ellipsis(label) && count == 1) result += label;
  }

  Term total = terms[0];
  for (std::size_t i = 1; i < terms.size(); ++i) {
    Labels wanted = result;
    for (std::size_t k = i + 1; k < terms.size(); ++k) wanted += terms[k].labels;
    total = joined(total, terms[i], wanted);
  }
  return arranged(summed(total, result), result);
}

}  // namespace joist
