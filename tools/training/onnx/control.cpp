// Branches and loops. What a body computed is recorded like everything else, so that gradients pass through loops.
#include <joist/tools/training/onnx/call.h>

#include <algorithm>

namespace joist::onnx_ops {
namespace {

Outputs branch(const Call& c) {
  if (c[0].value().elements() != 1) c.refuse("a condition of several elements");
  return c.run(c.number(0) != 0 ? "then_branch" : "else_branch", {});
}

Outputs loop(const Call& c) {
  constexpr std::int64_t most = 10'000'000;
  const std::int64_t count = c.has(0) ? c.whole(0) : most + 1;
  bool go_on = !c.has(1) || c.number(1) != 0;
  std::vector<Tensor> carried(c.all().begin() + std::min<std::ptrdiff_t>(2, static_cast<std::ptrdiff_t>(c.inputs())),
                              c.all().end());
  const std::size_t results_of_body = c.body("body").outputs.size();
  if (results_of_body < 1 + carried.size()) c.refuse("a body with too few outputs");
  const std::size_t scans = results_of_body - 1 - carried.size();
  std::vector<std::vector<Tensor>> collected(scans);
  for (std::int64_t i = 0; i < count && go_on; ++i) {
    if (i >= most) c.refuse("more than ten million rounds");
    std::vector<Tensor> arguments = {full({}, static_cast<double>(i), Dtype::int64), full({}, 1, Dtype::boolean)};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    const Outputs results = c.run("body", arguments);
    if (results.size() != 1 + carried.size() + scans) c.refuse("a body with another number of outputs");
    go_on = results[0].item() != 0;
    for (std::size_t k = 0; k < carried.size(); ++k) carried[k] = results[1 + k];
    for (std::size_t k = 0; k < scans; ++k) collected[k].push_back(results[1 + carried.size() + k]);
  }
  for (const std::vector<Tensor>& each : collected) {
    if (each.empty()) c.unsupported("a loop that runs no round and collects values of unknown shape");
    carried.push_back(stack(each));
  }
  return carried;
}

Outputs scan(const Call& c) {
  if (c.operator_set() < 9) c.unsupported("Scan before operator set 9");
  const auto scanned = static_cast<std::size_t>(c.integer("num_scan_inputs", 1));
  if (scanned < 1 || scanned > c.inputs()) c.refuse("num_scan_inputs out of range");
  for (const char* attribute :
       {"scan_input_axes", "scan_output_axes", "scan_input_directions", "scan_output_directions"})
    for (const std::int64_t value : c.list(attribute))
      if (value != 0) c.unsupported("Scan along other axes than 0, or backwards");
  const auto states = c.inputs() - scanned;
  std::vector<Tensor> carried(c.all().begin(), c.all().begin() + static_cast<std::ptrdiff_t>(states));
  std::vector<std::vector<Tensor>> collected;
  for (std::int64_t i = 0; i < c[states].shape(0); ++i) {
    std::vector<Tensor> arguments = carried;
    for (std::size_t k = states; k < c.inputs(); ++k) arguments.push_back(select(c[k], 0, i));
    const Outputs results = c.run("body", arguments);
    if (results.size() < states) c.refuse("a body with too few outputs");
    std::copy(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(states), carried.begin());
    collected.resize(results.size() - states);
    for (std::size_t k = states; k < results.size(); ++k) collected[k - states].push_back(results[k]);
  }
  for (const std::vector<Tensor>& each : collected) carried.push_back(stack(each));
  return carried;
}

}  // namespace

void add_control(Table& t) {
  t["If"] = branch;
  t["Loop"] = loop;
  t["Scan"] = scan;
}

}  // namespace joist::onnx_ops
