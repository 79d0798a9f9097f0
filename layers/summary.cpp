#include <joist/core/layer_names.h>
#include <joist/layers/summary.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

namespace joist {
namespace {

// 2 per multiply-add, as torch.utils.flop_counter.
std::int64_t flops_of(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  const auto elements = [](const Tensor& x) { return x.value().elements(); };
  switch (operation.op) {
    case Op::convolution: return 2 * elements(outputs[0]) * inputs[1].shape().elements(1, inputs[1].rank());
    case Op::convolution_transposed: return 2 * elements(inputs[0]) * inputs[1].shape().elements(1, inputs[1].rank());
    case Op::matmul:
    case Op::linear: return 2 * elements(outputs[0]) * inputs[0].shape(-1);
    case Op::attention:  // q · kᵀ and weights · v
      return 2 * elements(inputs[0]) * inputs[1].shape(-2) + 2 * elements(outputs[0]) * inputs[1].shape(-2);
    case Op::recurrent:  // h · w_hhᵀ of every step; x · w_ihᵀ is an operation of its own
      return inputs[0].rank() == 3 ? 2 * inputs[0].shape().elements(0, 2) * elements(inputs[1]) : 0;
    default: return 0;
  }
}

std::string grouped(std::int64_t number) {  // 1,234,567
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string shapes_of(const SummaryRow& row) {
  std::string text;
  for (const Shape& shape : row.outputs) text += (text.empty() ? "" : " ") + shape.text();
  return text;
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string padded(std::string text, std::size_t width, bool right) {
  if (text.size() < width) text.insert(right ? 0 : text.size(), width - text.size(), ' ');
  return text;
}

std::string layer_of(const Field& field) {
  const std::size_t dot = field.name.rfind('.');
  return dot == std::string::npos ? field.name : field.name.substr(0, dot);
}

class Rows final : public Listener {
 public:
  explicit Rows(const std::vector<Field>& fields) : names_(fields) {
    std::set<const TensorState*> counted;  // parameters that layers share count once
    for (const Field& field : fields) {
      if (!counted.insert(field.tensor.state()).second) continue;
      auto& [parameters, buffers] = sizes_[layer_of(field)];
      (field.trainable ? parameters : buffers) += field.tensor.value().elements();
    }
  }
  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override {
    SummaryRow row{.layer = names_.of(inputs), .operation = describe(operation), .recorded = operation};
    if (!row.layer.empty() && used.insert(row.layer).second) {
      const auto found = sizes_.find(row.layer);
      if (found != sizes_.end()) std::tie(row.parameters, row.buffers) = found->second;
    }
    row.flops = flops_of(operation, inputs, outputs);
    for (const Tensor& output : outputs) {
      row.outputs.push_back(output.shape());
      const bool view = std::any_of(inputs.begin(), inputs.end(), [&output](const Tensor& input) {
        return input.defined() && input.value().shares_memory_with(output.value());
      });
      if (!view) row.bytes += static_cast<std::int64_t>(output.value().bytes());
    }
    rows.push_back(std::move(row));
  }
  std::vector<SummaryRow> rows{};
  std::set<std::string> used{};

 private:
  LayerNames names_;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> sizes_{};
};

}  // namespace

Summary summary_of(const std::vector<Field>& fields, const std::function<void()>& call) {
  Rows rows(fields);
  {
    const Inference inference;
    const Listening listening(rows);
    call();
  }
  Summary summary{.rows = std::move(rows.rows)};
  std::set<const TensorState*> counted;
  for (const Field& field : fields) {
    const std::string layer = layer_of(field);
    if (!rows.used.contains(layer) && (summary.unused.empty() || summary.unused.back() != layer))
      summary.unused.push_back(layer);
    if (!counted.insert(field.tensor.state()).second) continue;
    const std::int64_t count = field.tensor.value().elements();
    summary.parameter_bytes += static_cast<std::int64_t>(field.tensor.value().bytes());
    (field.trainable ? summary.parameters : summary.buffers) += count;
    if (field.trainable && field.tensor.requires_grad()) summary.trainable += count;
  }
  for (const SummaryRow& row : summary.rows) {
    summary.flops += row.flops;
    summary.bytes += row.bytes;
  }
  return summary;
}

std::string Summary::text() const {
  std::vector<std::array<std::string, 6>> lines{{"layer", "operation", "output", "parameters", "FLOPs", "bytes"}};
  for (const SummaryRow& row : rows)
    lines.push_back({row.layer, row.operation, shapes_of(row), row.parameters > 0 ? grouped(row.parameters) : "",
                     row.flops > 0 ? grouped(row.flops) : "", row.bytes > 0 ? grouped(row.bytes) : ""});
  lines.push_back({"total", "", "", grouped(parameters), grouped(flops), grouped(bytes)});
  std::array<std::size_t, 6> widths{};
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string text;
  for (const auto& line : lines) {
    std::string whole;
    for (std::size_t i = 0; i < line.size(); ++i) whole += padded(line[i], widths[i], i >= 3) + "  ";
    whole.erase(whole.find_last_not_of(' ') + 1);
    text += whole + "\n";
  }
  text += grouped(parameters) + " parameters (" + grouped(trainable) + " trainable), " + grouped(buffers) +
          " numbers in buffers, " + grouped(parameter_bytes) + " bytes\n";
  for (const std::string& layer : unused) text += "not used in this call: " + layer + "\n";
  return text;
}

std::string Summary::json() const {
  std::string text = "{\"rows\": [";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const SummaryRow& row = rows[i];
    std::string shapes;
    for (const Shape& shape : row.outputs) shapes += (shapes.empty() ? "" : ", ") + shape.text();
    text += std::string(i == 0 ? "" : ",") + "\n {\"layer\": " + quoted(row.layer) +
            ", \"operation\": " + quoted(row.operation) + ", \"outputs\": [" + shapes +
            "], \"parameters\": " + std::to_string(row.parameters) + ", \"buffers\": " + std::to_string(row.buffers) +
            ", \"flops\": " + std::to_string(row.flops) + ", \"bytes\": " + std::to_string(row.bytes) + "}";
  }
  text += "],\n \"parameters\": " + std::to_string(parameters) + ", \"trainable\": " + std::to_string(trainable) +
          ", \"buffers\": " + std::to_string(buffers) + ", \"parameter_bytes\": " + std::to_string(parameter_bytes) +
          ", \"flops\": " + std::to_string(flops) + ", \"bytes\": " + std::to_string(bytes) + ", \"unused\": [";
  for (std::size_t i = 0; i < unused.size(); ++i) text += (i == 0 ? "" : ", ") + quoted(unused[i]);
  return text + "]}\n";
}

}  // namespace joist
